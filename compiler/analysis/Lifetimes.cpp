//===- Lifetimes.cpp - from where to where a buffer is needed -------------===//

#include "compiler/analysis/Lifetimes.h"

using namespace mlir;
using namespace exec;

SmallVector<Value> exec::rootsOf(Value pointer) {
  ValueRange sources = sourcesOf(pointer);
  if (sources.empty())
    return {pointer};
  SmallVector<Value> roots;
  for (Value source : sources)
    llvm::append_range(roots, rootsOf(source));
  return roots;
}

Lifetimes::Lifetimes(FuncOp func) {
  int step = 0;
  func.getBody().walk<WalkOrder::PreOrder>([&](Operation *op) {
    if (op->getParentOfType<KernelOp>())
      return;
    steps[op] = lastSteps[op] = step++;
    for (Operation *around = op->getParentOp(); around != func; around = around->getParentOp())
      lastSteps[around] = step;
    if (auto buffer = dyn_cast<BufferOp>(op))
      intervals[buffer] = {steps[op], steps[op]};
  });
  // Pointers derived from a buffer need nothing; what reads or writes through them does. What a wait
  // is for ends there.
  func.getBody().walk([&](Operation *op) {
    if (op->getParentOfType<KernelOp>())
      return;
    if (auto wait = dyn_cast<WaitOp>(op))
      for (Operation *started : wait.getStarted()) {
        waits[started] = steps[op];
        for (Value operand : started->getOperands())
          for (Value root : rootsOf(operand))
            if (auto buffer = root.getDefiningOp<BufferOp>())
              use(buffer, op);
      }
    auto access = dyn_cast<AccessOpInterface>(op);
    if (!access)
      return;
    SmallVector<Access> accesses;
    access.getAccesses(accesses);
    for (Access one : accesses)
      for (Value root : rootsOf(one.memory))
        if (auto buffer = root.getDefiningOp<BufferOp>())
          use(buffer, op);
  });
}

void Lifetimes::use(BufferOp buffer, Operation *user) {
  // The ancestor of the user that stands in the buffer's own block: a whole loop, or the user itself.
  Operation *here = buffer->getBlock()->findAncestorOpInBlock(*user);
  Interval &interval = intervals[buffer];
  interval.end = std::max(interval.end, here == user ? steps[user] : lastSteps[here]);
}
