//===- Cleanup.h - fold and remove what is dead, after a pass wrote a function ===//
#pragma once

#include "dialects/nn/Nn.h"

namespace nn {

/// Canonicalizes the body of `func` with the patterns of the nn dialect alone: no scalar program is
/// rewritten.
void cleanUp(FuncOp func);

/// Keeps one of ops that compute the same.
void shareEqualOps(FuncOp func);

/// Gives each bundle that is an argument of `func` exactly one unpack, at the top: its results stand for the
/// fields from then on.
void unpackArgumentsOnce(FuncOp func);
/// That unpack.
UnpackOp unpackOf(mlir::BlockArgument argument);

} // namespace nn
