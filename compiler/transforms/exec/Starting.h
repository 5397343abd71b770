//===- Starting.h - movements that are started here and complete at a wait ===//
#pragma once

#include "dialects/exec/Exec.h"

namespace exec {

/// The collective or call `op` again, with a token: started where the builder stands, complete at the wait
/// for it.
mlir::Operation *createStarted(mlir::OpBuilder &builder, mlir::Operation *op);

/// Calls of modules during which a movement may be under way, as the plan says; 0: none is started.
int64_t prefetchOf(mlir::ModuleOp module);

} // namespace exec
