//===- Moves.h - functions that only move ---------------------------------===//
#pragma once

#include "dialects/exec/Exec.h"

namespace exec {

/// Whether a function holds nothing but copies and collectives: a module's weights in another layout.
bool onlyMoves(FuncOp func);
/// Such a function that sends something.
bool movesBetweenRanks(FuncOp func);

/// Ops that yield a pointer or key and touch no memory.
bool isPointer(mlir::Operation *op);

} // namespace exec
