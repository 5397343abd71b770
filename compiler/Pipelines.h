//===- Pipelines.h - the levels of the compiler, in order -----------------===//
#pragma once

#include "mlir/IR/BuiltinOps.h"

#include <string>

namespace shardc {

/// Where to stop. Each stage includes those before it.
enum class Stage {
  Nn,   ///< the model as written: one device, one function a module
  Step, ///< the training step: forward, backward, optimizer; still one device
  Pipe, ///< a program for each stage of the pipeline; without one as before
  Dist, ///< placed on the mesh, every movement a collective
  Exec, ///< what one rank does: buffers, kernels, products, collectives
};

struct PipelineOptions {
  std::string dumpDir;     ///< write the program after each level here; empty: don't
  bool timing = false;     ///< print the seconds of each pass
  bool rehearse = false;   ///< what computes becomes a pause, when all else is done
  Stage first = Stage::Nn; ///< the levels before it have run
};

/// Registers the passes that the pipeline names. Call once.
void registerPasses();

/// Takes a module from the frontend to `last`. Errors are reported as diagnostics.
mlir::LogicalResult runPipeline(mlir::ModuleOp module, Stage last, const PipelineOptions &options = {});

} // namespace shardc
