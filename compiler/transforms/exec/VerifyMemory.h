//===- VerifyMemory.h - walk a function and watch its memory --------------===//
#pragma once

#include "compiler/transforms/exec/VerifyCells.h"

namespace exec {

/// Runs through a function in order, loop bodies twice, and fails at the first op that
/// - reads what was never written, or what another life has taken the bytes of,
/// - writes where the function may only read, or anything but adds to an accumulator,
/// - writes over an operand that it reads otherwise than element by element in place,
/// - touches what a collective, call or message under way still needs, or leaves one without a wait,
/// - hands peers a buffer that lies elsewhere on them,
/// or at an argument `out`, or in @init a weight, that is not written in full.
mlir::LogicalResult verifyMemory(FuncOp func, mlir::SymbolTable &symbols);

} // namespace exec
