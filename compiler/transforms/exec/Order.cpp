//===- Order.cpp - the order in which a rank issues its ops ---------------===//
//
// In:  ops in the order of the program; buffers and pointers begin anywhere before their uses.
// Out: a buffer's life begins right before its first use, and so does every pointer that only one place
// needs;
//      what computes stays in the order of the program.
// Not here: movements under way while something computes (exec-prefetch).
//
//===----------------------------------------------------------------------===//

#include "compiler/analysis/Moves.h"
#include "compiler/transforms/exec/Passes.h"

using namespace mlir;

namespace exec {
#define GEN_PASS_DEF_ORDER
#include "compiler/transforms/exec/Passes.h.inc"
} // namespace exec

using namespace exec;

namespace {
/// The first op of the block that uses a result of `op`, itself or in a region.
Operation *firstUser(Operation *op) {
  Operation *first = nullptr;
  for (Operation *user : op->getUsers()) {
    Operation *here = op->getBlock()->findAncestorOpInBlock(*user);
    if (!first || here->isBeforeInBlock(first))
      first = here;
  }
  return first;
}

struct Order : exec::impl::OrderBase<Order> {
  void runOnOperation() override {
    SmallVector<Operation *> pointers;
    getOperation().walk([&](Operation *op) {
      if (isPointer(op))
        pointers.push_back(op);
    });
    // Users first, so that a chain of pointers moves as one.
    for (Operation *op : llvm::reverse(pointers)) {
      if (op->use_empty())
        op->erase();
      else if (!isa<AddressOp>(op)) // globals are named at the top of an entry
        op->moveBefore(firstUser(op));
    }
  }
};
} // namespace
