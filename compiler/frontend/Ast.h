//===- Ast.h - the expression language of `forward` and of config ---------===//
//
// A subset of Python's grammar, with Python's precedence. Nodes are immutable
// and shared; a tree is at most `maxExprDepth` deep, so recursion over it is safe.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "compiler/frontend/Source.h"
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace shardc::frontend {

struct Expr;
using ExprPtr = std::shared_ptr<const Expr>;

constexpr int maxExprDepth = 200;

enum class BinaryOp { Add, Sub, Mul, Div, Mod, Pow, MatMul, Eq, Ne, Lt, Le, Gt, Ge, And, Or };

/// The operator as written: `+`, `==`, `and`, ...
std::string_view spelling(BinaryOp op);

struct Keyword {
  std::string name;
  Position at;
  ExprPtr value;
};

struct Expr {
  enum class Kind {
    Number, ///< number, isInteger
    Bool,   ///< boolean
    None,   ///< `none` (or `null`)
    Name,   ///< name, dotted: `q_proj.weight`
    List,   ///< operands: `[kv_heads, group]`
    Negate, ///< operands[0]
    Not,    ///< operands[0]
    Binary, ///< op, operands[0], operands[1]
    Choice, ///< `operands[0] if operands[1] else operands[2]`
    Call,   ///< name(operands..., keywords...)
  };

  Kind kind = Kind::None;
  Position at; ///< of its first token; of the operator for Binary
  double number = 0;
  bool isInteger = false; ///< written without `.` and `e`
  bool boolean = false;
  std::string name;
  BinaryOp op = BinaryOp::Add;
  std::vector<ExprPtr> operands;
  std::vector<Keyword> keywords;
  int depth = 1;

  bool isName(std::string_view text) const { return kind == Kind::Name && name == text; }
  const Keyword *keyword(std::string_view text) const;
};

/// Source-like text with only the parentheses that are needed: for errors and tests.
std::string toString(const Expr &expr);

/// `targets = value`, or `return value` when there are no targets.
struct Statement {
  Position at;
  std::vector<Located<std::string>> targets;
  ExprPtr value;

  bool isReturn() const { return targets.empty(); }
};

/// `name(params)` and its body; the last statement, and only that, is the return.
struct Function {
  std::string name;
  Position at;
  std::vector<Located<std::string>> params;
  std::vector<Statement> body;
};

} // namespace shardc::frontend
