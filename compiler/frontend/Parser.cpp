//===- Parser.cpp - recursive descent over Python's precedence ------------===//
//
//   choice:  or ["if" or "else" choice]         sum:    term (("+" | "-") term)*
//   or:      and ("or" and)*                    term:   unary (("*" | "/" | "%" | "@") unary)*
//   and:     not ("and" not)*                   unary:  "-" unary | power
//   not:     "not" not | compare                power:  atom ["**" unary]
//   compare: sum [("==" | "<" | ...) sum]       atom:   number | name [call] | (choice) | [list]
//
// The first error of a statement ends that statement; the next one is read all the same.
//
//===----------------------------------------------------------------------===//
#include "compiler/frontend/Parser.h"
#include "compiler/frontend/Lexer.h"
#include <algorithm>
#include <charconv>
#include <cmath>
#include <fmt/format.h>

namespace shardc::frontend {
namespace {

/// Thrown after an error was reported; caught at the end of the statement.
struct Stop {};

bool isOneOf(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), text) != words.end();
}

/// What to write instead of a symbol or word that the language lacks, if there is something.
std::string_view instead(std::string_view text) {
  static constexpr std::pair<std::string_view, std::string_view> advice[] = {
      {"//", "divide with '/': sizes must come out whole"},
      {"&&", "write 'and'"},
      {"||", "write 'or'"},
      {"!", "write 'not'"},
      {"^", "write '**' for a power"},
      {"True", "write 'true'"},
      {"False", "write 'false'"},
      {"None", "write 'none'"},
      {"?", "write 'a if condition else b'"},
      {"+=", "'+=' is reserved for named losses, which are not supported yet"},
      {"-=", "write 'x = x - ...'"},
      {"*=", "write 'x = x * ...'"},
      {"/=", "write 'x = x / ...'"},
      {"[", "indexing is not part of the language: use gather, slice or unstack"},
      {"{", "maps are not part of the language"},
      {"for", "loops are not part of the language: repeat a child instead"},
      {"while", "loops are not part of the language: repeat a child instead"},
      {"if", "write 'x = a if condition else b'"},
      {"def", "write functions below 'functions:'"},
  };
  for (const auto &[wrong, right] : advice)
    if (wrong == text)
      return right;
  return "";
}

class Parser {
public:
  Parser(const std::vector<Token> &tokens, Diagnostics &diags) : tokens(tokens), diags(diags) {}

  ExprPtr wholeExpression() {
    try {
      ExprPtr expr = parseChoice();
      if (token().kind == Token::Kind::Newline)
        ++next;
      if (token().kind != Token::Kind::End)
        unexpected("expected an operator or the end of the expression");
      return expr;
    } catch (const Stop &) {
      return nullptr;
    }
  }

  std::vector<Statement> statements() {
    std::vector<Statement> body;
    while (token().kind != Token::Kind::End) {
      try {
        body.push_back(parseStatement());
      } catch (const Stop &) {
        while (token().kind != Token::Kind::Newline && token().kind != Token::Kind::End)
          ++next;
        if (token().kind == Token::Kind::Newline)
          ++next;
      }
    }
    return body;
  }

  /// `name(a, b)`
  bool signature(Function &function) {
    try {
      function.at = token().at;
      function.name = plainName("a function's name");
      expect("(");
      while (!token().is(")")) {
        Name param{"", token().at};
        param.value = plainName("a parameter's name");
        for (const Name &other : function.params)
          if (other.value == param.value)
            fail(param.at, fmt::format("parameter '{}' is listed twice", param.value));
        function.params.push_back(std::move(param));
        if (!token().is(")"))
          expect(",");
      }
      ++next;
      return true;
    } catch (const Stop &) {
      return false;
    }
  }

private:
  using Name = Located<std::string>;

  const Token &token(size_t ahead = 0) const { return tokens[std::min(next + ahead, tokens.size() - 1)]; }

  [[noreturn]] void fail(const Position &at, std::string message, std::string_view note = "") {
    Diagnostic &error = diags.error(at, std::move(message));
    if (!note.empty())
      error.note(std::string(note));
    throw Stop{};
  }

  [[noreturn]] void unexpected(std::string_view expected) {
    fail(token().at, fmt::format("{}, got {}", expected, token().describe()), instead(token().text));
  }

  void expect(std::string_view symbol) {
    if (!token().is(symbol))
      unexpected(fmt::format("expected '{}'", symbol));
    ++next;
  }

  bool take(std::string_view word) {
    if (!token().is(word))
      return false;
    ++next;
    return true;
  }

