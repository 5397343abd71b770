//===- FitMemory.h - whether a plan fits its devices ------------------------===//
#pragma once

#include "mlir/IR/BuiltinOps.h"

namespace exec {

/// Reports each program (of a stage, or the one there is) whose arena is larger than the plan's
/// `hardware.memory`, by how much, what it holds, and what would do with less. Success where there is no
/// limit.
mlir::LogicalResult fitMemory(mlir::ModuleOp module);

} // namespace exec
