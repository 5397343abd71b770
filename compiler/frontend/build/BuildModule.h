//===- BuildModule.h - a job as a program of the nn dialect ---------------===//
//
// In:  a job whose names and values were checked (JobSpec.h).
// Out: a module of nn.func, one a distinct instance of a YAML module, with
//      `nn.model`, `nn.recipe` and `dist.plan`; it verifies.
// Not here: the training step, gradients, placements: passes write those.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "compiler/frontend/JobSpec.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"

namespace shardc::frontend {

/// The job's program, or null after reporting every error found.
mlir::OwningOpRef<mlir::ModuleOp> buildModule(mlir::MLIRContext &context, const Job &job, Diagnostics &diags);

} // namespace shardc::frontend