  std::string plainName(std::string_view what) {
    if (token().kind != Token::Kind::Name)
      unexpected(fmt::format("expected {}", what));
    if (isReservedWord(token().text))
      fail(token().at, fmt::format("'{}' is a reserved word and cannot be {}", token().text, what));
    if (!isIdentifier(token().text))
      fail(token().at, fmt::format("'{}' cannot be {}: it has a dot", token().text, what));
    return std::string(tokens[next++].text);
  }

  Statement parseStatement() {
    if (token().indented)
      fail(token().at, "this line is indented deeper than the first; there are no nested statements");
    Statement statement;
    statement.at = token().at;
    if (!take("return"))
      parseTargets(statement);
    statement.value = parseChoice();
    if (token().is(","))
      unexpected(statement.isReturn() ? "a function returns one value"
                                      : "expected an operator or the end of the line");
    if (token().kind == Token::Kind::Newline)
      ++next;
    else if (token().kind != Token::Kind::End)
      unexpected("expected an operator or the end of the line");
    return statement;
  }

  void parseTargets(Statement &statement) {
    const bool assigns = token().kind == Token::Kind::Name &&
                         (token(1).is("=") || token(1).is(",") || !instead(token(1).text).empty());
    if (!assigns)
      fail(token().at, fmt::format("a statement cannot begin with {} here", token().describe()),
           token().is("if") || token().is("for") || token().is("while") || token().is("def")
               ? instead(token().text)
               : "a statement is 'x = ...', 'a, b = ...' or 'return ...'");
    do {
      Name target{"", token().at};
      target.value = plainName("a value's name");
      statement.targets.push_back(std::move(target));
    } while (take(","));
    expect("=");
  }

  /// Counts how deep the parser is inside brackets and prefixes, which bounds its recursion.
  class Nesting {
  public:
    explicit Nesting(Parser &parser) : parser(parser) {
      if (++parser.nesting > maxExprDepth)
        parser.fail(parser.token().at, tooDeep());
    }
    ~Nesting() { --parser.nesting; }

  private:
    Parser &parser;
  };

  static std::string tooDeep() {
    return fmt::format("the expression is nested more than {} deep", maxExprDepth);
  }

  ExprPtr make(Expr expr) {
    auto deepen = [&](const ExprPtr &part) { expr.depth = std::max(expr.depth, part->depth + 1); };
    for (const ExprPtr &operand : expr.operands)
      deepen(operand);
    for (const Keyword &keyword : expr.keywords)
      deepen(keyword.value);
    if (expr.depth > maxExprDepth)
      fail(expr.at, tooDeep());
    return std::make_shared<const Expr>(std::move(expr));
  }

  ExprPtr makeBinary(BinaryOp op, const Position &at, ExprPtr left, ExprPtr right) {
    Expr expr{Expr::Kind::Binary, at};
    expr.op = op;
    expr.operands = {std::move(left), std::move(right)};
    return make(std::move(expr));
  }

  ExprPtr makeWith(Expr::Kind kind, const Position &at, std::vector<ExprPtr> operands) {
    Expr expr{kind, at};
    expr.operands = std::move(operands);
    return make(std::move(expr));
  }

  /// The operator among `ops` that stands here, and its place; it is then read.
  std::optional<std::pair<BinaryOp, Position>> takeOperator(std::initializer_list<BinaryOp> ops) {
    for (BinaryOp op : ops)
      if (token().is(spelling(op)))
        return std::pair(op, tokens[next++].at);
    return std::nullopt;
  }

  template <typename Part> ExprPtr leftToRight(std::initializer_list<BinaryOp> ops, Part part) {
    ExprPtr left = part();
    while (auto found = takeOperator(ops))
      left = makeBinary(found->first, found->second, left, part());
    return left;
  }

  ExprPtr parseChoice() {
    Nesting guard(*this);
    ExprPtr chosen = parseOr();
    if (!take("if"))
      return chosen;
    ExprPtr condition = parseOr();
    if (!take("else"))
      unexpected("expected 'else' after 'a if condition'");
    ExprPtr other = parseChoice();
    const Position at = chosen->at;
    return makeWith(Expr::Kind::Choice, at, {std::move(chosen), std::move(condition), std::move(other)});
  }

  ExprPtr parseOr() {
    return leftToRight({BinaryOp::Or}, [&] { return parseAnd(); });
  }
  ExprPtr parseAnd() {
    return leftToRight({BinaryOp::And}, [&] { return parseNot(); });
  }

