//===- Verify.h - a job's plan, checked by value on shrunk sizes ----------===//
//
// Runs the training step of the job on one device and on every rank of its mesh, in f64 in this process, on
// the same random weights and data, and compares: initial weights, loss, each gradient, and weights and
// moments after some steps of the optimizer.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/interpreter/Compare.h"
#include "compiler/interpreter/Shrink.h"

namespace shardc::interpreter {

/// Takes a module from the frontend further.
using Lower = std::function<llvm::LogicalResult(mlir::ModuleOp)>;

struct VerifyOptions {
  Lower toStep, toDist; ///< the training step of one device; the same, placed, with collectives
  int64_t world = 0;    ///< 0: the plan's own
  int64_t steps = 3;
  Handlers handlers = allHandlers();
  bool checkReplicas = true;
};

struct Verification {
  Comparison comparison;
  std::vector<Shrunk> changes;
  int64_t world = 1;

  bool passes() const { return comparison.passes(); }
  void print(llvm::raw_ostream &stream) const;
};

/// Errors of the job are in `diags`; those of passes and of the run went to the context's handlers. The
/// context must have the dialects loaded.
std::optional<Verification> verifyJob(mlir::MLIRContext &context, const frontend::Job &job,
                                      const VerifyOptions &options, frontend::Diagnostics &diags);

/// Random tokens below the shortest axis that a table is gathered along by an input; one label in eight is
/// ignored.
Inputs randomInputs(mlir::ModuleOp module, uint64_t seed);

/// The same for programs that were lowered already, at their own sizes.
std::optional<Comparison> comparePrograms(const frontend::Job &job, mlir::ModuleOp global,
                                          mlir::ModuleOp placed, const VerifyOptions &options);

} // namespace shardc::interpreter
