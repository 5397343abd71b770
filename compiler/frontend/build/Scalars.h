//===- Scalars.h - scalar functions that maps are made of -----------------===//
#pragma once
#include "compiler/frontend/build/Term.h"

namespace shardc::frontend::build {

/// `a OP b` of two floats or two integers; a comparison gives i1. Not `@`, `and`, `or`, `**`.
ScalarFn binaryScalar(BinaryOp op);
/// `a ** exponent` of a float: products where the exponent is a small whole number, roots, else math.powf.
ScalarFn powerScalar(double exponent);
/// `a ** b` of floats.
ScalarFn powerScalar();
/// exp, log, sqrt, rsqrt, tanh, erf, sigmoid of a float.
ScalarFn unaryScalar(llvm::StringRef function);
/// The larger of two floats or integers.
ScalarFn maximumScalar();
/// `condition ? a : b`.
ScalarFn selectScalar();
/// A value as an element of another type: i32 or i1 to f32, i1 to i32.
ScalarFn castScalar(mlir::Type to);
/// The value itself: for broadcasts.
ScalarFn identityScalar();

/// The same functions at compile time (of two numbers: `binaryNumber`); nothing where there is no finite
/// value.
std::optional<double> unaryNumber(llvm::StringRef function, double x);

} // namespace shardc::frontend::build
