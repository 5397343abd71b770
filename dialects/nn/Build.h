//===- Build.h - the few programs that passes write often -----------------===//
#pragma once

#include "dialects/nn/Nn.h"

#include "mlir/IR/Builders.h"
#include "llvm/ADT/BitVector.h"

namespace nn {

/// The name a value has in dumps, or "".
llvm::StringRef nameOf(mlir::Value value);
/// The place of a value under that name: of several results this one's.
mlir::Location locOf(mlir::Value value);

/// The place of `loc` for an op with several results: the name of each.
mlir::Location namedAll(mlir::Location loc, llvm::ArrayRef<std::string> names);
/// The same after the results `dead` are gone.
mlir::Location locWithout(mlir::Location loc, const llvm::BitVector &dead);

/// The place of `op` under the name `d_<name of value>`: where the gradient of `value` through `op` comes
/// from.
mlir::Location gradientLoc(mlir::Operation *op, mlir::Value value);
/// That name.
std::string gradientName(mlir::Operation *op, mlir::Value value);

/// A map without operands: every element is `number`.
mlir::Value buildFill(mlir::OpBuilder &builder, mlir::Location loc, NamedTensorType type, double number);

/// `value` repeated along the axes of `type` that it lacks; `value` itself if the type is its own.
mlir::Value buildBroadcast(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value value,
                           NamedTensorType type);

/// `lhs + rhs` in the type of `lhs`, whose axes hold those of `rhs`.
mlir::Value buildSum(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value lhs, mlir::Value rhs);

/// `value` summed over the axes that `type` lacks; a broadcast is undone.
mlir::Value buildSumTo(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value value, NamedTensorType type);

/// The axes of `type` that `other` lacks, as an attribute of names.
mlir::ArrayAttr axesWithout(NamedTensorType type, NamedTensorType other);

} // namespace nn
