//===- Passes.td - passes over nn programs, in the order they run ---------===//
#ifndef SHARDC_TRANSFORMS_NN_PASSES
#define SHARDC_TRANSFORMS_NN_PASSES

include "mlir/Pass/PassBase.td"

def NnOutline : Pass<"nn-outline", "::mlir::ModuleOp"> {
  let summary = "make functions of what @main computes between its layer calls";
  let dependentDialects = ["::nn::NnDialect"];
}

def NnDifferentiate : Pass<"nn-differentiate", "::mlir::ModuleOp"> {
  let summary = "write a forward and a backward function for each function that @main reaches";
  let dependentDialects = ["::nn::NnDialect"];
}

def NnStep : Pass<"nn-step", "::mlir::ModuleOp"> {
  let summary = "write the training step: @micro, @step, @eval, @init";
  let dependentDialects = ["::nn::NnDialect"];
}

#endif
