//===- Machine.cpp - what an op of an exec program runs on ----------------===//

#include "compiler/interpreter/exec/Machine.h"

#include "llvm/ADT/StringMap.h"

using namespace mlir;
using namespace exec;
using namespace shardc::interpreter;

int64_t Machine::valueOf(RankAttr number, int64_t rank) const {
  int64_t value = number.getConstant();
  for (auto [axis, factor] : llvm::zip(number.getMesh(), number.getFactors()))
    value += factor * mesh.coordinate(rank, axis);
  return value;
}

template <typename... Ops> static llvm::StringMap<Evaluation> tableOf() {
  return {
      {Ops::getOperationName(), [](Work &work, Operation *op) { return evaluate(work, cast<Ops>(op)); }}...};
}

Evaluation shardc::interpreter::evaluationOf(Operation *op) {
  static const llvm::StringMap<Evaluation> table =
      tableOf<GemmOp, KernelOp, GatherOp, ScatterAddOp, AttentionOp, AttentionBackwardOp, RopeOp, IotaOp,
              RandomOp, DropoutOp, CopyOp, MaskOp>();
  return table.lookup(op->getName().getStringRef());
}
