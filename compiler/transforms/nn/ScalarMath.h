//===- ScalarMath.h - short names for the scalar ops of a map -------------===//
#pragma once

#include "dialects/nn/Nn.h"

#include "mlir/IR/Builders.h"

namespace nn {

/// Writes the body of a map.
struct ScalarMath {
  mlir::OpBuilder &builder;
  mlir::Location loc;
  using Value = mlir::Value;

  Value number(double value) {
    return builder.create<mlir::arith::ConstantOp>(loc, builder.getF32FloatAttr(static_cast<float>(value)));
  }
  Value integer(int64_t value) {
    return builder.create<mlir::arith::ConstantOp>(loc, builder.getI64IntegerAttr(value));
  }
  template <typename Op> Value op(Value a, Value b) { return builder.create<Op>(loc, a, b); }
  template <typename Op> Value op(Value a) { return builder.create<Op>(loc, a); }

  Value add(Value a, Value b) { return op<mlir::arith::AddFOp>(a, b); }
  Value sub(Value a, Value b) { return op<mlir::arith::SubFOp>(a, b); }
  Value mul(Value a, Value b) { return op<mlir::arith::MulFOp>(a, b); }
  Value div(Value a, Value b) { return op<mlir::arith::DivFOp>(a, b); }
  Value max(Value a, Value b) { return op<mlir::arith::MaximumFOp>(a, b); }
  Value min(Value a, Value b) { return op<mlir::arith::MinimumFOp>(a, b); }
  Value sqrt(Value a) { return op<mlir::math::SqrtOp>(a); }
  Value toFloat(Value i) { return builder.create<mlir::arith::SIToFPOp>(loc, builder.getF32Type(), i); }
};

/// A map of `operands` whose body `write` gives, one value for each of `types`.
inline MapOp
writeMap(mlir::OpBuilder &builder, mlir::Location loc, mlir::TypeRange types, mlir::ValueRange operands,
         llvm::function_ref<llvm::SmallVector<mlir::Value>(ScalarMath, mlir::ValueRange)> write) {
  return builder.create<MapOp>(loc, types, operands,
                               [&](mlir::OpBuilder &body, mlir::Location loc, mlir::ValueRange in) {
                                 return write(ScalarMath{body, loc}, in);
                               });
}

} // namespace nn