  ExprPtr parseNot() {
    if (!token().is("not"))
      return parseCompare();
    Nesting guard(*this);
    const Position at = tokens[next++].at;
    return makeWith(Expr::Kind::Not, at, {parseNot()});
  }

  ExprPtr parseCompare() {
    static constexpr auto comparisons = {BinaryOp::Eq, BinaryOp::Ne, BinaryOp::Lt,
                                         BinaryOp::Le, BinaryOp::Gt, BinaryOp::Ge};
    ExprPtr left = parseSum();
    auto found = takeOperator(comparisons);
    if (!found)
      return left;
    ExprPtr result = makeBinary(found->first, found->second, left, parseSum());
    if (takeOperator(comparisons))
      fail(tokens[next - 1].at, "comparisons cannot be chained", "join two of them with 'and'");
    return result;
  }

  ExprPtr parseSum() {
    return leftToRight({BinaryOp::Add, BinaryOp::Sub}, [&] { return parseTerm(); });
  }
  ExprPtr parseTerm() {
    return leftToRight({BinaryOp::Mul, BinaryOp::Div, BinaryOp::Mod, BinaryOp::MatMul},
                       [&] { return parseUnary(); });
  }

  ExprPtr parseUnary() {
    if (!token().is("-"))
      return parsePower();
    Nesting guard(*this);
    const Position at = tokens[next++].at;
    return makeWith(Expr::Kind::Negate, at, {parseUnary()});
  }

  ExprPtr parsePower() {
    ExprPtr base = parseAtom();
    auto found = takeOperator({BinaryOp::Pow});
    if (!found)
      return base;
    Nesting guard(*this);
    return makeBinary(found->first, found->second, base, parseUnary());
  }

  ExprPtr parseAtom() {
    if (token().kind == Token::Kind::Number)
      return parseNumber();
    if (token().kind == Token::Kind::Name)
      return parseName();
    if (token().is("["))
      return parseList();
    if (!take("("))
      unexpected("expected a value");
    ExprPtr inner = parseChoice();
    if (token().is(","))
      unexpected("expected ')'");
    expect(")");
    return inner;
  }

  ExprPtr parseNumber() {
    const Token &word = tokens[next++];
    Expr expr{Expr::Kind::Number, word.at};
    std::from_chars(word.text.data(), word.text.data() + word.text.size(), expr.number);
    // from_chars leaves the value alone when it does not fit a double
    if (expr.number == 0 && word.text.find_first_of("123456789") < word.text.find_first_of("eE"))
      fail(word.at, fmt::format("number '{}' is too large or too small", word.text));
    expr.isInteger = word.text.find_first_of(".eE") == std::string_view::npos;
    return make(std::move(expr));
  }

  ExprPtr parseName() {
    const Token &word = token();
    Expr expr{Expr::Kind::Name, word.at};
    if (isOneOf(word.text, {"true", "false"})) {
      expr.kind = Expr::Kind::Bool;
      expr.boolean = word.text == "true";
    } else if (isOneOf(word.text, {"none", "null"})) {
      expr.kind = Expr::Kind::None;
    } else if (isReservedWord(word.text)) {
      unexpected("expected a value");
    } else {
      expr.name = word.text;
    }
    ++next;
    if (expr.kind == Expr::Kind::Name && take("(")) {
      expr.kind = Expr::Kind::Call;
      parseArguments(expr);
    }
    if (token().is("["))
      unexpected("expected an operator");
    return make(std::move(expr));
  }

  void parseArguments(Expr &call) {
    while (!token().is(")")) {
      if (token().kind == Token::Kind::Name && token(1).is("=")) {
        Keyword keyword{"", token().at, nullptr};
        keyword.name = plainName("an argument's name");
        if (call.keyword(keyword.name))
          fail(keyword.at, fmt::format("argument '{}' is given twice", keyword.name));
        ++next;
        keyword.value = parseChoice();
        call.keywords.push_back(std::move(keyword));
      } else {
        if (!call.keywords.empty())
          fail(token().at, "an argument without a name stands after one with a name");
        call.operands.push_back(parseChoice());
      }
      if (!token().is(")") && !take(","))
        unexpected(fmt::format("expected ',' or ')' in the arguments of '{}'", call.name));
    }
    ++next;
  }

  ExprPtr parseList() {
    Expr expr{Expr::Kind::List, tokens[next++].at};
    while (!token().is("]")) {
      expr.operands.push_back(parseChoice());
      if (!token().is("]") && !take(","))
        unexpected("expected ',' or ']' in a list");
    }
    ++next;
    return make(std::move(expr));
  }

