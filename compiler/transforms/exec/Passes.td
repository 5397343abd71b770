//===- Passes.td - from placed values to the program of one rank ----------===//
#ifndef SHARDC_EXEC_PASSES
#define SHARDC_EXEC_PASSES

include "mlir/Pass/PassBase.td"

def Layout : Pass<"exec-layout", "::mlir::ModuleOp"> {
  let summary = "give the axes of every tensor an order: the order in memory";
}
def Lower : Pass<"exec-lower", "::mlir::ModuleOp"> {
  let summary = "functions with pointers for functions with values: destinations, local sizes, strides";
  let dependentDialects = ["::exec::ExecDialect"];
}
def Bucket : Pass<"exec-bucket", "::mlir::ModuleOp"> {
  let summary = "small collectives of one kind and group side by side, with one meeting";
}
def LastMicrobatch : Pass<"exec-last-microbatch", "::mlir::ModuleOp"> {
  let summary = "the last trip of the loop over micro-batches stands behind it, where reductions can start";
}
def Prefetch : Pass<"exec-prefetch", "::mlir::ModuleOp"> {
  let summary = "movements of weights and gradients are under way while modules compute";
}
def Order : Pass<"exec-order", "::mlir::ModuleOp"> {
  let summary = "the order in which a rank issues its ops: lives begin where they are needed";
}
def PlanMemory : Pass<"exec-plan-memory", "::mlir::ModuleOp"> {
  let summary = "give every buffer, frame and global its offset";
}
def Verify : Pass<"exec-verify", "::mlir::ModuleOp"> {
  let summary = "check memory and collectives, independently of how they came about";
}
def VerifyStages : Pass<"exec-verify-stages", "::mlir::ModuleOp"> {
  let summary = "run the stages of a pipeline against each other: messages meet, and all come to their end";
}
def FitMemory : Pass<"exec-fit-memory", "::mlir::ModuleOp"> {
  let summary = "an error where a rank needs more memory than the plan says a device has";
}
def Rehearse : Pass<"exec-rehearse", "::mlir::ModuleOp"> {
  let summary = "what computes becomes a pause: all else happens as in the trainer itself";
  let dependentDialects = ["::exec::ExecDialect"];
}

#endif
