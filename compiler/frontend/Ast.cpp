//===- Ast.cpp - expression trees back to text ----------------------------===//
#include "compiler/frontend/Ast.h"
#include <fmt/format.h>
#include <iterator>

namespace shardc::frontend {

std::string_view spelling(BinaryOp op) {
  static constexpr std::string_view spellings[] = {
      "+", "-", "*", "/", "%", "**", "@", "==", "!=", "<", "<=", ">", ">=", "and", "or"};
  static_assert(std::size(spellings) == static_cast<size_t>(BinaryOp::Or) + 1);
  return spellings[static_cast<size_t>(op)];
}

const Keyword *Expr::keyword(std::string_view text) const {
  for (const Keyword &candidate : keywords)
    if (candidate.name == text)
      return &candidate;
  return nullptr;
}

namespace {

// How tightly each form binds, as in Python; 0 stands for `a if c else b`.
enum Binding { choice = 0, orLevel, andLevel, notLevel, compare, sum, term, negate, power, atom };

Binding levelOf(const Expr &expr) {
  switch (expr.kind) {
  case Expr::Kind::Choice:
    return choice;
  case Expr::Kind::Not:
    return notLevel;
  case Expr::Kind::Negate:
    return negate;
  case Expr::Kind::Number:
    return expr.number < 0 ? negate : atom;
  case Expr::Kind::Binary:
    break;
  default:
    return atom;
  }
  switch (expr.op) {
  case BinaryOp::Or:
    return orLevel;
  case BinaryOp::And:
    return andLevel;
  case BinaryOp::Add:
  case BinaryOp::Sub:
    return sum;
  case BinaryOp::Mul:
  case BinaryOp::Div:
  case BinaryOp::Mod:
  case BinaryOp::MatMul:
    return term;
  case BinaryOp::Pow:
    return power;
  default:
    return compare;
  }
}

std::string print(const Expr &expr, int atLeast);

std::string printAll(const Expr &expr) {
  std::string text;
  for (const ExprPtr &operand : expr.operands)
    text += (text.empty() ? "" : ", ") + print(*operand, choice);
  for (const Keyword &keyword : expr.keywords)
    text += fmt::format("{}{}={}", text.empty() ? "" : ", ", keyword.name, print(*keyword.value, choice));
  return text;
}

std::string printBare(const Expr &expr) {
  auto operand = [&](size_t i, int atLeast) { return print(*expr.operands[i], atLeast); };
  switch (expr.kind) {
  case Expr::Kind::Number:
    return expr.isInteger ? fmt::format("{:.0f}", expr.number) : fmt::format("{}", expr.number);
  case Expr::Kind::Bool:
    return expr.boolean ? "true" : "false";
  case Expr::Kind::None:
    return "none";
  case Expr::Kind::Name:
    return expr.name;
  case Expr::Kind::List:
    return "[" + printAll(expr) + "]";
  case Expr::Kind::Call:
    return expr.name + "(" + printAll(expr) + ")";
  case Expr::Kind::Negate:
    return "-" + operand(0, negate);
  case Expr::Kind::Not:
    return "not " + operand(0, notLevel);
  case Expr::Kind::Choice:
    return fmt::format("{} if {} else {}", operand(0, orLevel), operand(1, orLevel), operand(2, choice));
  case Expr::Kind::Binary:
    break;
  }
  const int level = levelOf(expr);
  // `**` groups from the right, and its right side may be negative; the others group from the left.
  const bool isPower = expr.op == BinaryOp::Pow;
  const bool chains = level != compare;
  return fmt::format("{} {} {}", operand(0, isPower || !chains ? level + 1 : level), spelling(expr.op),
                     operand(1, isPower ? negate : level + 1));
}

std::string print(const Expr &expr, int atLeast) {
  std::string text = printBare(expr);
  return levelOf(expr) < atLeast ? "(" + text + ")" : text;
}

} // namespace

std::string toString(const Expr &expr) {
  return print(expr, choice);
}

} // namespace shardc::frontend
