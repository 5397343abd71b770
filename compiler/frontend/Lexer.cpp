//===- Lexer.cpp - words of the expression language -----------------------===//
#include "compiler/frontend/Lexer.h"
#include <fmt/format.h>

namespace shardc::frontend {

std::string Token::describe() const {
  switch (kind) {
  case Kind::Newline:
    return "the end of the line";
  case Kind::End:
    return "the end of the text";
  default:
    return fmt::format("'{}'", text);
  }
}

namespace {

// Two-letter symbols first, so that the longest match wins. Those that the language lacks are read
// too, so that the parser can say what to write instead.
constexpr std::string_view symbols[] = {
    "**", "//", "==", "!=", "<=", ">=", "+=", "-=", "*=", "/=", ":=", "->", "&&", "||",
    "<<", ">>", "+",  "-",  "*",  "/",  "%",  "@",  "<",  ">",  "=",  "(",  ")",  "[",
    "]",  "{",  "}",  ",",  ":",  ";",  "!",  "?",  "&",  "|",  "^",  "~",  "."};

bool isLetter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool isDigit(char c) {
  return c >= '0' && c <= '9';
}

class Lexer {
public:
  Lexer(std::string_view text, const Position &start, int indent, Diagnostics &diags)
      : text(text), here(start), indent(indent), diags(diags) {}

  std::optional<std::vector<Token>> run() {
    while (skipBlanks(), offset < text.size())
      if (!next())
        return std::nullopt;
    if (!brackets.empty()) {
      diags.error(brackets.back().second, fmt::format("'{}' is not closed", brackets.back().first));
      return std::nullopt;
    }
    endLine();
    push(Token::Kind::End, 0);
    return std::move(tokens);
  }

private:
  char peek(size_t ahead = 0) const { return offset + ahead < text.size() ? text[offset + ahead] : '\0'; }

  void advance(size_t count) {
    offset += count;
    if (indent != fixedPlace)
      here.column += static_cast<int>(count);
    lineStart = false;
  }

  void skipBlanks() {
    for (;;) {
      if (peek() == '#') {
        advance(std::min(text.find('\n', offset), text.size()) - offset);
      } else if (peek() == '\n') {
        endLine();
        startLine();
      } else if (peek() == ' ' || peek() == '\t' || peek() == '\r') {
        indented = lineStart;
        const bool stillAtStart = lineStart;
        advance(1);
        lineStart = stillAtStart;
      } else {
        return;
      }
    }
  }

  void startLine() {
    ++offset;
    lineStart = true;
    indented = false;
    if (indent != fixedPlace) {
      ++here.line;
      here.column = indent + 1;
    }
  }

  void endLine() {
    if (brackets.empty() && !tokens.empty() && tokens.back().kind != Token::Kind::Newline)
      push(Token::Kind::Newline, 0);
  }

  void push(Token::Kind kind, size_t length) {
    tokens.push_back({kind, text.substr(std::min(offset, text.size()), length), here, lineStart && indented});
    advance(length);
  }

  bool next() {
    const char c = peek();
    if (isLetter(c)) {
      push(Token::Kind::Name, nameLength());
      return true;
    }
    if (isDigit(c) || (c == '.' && isDigit(peek(1))))
      return number();
    for (std::string_view symbol : symbols) {
      if (!text.substr(offset).starts_with(symbol))
        continue;
      if (symbol == "(" || symbol == "[")
        brackets.emplace_back(symbol, here);
      else if ((symbol == ")" || symbol == "]") && !brackets.empty())
        brackets.pop_back();
      push(Token::Kind::Symbol, symbol.size());
      return true;
    }
    if (c == '"' || c == '\'')
      diags.error(here, "text in quotes is not part of the language");
    else if (static_cast<unsigned char>(c) >= 0x80)
      diags.error(here, "only ASCII characters are part of the language");
    else
      diags.error(here, fmt::format("character '{}' is not part of the language", c));
    return false;
  }

  size_t nameLength() const {
    size_t length = 0;
    while (isLetter(peek(length)) || isDigit(peek(length)) ||
           (peek(length) == '.' && isLetter(peek(length + 1))))
      ++length;
    return length;
  }

  bool number() {
    size_t length = 0;
    auto digits = [&] {
      while (isDigit(peek(length)))
        ++length;
    };
    digits();
    if (peek(length) == '.') {
      ++length;
      digits();
    }
    if (peek(length) == 'e' || peek(length) == 'E') {
      const size_t sign = peek(length + 1) == '+' || peek(length + 1) == '-';
      if (isDigit(peek(length + 1 + sign))) {
        length += 1 + sign;
        digits();
      }
    }
    if (isLetter(peek(length)) || isDigit(peek(length)) || peek(length) == '.') {
      while (isLetter(peek(length)) || isDigit(peek(length)) || peek(length) == '.')
        ++length;
      diags.error(here, fmt::format("'{}' is not a number", text.substr(offset, length)))
          .note("a number is written like 12, 0.5 or 1.0e-5");
      return false;
    }
    push(Token::Kind::Number, length);
    return true;
  }

  std::string_view text;
  size_t offset = 0;
  Position here;
  int indent;
  Diagnostics &diags;
  std::vector<Token> tokens;
  std::vector<std::pair<std::string_view, Position>> brackets; // that are open
  bool lineStart = true, indented = false;
};

} // namespace

std::optional<std::vector<Token>> tokenize(std::string_view text, const Position &start, int indent,
                                           Diagnostics &diags) {
  return Lexer(text, start, indent, diags).run();
}

} // namespace shardc::frontend
