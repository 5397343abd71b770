//===- Passes.td - the passes of pipe -------------------------------------===//
#ifndef SHARDC_PIPE_PASSES
#define SHARDC_PIPE_PASSES

include "mlir/Pass/PassBase.td"

def PipeSplitBackward : Pass<"pipe-split-backward", "::mlir::ModuleOp"> {
  let summary = "backward functions in two, the gradient of the input and that of the weights, where the schedule has them apart";
}

def PipeCut : Pass<"pipe-cut", "::mlir::ModuleOp"> {
  let summary = "a program for each stage of the pipeline; nothing where the plan has none";
  let dependentDialects = ["::pipes::PipeDialect"];
}

def PipeVerifyCut : Pass<"pipe-verify-cut", "::mlir::ModuleOp"> {
  let summary = "each layer once in each micro-batch, forward and backward, and each weight with one owner";
}

#endif