  const std::vector<Token> &tokens;
  size_t next = 0;
  int nesting = 0;
  Diagnostics &diags;
};

/// Where the text of a scalar stands. Text that YAML changed (escapes, folded lines) has no places
/// within: all of it then stands at the scalar's.
struct TextPlace {
  Position start;
  int indent = 0;
};

std::string_view lineOf(const Position &at) {
  std::string_view rest = at.file->text;
  for (int line = 1; line < at.line; ++line)
    rest.remove_prefix(std::min(rest.find('\n'), rest.size() - 1) + 1);
  return rest.substr(0, rest.find('\n'));
}

TextPlace placeOf(const Node &node) {
  if (node.at.line == 0)
    return {node.at, fixedPlace};
  if (node.block)
    return {node.at, node.indent};
  const std::string_view line = lineOf(node.at);
  const size_t column = static_cast<size_t>(node.at.column) - 1 + node.quoted;
  if (column > line.size() || !line.substr(column).starts_with(node.text))
    return {node.at, fixedPlace};
  return {{node.at.file, node.at.line, static_cast<int>(column) + 1}, 0};
}

ExprPtr constant(const Node &node) {
  Expr expr{Expr::Kind::None, node.at};
  if (node.kind == Node::Kind::Bool) {
    expr.kind = Expr::Kind::Bool;
    expr.boolean = node.boolean;
  } else if (node.isNumber()) {
    expr.kind = Expr::Kind::Number;
    expr.number = node.number;
    expr.isInteger = node.kind == Node::Kind::Integer;
  }
  return std::make_shared<const Expr>(std::move(expr));
}

/// The one return stands last.
void checkReturn(const Function &function, Diagnostics &diags) {
  auto isReturn = [](const Statement &statement) { return statement.isReturn(); };
  const auto &body = function.body;
  const auto first = std::find_if(body.begin(), body.end(), isReturn);
  if (first == body.end())
    diags.error(function.at, fmt::format("'{}' has no return", function.name))
        .note(body.back().at, "its last statement must be 'return ...'");
  else if (first + 1 != body.end())
    diags.error((first + 1)->at, "this statement stands after the return")
        .note(first->at, "the return is here; it must be the last statement");
}

} // namespace

bool isReservedWord(std::string_view word) {
  return isOneOf(word, {"and",      "or",    "not",   "if",       "else",   "return", "true",   "false",
                        "none",     "null",  "True",  "False",    "None",   "as",     "assert", "async",
                        "await",    "break", "class", "continue", "def",    "del",    "elif",   "except",
                        "finally",  "for",   "from",  "global",   "import", "in",     "is",     "lambda",
                        "nonlocal", "pass",  "raise", "try",      "while",  "with",   "yield"});
}

bool isIdentifier(std::string_view text) {
  auto isLetter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  auto isDigit = [](char c) { return c >= '0' && c <= '9'; };
  return !text.empty() && isLetter(text[0]) &&
         std::all_of(text.begin(), text.end(), [&](char c) { return isLetter(c) || isDigit(c); });
}

ExprPtr parseExpression(const Node &node, Diagnostics &diags) {
  if (!node.isScalar()) {
    diags.error(node.at, fmt::format("expected an expression, got {}", node.describe()));
    return nullptr;
  }
  if (node.kind != Node::Kind::Text)
    return constant(node);
  const TextPlace place = placeOf(node);
  auto tokens = tokenize(node.text, place.start, place.indent, diags);
  return tokens ? Parser(*tokens, diags).wholeExpression() : nullptr;
}

std::optional<Function> parseFunction(const Entry &entry, Diagnostics &diags) {
  const size_t before = diags.size();
  Function function;
  if (auto tokens = tokenize(entry.key, entry.keyAt, 0, diags))
    Parser(*tokens, diags).signature(function);
  const Node &text = entry.value;
  if (text.kind != Node::Kind::Text || !text.block) {
    diags.error(text.at, fmt::format("expected a literal block, got {}", text.describe()))
        .note(fmt::format("write '{}: |' and the statements on the lines below", entry.key));
    return std::nullopt;
  }
  const TextPlace place = placeOf(text);
  if (auto tokens = tokenize(text.text, place.start, place.indent, diags))
    function.body = Parser(*tokens, diags).statements();
  if (diags.size() != before)
    return std::nullopt;
  if (function.body.empty())
    diags.error(entry.keyAt, fmt::format("'{}' has an empty body", function.name));
  else
    checkReturn(function, diags);
  return diags.size() == before ? std::optional(std::move(function)) : std::nullopt;
}

} // namespace shardc::frontend
