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
struct Order : exec::impl::OrderBase<Order> {
  void runOnOperation() override {
    SmallVector<Operation *> pointers;
    getOperation().walk([&](Operation *op) {
      positions[op] = positions.size();
      if (isPointer(op))
        pointers.push_back(op);
    });
    // Users first, so that a chain of pointers moves as one.
    for (Operation *op : llvm::reverse(pointers)) {
      if (op->use_empty())
        op->erase();
      else if (!isa<AddressOp>(op)) // globals are named at the top of an entry
        moveBefore(op, firstUser(op));
    }
    positions.clear();
    moved.clear();
  }

  void moveBefore(Operation *pointer, Operation *user) {
    pointer->moveBefore(user);
    moved[pointer] = {user, moved.size()};
  }

  /// The first op of the block that uses a result of `op`, itself or in a region.
  Operation *firstUser(Operation *op) {
    Operation *first = nullptr;
    for (Operation *user : op->getUsers()) {
      Operation *here = op->getBlock()->findAncestorOpInBlock(*user);
      if (!first || (here != first && isBefore(here, first)))
        first = here;
    }
    return first;
  }

  /// The op that stays, what was put before it, what was put before that, down to `op`.
  SmallVector<Operation *> pathTo(Operation *op) {
    SmallVector<Operation *> path = {op};
    for (auto at = moved.find(op); at != moved.end(); at = moved.find(path.back()))
      path.push_back(at->second.user);
    return SmallVector<Operation *>(llvm::reverse(path));
  }

  /// Of two ops of one block. (MLIR numbers a block again when many ops were moved to one place.)
  bool isBefore(Operation *a, Operation *b) {
    const SmallVector<Operation *> first = pathTo(a), second = pathTo(b);
    if (first[0] != second[0])
      return positions[first[0]] < positions[second[0]];
    auto [x, y] = std::mismatch(first.begin(), first.end(), second.begin(), second.end());
    if (x == first.end() || y == second.end()) // one was put before the other
      return y == second.end();
    return moved[*x].turn < moved[*y].turn; // before the same op, one behind the other
  }

  struct Place {
    Operation *user;
    size_t turn;
  };
  llvm::DenseMap<Operation *, size_t> positions; // as the program came
  llvm::DenseMap<Operation *, Place> moved;      // where pointers were put
};
} // namespace
