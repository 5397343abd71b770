//===- Scalars.cpp - scalar functions in arith and math -------------------===//
#include "compiler/frontend/build/Scalars.h"

#include <cmath>

using namespace mlir;

namespace shardc::frontend::build {
namespace {

using Operands = ArrayRef<mlir::Value>;

template <typename FloatOp, typename IntegerOp> mlir::Value either(OpBuilder &b, Location loc, Operands v) {
  if (isa<FloatType>(v[0].getType()))
    return b.create<FloatOp>(loc, v[0], v[1]);
  return b.create<IntegerOp>(loc, v[0], v[1]);
}

template <typename Op> mlir::Value one(OpBuilder &b, Location loc, Operands v) {
  return b.create<Op>(loc, v[0]);
}

mlir::Value floatConstant(OpBuilder &b, Location loc, Type type, double number) {
  return b.create<arith::ConstantOp>(loc, b.getFloatAttr(type, number));
}

ScalarFn compare(arith::CmpFPredicate floats, arith::CmpIPredicate integers) {
  return [=](OpBuilder &b, Location loc, Operands v) -> mlir::Value {
    if (isa<FloatType>(v[0].getType()))
      return b.create<arith::CmpFOp>(loc, floats, v[0], v[1]);
    return b.create<arith::CmpIOp>(loc, integers, v[0], v[1]);
  };
}

/// Python's: the result has the sign of b.
mlir::Value remainder(OpBuilder &b, Location loc, Operands v) {
  if (isa<FloatType>(v[0].getType())) {
    mlir::Value quotient = b.create<math::FloorOp>(loc, b.create<arith::DivFOp>(loc, v[0], v[1]));
    return b.create<arith::SubFOp>(loc, v[0], b.create<arith::MulFOp>(loc, quotient, v[1]));
  }
  mlir::Value truncated = b.create<arith::RemSIOp>(loc, v[0], v[1]);
  return b.create<arith::RemSIOp>(loc, b.create<arith::AddIOp>(loc, truncated, v[1]), v[1]);
}

/// Below -40 the result is 0 in f32 beside any sum, and without the bound exp overflows and its
/// gradient is 0 * infinity.
mlir::Value sigmoid(OpBuilder &b, Location loc, Operands v) {
  Type type = v[0].getType();
  mlir::Value bounded = b.create<arith::MaximumFOp>(loc, v[0], floatConstant(b, loc, type, -40.0));
  mlir::Value exp = b.create<math::ExpOp>(loc, b.create<arith::NegFOp>(loc, bounded));
  mlir::Value unit = floatConstant(b, loc, type, 1.0);
  return b.create<arith::DivFOp>(loc, unit, b.create<arith::AddFOp>(loc, unit, exp));
}

/// x ** n by repeated squaring, n >= 1.
mlir::Value product(OpBuilder &b, Location loc, mlir::Value x, int n) {
  if (n == 1)
    return x;
  mlir::Value half = product(b, loc, x, n / 2);
  mlir::Value square = b.create<arith::MulFOp>(loc, half, half);
  return n % 2 ? b.create<arith::MulFOp>(loc, square, x) : square;
}

constexpr int largestProduct = 16; // beyond, pow is as exact and shorter

} // namespace

ScalarFn binaryScalar(BinaryOp op) {
  using F = arith::CmpFPredicate;
  using I = arith::CmpIPredicate;
  switch (op) {
  case BinaryOp::Add:
    return either<arith::AddFOp, arith::AddIOp>;
  case BinaryOp::Sub:
    return either<arith::SubFOp, arith::SubIOp>;
  case BinaryOp::Mul:
    return either<arith::MulFOp, arith::MulIOp>;
  case BinaryOp::Div:
    return either<arith::DivFOp, arith::DivSIOp>;
  case BinaryOp::Mod:
    return remainder;
  case BinaryOp::Eq:
    return compare(F::OEQ, I::eq);
  case BinaryOp::Ne:
    return compare(F::UNE, I::ne);
  case BinaryOp::Lt:
    return compare(F::OLT, I::slt);
  case BinaryOp::Le:
    return compare(F::OLE, I::sle);
  case BinaryOp::Gt:
    return compare(F::OGT, I::sgt);
  case BinaryOp::Ge:
    return compare(F::OGE, I::sge);
  case BinaryOp::Pow:
  case BinaryOp::MatMul:
  case BinaryOp::And:
  case BinaryOp::Or:
    break;
  }
  return {};
}

ScalarFn powerScalar(double exponent) {
  return [exponent](OpBuilder &b, Location loc, Operands v) -> mlir::Value {
    Type type = v[0].getType();
    const double size = std::abs(exponent);
    mlir::Value result;
    if (exponent == 0)
      return floatConstant(b, loc, type, 1.0);
    if (exponent == -0.5)
      return b.create<math::RsqrtOp>(loc, v[0]);
    if (size == 0.5)
      return b.create<math::SqrtOp>(loc, v[0]);
    if (size != std::floor(size) || size > largestProduct)
      return b.create<math::PowFOp>(loc, v[0], floatConstant(b, loc, type, exponent));
    result = product(b, loc, v[0], static_cast<int>(size));
    return exponent > 0 ? result : b.create<arith::DivFOp>(loc, floatConstant(b, loc, type, 1.0), result);
  };
}

ScalarFn powerScalar() {
  return [](OpBuilder &b, Location loc, Operands v) -> mlir::Value {
    return b.create<math::PowFOp>(loc, v[0], v[1]);
  };
}

ScalarFn unaryScalar(StringRef function) {
  return llvm::StringSwitch<ScalarFn>(function)
      .Case("exp", one<math::ExpOp>)
      .Case("log", one<math::LogOp>)
      .Case("sqrt", one<math::SqrtOp>)
      .Case("rsqrt", one<math::RsqrtOp>)
      .Case("tanh", one<math::TanhOp>)
      .Case("erf", one<math::ErfOp>)
      .Case("negative", one<arith::NegFOp>)
      .Case("sigmoid", sigmoid)
      .Default({});
}

ScalarFn maximumScalar() {
  return either<arith::MaximumFOp, arith::MaxSIOp>;
}

ScalarFn selectScalar() {
  return [](OpBuilder &b, Location loc, Operands v) -> mlir::Value {
    return b.create<arith::SelectOp>(loc, v[0], v[1], v[2]);
  };
}

ScalarFn castScalar(Type to) {
  return [to](OpBuilder &b, Location loc, Operands v) -> mlir::Value {
    const bool isBoolean = v[0].getType().isInteger(1);
    if (isa<IntegerType>(to))
      return b.create<arith::ExtUIOp>(loc, to, v[0]);
    if (isBoolean)
      return b.create<arith::UIToFPOp>(loc, to, v[0]);
    return b.create<arith::SIToFPOp>(loc, to, v[0]);
  };
}

ScalarFn identityScalar() {
  return [](OpBuilder &, Location, Operands v) { return v[0]; };
}

std::optional<double> unaryNumber(StringRef function, double x) {
  double result = llvm::StringSwitch<double>(function)
                      .Case("exp", std::exp(x))
                      .Case("log", std::log(x))
                      .Case("sqrt", std::sqrt(x))
                      .Case("rsqrt", 1 / std::sqrt(x))
                      .Case("tanh", std::tanh(x))
                      .Case("erf", std::erf(x))
                      .Case("negative", -x)
                      .Case("sigmoid", 1 / (1 + std::exp(-x)))
                      .Default(std::nan(""));
  return std::isfinite(result) ? std::optional(result) : std::nullopt;
}

} // namespace shardc::frontend::build
