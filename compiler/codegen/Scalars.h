//===- Scalars.h - scalar arith and math ops as C++ expressions ------------===//
#pragma once

#include "mlir/IR/Operation.h"

#include <string>

namespace shardc::codegen {

/// How tightly an expression binds; the smaller, the tighter.
enum class Binding { primary, unary, product, sum, comparison, conjunction, conditional };

struct Expression {
  std::string text;
  Binding binding = Binding::primary;

  /// In parentheses where it binds less tightly than `most`.
  std::string within(Binding most) const { return binding <= most ? text : "(" + text + ")"; }
};

/// The op's value from its operands' expressions; fails silently where the op has no C++ form.
llvm::FailureOr<Expression> scalarExpression(mlir::Operation *op, llvm::ArrayRef<Expression> operands);

} // namespace shardc::codegen
