//===- Bucket.cpp - small movements together ------------------------------===//
//
// In:  collectives, each with a meeting of its group to itself.
// Out: those of one kind over the same mesh axes that nothing keeps apart stand side by side, up to
// `exec.bucket`
//      bytes, and are waited for together: the group meets once for them all. What is as large as a bucket
//      goes alone, when it is due.
// Not here: starting any earlier than that (exec-prefetch).
//
//   gemm -> %a;  reduce_scatter %a -> %r;  add %r -> %acc;  gemm -> %b;  reduce_scatter %b -> %s;  add %s ->
//   gemm -> %a;  gemm -> %b;  %0 = reduce_scatter %a -> %r;  %1 = reduce_scatter %b -> %s;  wait %0, %1; add;
//   add
//
// A member waits for the last one: it moves down, and so does what adds, copies or moves its result on.
// Nothing that computes does, so no activation is held for longer.
//
//===----------------------------------------------------------------------===//

#include "compiler/transforms/exec/Passes.h"
#include "compiler/transforms/exec/Starting.h"
#include "compiler/transforms/exec/Touches.h"
#include "dialects/exec/Movements.h"

#include "llvm/ADT/MapVector.h"

using namespace mlir;

namespace exec {
#define GEN_PASS_DEF_BUCKET
#include "compiler/transforms/exec/Passes.h.inc"
} // namespace exec

using namespace exec;

namespace {
/// Collectives that stand side by side, in order.
struct Members {
  SmallVector<CollectiveOp> list;
  int64_t bytes = 0;
};

int64_t bytesMoved(CollectiveOp op) {
  return std::max(bytesOf(op.getOperand().getType()), bytesOf(op.getOut().getType()));
}

/// Whether the op only hands a movement's result on: adds it to an accumulator, copies it, moves it further.
bool handsOn(Operation *op) {
  if (isa<CopyOp, CollectiveOp>(op))
    return op->getNumResults() == 0;
  auto kernel = dyn_cast<KernelOp>(op);
  return kernel && llvm::all_of(llvm::seq<unsigned>(0, kernel.getOutputs().size()),
                                [&](unsigned i) { return kernel.getStore(i) == Store::add; });
}

class BlockBuckets {
public:
  BlockBuckets(Block &block, int64_t limit) : block(block), limit(limit) {}

  void run() {
    for (Operation &op : llvm::make_early_inc_range(block)) {
      if (auto loop = dyn_cast<LoopOp>(op))
        BlockBuckets(loop.getBody().front(), limit).run();
      if (auto collective = dyn_cast<CollectiveOp>(op))
        if (!collective.getToken() && bytesMoved(collective) < limit)
          add(collective);
    }
    for (auto &[kind, members] : open)
      close(members);
  }

private:
  void add(CollectiveOp op) {
    Members &members = open[{op.getKindAttr(), op.getMesh(), op.getFoldAttr()}];
    if (members.bytes + bytesMoved(op) > limit || !bringDown(members, op))
      close(members);
    members.list.push_back(op);
    members.bytes += bytesMoved(op);
  }

  /// Puts the members right before `op`, and what hands their results on behind it; false where an op between
  /// needs them, or where `op` does.
  bool bringDown(Members &members, CollectiveOp op) {
    if (members.list.empty())
      return true;
    Touches moved;
    for (CollectiveOp member : members.list)
      moved.add(Touches(member));
    SmallVector<Operation *> behind;
    for (Operation *between = members.list.back()->getNextNode(); between != op;
         between = between->getNextNode()) {
      Touches touches = touchesWithCompany(between);
      if (!touches.conflictsWith(moved))
        continue;
      if (!handsOn(between))
        return false;
      moved.add(touches);
      behind.push_back(between);
    }
    if (Touches(op).conflictsWith(moved))
      return false;
    for (CollectiveOp member : members.list)
      member->moveBefore(op);
    Operation *last = op;
    for (Operation *next : behind) {
      next->moveAfter(last);
      last = next;
    }
    return true;
  }

  /// Collectives that stand side by side move together.
  Touches touchesWithCompany(Operation *op) {
    for (auto &[kind, members] : open)
      if (llvm::is_contained(members.list, op)) {
        Touches all;
        for (CollectiveOp member : members.list)
          all.add(Touches(member));
        return all;
      }
    return Touches(op);
  }

  /// Several become starts and one wait.
  static void close(Members &members) {
    SmallVector<Value> tokens;
    if (members.list.size() > 1) {
      OpBuilder builder(members.list.back());
      for (CollectiveOp member : members.list)
        tokens.push_back(createStarted(builder, member)->getResult(0));
      builder.create<WaitOp>(members.list.front().getLoc(), tokens);
      for (CollectiveOp member : members.list)
        member.erase();
    }
    members = Members();
  }

  using Kind = std::tuple<Attribute, Attribute, Attribute>;
  Block &block;
  int64_t limit;
  llvm::MapVector<Kind, Members> open;
};

struct Bucket : exec::impl::BucketBase<Bucket> {
  void runOnOperation() override {
    auto given = getOperation()->getAttrOfType<IntegerAttr>(bucketAttrName);
    int64_t limit = given ? given.getInt() : defaultBucket;
    for (FuncOp func : getOperation().getOps<FuncOp>())
      BlockBuckets(func.getBody().front(), limit).run();
  }
};
} // namespace
