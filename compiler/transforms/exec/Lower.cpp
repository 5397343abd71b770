//===- Lower.cpp - functions with pointers for functions with values ------===//
//
// In:  nn and dist ops on placed types, collectives explicit; the order of a type's axes is its order in
// memory. Out: exec functions. Results became arguments, bundles structs, placements local sizes and mesh
// coordinates;
//      accumulators and weights are updated in place; every buffer is an `exec.buffer` without an offset.
// Not here: fusing kernels, the order of ops, offsets (exec-fuse, exec-order, exec-plan-memory).
//
//   %g1 = acc + contract(%a, %b)          ->  exec.gemm %a, %b -> %acc ... beta 1
//   nn.return %y, %g1                         (y is written where the caller wants it)
//
//===----------------------------------------------------------------------===//

#include "compiler/transforms/exec/LowerFunction.h"
#include "compiler/transforms/exec/Passes.h"

using namespace mlir;

namespace exec {
#define GEN_PASS_DEF_LOWER
#include "compiler/transforms/exec/Passes.h.inc"
} // namespace exec

using namespace exec;

/// Whether a value is a fill, or a pack of nothing but fills.
static bool isFill(Value value) {
  Operation *op = value.getDefiningOp();
  if (auto pack = dyn_cast_or_null<nn::PackOp>(op))
    return llvm::all_of(pack.getOperands(), isFill);
  return isa_and_nonnull<nn::MapOp>(op) && op->getNumOperands() == 0 && op->getNumResults() == 1;
}

static Value cloneFill(OpBuilder &builder, Value value) {
  Operation *clone = builder.clone(*value.getDefiningOp());
  builder.setInsertionPoint(clone);
  for (OpOperand &operand : clone->getOpOperands())
    operand.set(cloneFill(builder, operand.get()));
  return clone->getResult(0);
}

/// A fill costs as much to copy as to write: each use gets one of its own, which then lies where it is
/// needed.
static void separateFills(nn::FuncOp func) {
  SmallVector<OpOperand *> uses;
  func.walk([&](Operation *op) {
    bool isPartOfFill = isa<nn::PackOp>(op) && isFill(op->getResult(0));
    if (!isPartOfFill)
      for (OpOperand &operand : op->getOpOperands())
        if (isFill(operand.get()))
          uses.push_back(&operand);
  });
  for (OpOperand *use : uses) {
    OpBuilder builder(use->getOwner());
    use->set(cloneFill(builder, use->get()));
  }
  SmallVector<Operation *> fills;
  func.walk([&](Operation *op) {
    if (op->getNumResults() == 1 && isFill(op->getResult(0)))
      fills.push_back(op);
  });
  for (Operation *fill : llvm::reverse(fills))
    if (fill->use_empty())
      fill->erase();
}

namespace {
struct Lower : exec::impl::LowerBase<Lower> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    ProgramLowering program(module);
    auto functions = llvm::to_vector(module.getOps<nn::FuncOp>());
    llvm::for_each(functions, separateFills);
    for (nn::FuncOp func : functions)
      if (failed(FunctionLowering(program, func).run()))
        return signalPassFailure();
    for (nn::FuncOp func : functions)
      func.erase();
    module->setAttr(meshAttrName, program.types.getMesh());
    module->removeAttr("dist.plan");
  }
};
} // namespace
