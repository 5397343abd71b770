// The expression language: precedence is Python's, and every node knows its place.
#include "compiler/frontend/Parser.h"
#include "tests/unit/frontend/Frontend.h"

namespace shardc::frontend {
namespace {

ExprPtr parse(const std::string &text) {
  Diagnostics diags;
  const Node node = treeOf("e: |\n  " + text + "\n").entries[0].value;
  ExprPtr expr = parseExpression(node, diags);
  EXPECT_TRUE(expr) << diags.str();
  return expr;
}

/// With every pair of parentheses that the grammar implies.
std::string grouped(const Expr &expr) {
  auto part = [&](size_t i) { return grouped(*expr.operands[i]); };
  switch (expr.kind) {
  case Expr::Kind::Binary:
    return "(" + part(0) + " " + std::string(spelling(expr.op)) + " " + part(1) + ")";
  case Expr::Kind::Negate:
    return "(-" + part(0) + ")";
  case Expr::Kind::Not:
    return "(not " + part(0) + ")";
  case Expr::Kind::Choice:
    return "(" + part(0) + " if " + part(1) + " else " + part(2) + ")";
  default:
    return toString(expr);
  }
}

TEST(Parser, HasPythonsPrecedence) {
  const std::pair<const char *, const char *> cases[] = {
      {"a + b * c", "(a + (b * c))"},
      {"a - b - c", "((a - b) - c)"},
      {"a / b * c", "((a / b) * c)"},
      {"x @ w + b", "((x @ w) + b)"},
      {"a * x @ w", "((a * x) @ w)"},
      {"-a ** 2", "(-(a ** 2))"},
      {"2 ** -a", "(2 ** (-a))"},
      {"a ** b ** c", "(a ** (b ** c))"},
      {"-a * b", "((-a) * b)"},
      {"a + b < c * d", "((a + b) < (c * d))"},
      {"not a == b", "(not (a == b))"},
      {"not a and b or c", "(((not a) and b) or c)"},
      {"a or b and c", "(a or (b and c))"},
      {"a if b else c if d else e", "(a if b else (c if d else e))"},
      {"a + 1 if b or c else d", "((a + 1) if (b or c) else d)"},
      {"(layer + 1) % n != 0", "(((layer + 1) % n) != 0)"},
  };
  for (auto [text, expected] : cases)
    EXPECT_EQ(grouped(*parse(text)), expected);
}

TEST(Parser, PrintsBackWhatItRead) {
  for (const char *text :
       {"a + b * c", "(a + b) * c", "a - (b - c)", "(-a) ** 2", "-a ** 2", "2 ** -a", "(a ** b) ** c",
        "not (a and b)", "(a if b else c) if d else e", "f(x, [kv_heads, group], over=head_dim, eps=1e-05)",
        "(a < b) == (c < d)", "none", "true and false", "a.b.weight @ x", "-(-a)", "0.5", "100"})
    EXPECT_EQ(toString(*parse(text)), text == std::string("-(-a)") ? "--a" : text);
}

TEST(Parser, TellsNumbersApart) {
  EXPECT_TRUE(parse("12")->isInteger);
  EXPECT_FALSE(parse("12.0")->isInteger);
  EXPECT_FALSE(parse("1e3")->isInteger);
  EXPECT_DOUBLE_EQ(parse("1.0e-5")->number, 1e-5);
  EXPECT_DOUBLE_EQ(parse(".5")->number, 0.5);
}

TEST(Parser, ReadsDottedNamesAndCallsAsOneWord) {
  ExprPtr expr = parse("encoder.layer(x @ q_proj.weight, mask=none)");
  EXPECT_EQ(expr->kind, Expr::Kind::Call);
  EXPECT_EQ(expr->name, "encoder.layer");
  EXPECT_EQ(expr->operands[0]->operands[1]->name, "q_proj.weight");
  EXPECT_EQ(expr->keyword("mask")->value->kind, Expr::Kind::None);
  EXPECT_EQ(expr->keyword("x"), nullptr);
}

TEST(Parser, KnowsPlacesInBodies) {
  const Node root = treeOf("modules:\n  m:\n    forward(x, y): |\n      # first\n      a, b = split(x,\n"
                           "                   over=mlp)\n\n      return a @ b.w + y\n");
  Diagnostics diags;
  std::optional<Function> function = parseFunction(root.find("modules")->find("m")->entries[0], diags);
  ASSERT_TRUE(function) << diags.str();
  auto place = [](const Position &at) { return std::to_string(at.line) + ":" + std::to_string(at.column); };
  EXPECT_EQ(function->name, "forward");
  EXPECT_EQ(place(function->at), "3:5");
  ASSERT_EQ(function->params.size(), 2u);
  EXPECT_EQ(place(function->params[1].at), "3:16");
  ASSERT_EQ(function->body.size(), 2u);
  EXPECT_EQ(place(function->body[0].targets[1].at), "5:10");
  EXPECT_EQ(place(function->body[0].value->keywords[0].at), "6:20");
  const Statement &last = function->body[1];
  EXPECT_TRUE(last.isReturn());
  EXPECT_EQ(place(last.at), "8:7");
  EXPECT_EQ(place(last.value->at), "8:22");                           // the `+`
  EXPECT_EQ(place(last.value->operands[0]->operands[1]->at), "8:18"); // b.w
}

TEST(Parser, KnowsPlacesInPlainAndQuotedScalars) {
  const Node root = treeOf("a: 4 * hidden\nb: \"f(x, y)\"\nc: \"x \\x2B y\"\n");
  Diagnostics diags;
  EXPECT_EQ(parseExpression(root.entries[0].value, diags)->operands[1]->at.column, 8);
  EXPECT_EQ(parseExpression(root.entries[1].value, diags)->operands[1]->at.column, 10);
  // text that YAML changed has no columns of its own
  EXPECT_EQ(parseExpression(root.entries[2].value, diags)->operands[1]->at.column, 4);
  EXPECT_TRUE(diags.empty());
}

TEST(Parser, BoundsDepthExactly) {
  Diagnostics diags;
  auto nested = [&](int depth) {
    return parseExpression(
        treeOf("- |\n  " + std::string(depth, '(') + "x" + std::string(depth, ')')).items[0], diags);
  };
  EXPECT_TRUE(nested(maxExprDepth - 1));
  EXPECT_FALSE(nested(maxExprDepth));
}

TEST(Identifier, IsAPlainName) {
  EXPECT_TRUE(isIdentifier("kv_heads2"));
  for (const char *text : {"", "2a", "a.b", "a-b", "a b", "\xC3\xA9"})
    EXPECT_FALSE(isIdentifier(text));
}

} // namespace
} // namespace shardc::frontend
