//===- Prefetch.cpp - movements under way while something computes --------===//
//
// In:  collectives, buckets of them, and calls of functions that only move, each complete where it stands.
// Out: what something can compute meanwhile is started, and waited for where it is first needed.
//
//   gathers of weights       start `exec.prefetch` calls early, counting calls that need gathered weights
//   reductions of gradients  start as soon as these are made; at most so many modules compute meanwhile
//   other movements          start where they stand
//
//   call @gather(%h.1, %w);  call @layer(%x, %w)   ->   %t = call @gather(%h.1, %w) async
//                                                       call @layer(%..)               (the one before)
//                                                       wait %t;  call @layer(%x, %w)
//
// Messages between stages stay where the timetable has them.
//
// Weights and gradients move at the calls of modules (dist-simplify). So weights are what a call is the first
// to need, and gradients are looked for where a step calls modules: in entries, and in what entries call.
// With 0 everything stays complete where it stands.
//
//===----------------------------------------------------------------------===//

#include "compiler/analysis/Moves.h"
#include "compiler/transforms/exec/Passes.h"
#include "compiler/transforms/exec/Starting.h"
#include "compiler/transforms/exec/Touches.h"

#include "llvm/ADT/ScopeExit.h"

using namespace mlir;

namespace exec {
#define GEN_PASS_DEF_PREFETCH
#include "compiler/transforms/exec/Passes.h.inc"
} // namespace exec

using namespace exec;

namespace {
/// What moves at once: a collective, a bucket, or a call of a function that only moves.
struct Movement {
  SmallVector<Operation *> starts;
  WaitOp wait; // of a bucket
  Touches touches;
  bool isGather = false; // of what nothing has written before it, for a call: weights
};

class BlockSchedule {
public:
  BlockSchedule(Block &block, SymbolTable &symbols, int64_t distance, bool callsModules)
      : block(block), symbols(symbols), distance(distance), callsModules(callsModules) {}

  void run() {
    for (Operation &op : block) {
      if (auto loop = dyn_cast<LoopOp>(op))
        BlockSchedule(loop.getBody().front(), symbols, distance, callsModules).run();
      touched[&op] = Touches(&op);
    }
    std::vector<Movement> movements = findMovements();
    for (Movement &movement : movements)
      if (movement.isGather)
        startGather(movement);
      else if (callsModules && isa<CallOp>(movement.starts.front()))
        startReduction(movement);
    for (Movement &movement : movements)
      waitLate(movement);
  }

private:
  std::vector<Movement> findMovements() {
    std::vector<Movement> movements;
    llvm::DenseSet<Tensor> written; // before the op at hand
    for (Operation &op : block) {
      auto add = llvm::make_scope_exit([&] { touched[&op].addWrittenTo(written); });
      Movement movement;
      if (auto wait = dyn_cast<WaitOp>(op); wait && !isMessage(wait.getStarted().front())) {
        movement.starts = wait.getStarted();
        movement.wait = wait;
      } else if (isMovement(&op) && op.getNumResults() == 0) {
        movement.starts = {&op};
      } else {
        continue;
      }
      for (Operation *start : movement.starts)
        movement.touches.add(touched[start]);
      if (Operation *user = firstUser(movement); callsModule(user) && !readsAnyOf(written, movement)) {
        movement.isGather = true;
        gatheredFor.insert(user);
      }
      movements.push_back(std::move(movement));
    }
    return movements;
  }

  FuncOp calleeOf(CallOp call) { return symbols.lookup<FuncOp>(call.getCallee()); }

  static bool isMessage(Operation *op) { return isa<SendOp, ReceiveOp>(op); }
  bool isMovement(Operation *op) {
    if (isa<CollectiveOp>(op))
      return true;
    auto call = dyn_cast<CallOp>(op);
    return call && movesBetweenRanks(calleeOf(call));
  }
  bool computes(Operation *op) {
    return isa<LoopOp>(op) || (isa<AccessOpInterface>(op) && !isMessage(op) && !isMovement(op));
  }
  bool callsModule(Operation *op) {
    auto call = dyn_cast<CallOp>(op);
    return call && !onlyMoves(calleeOf(call));
  }

  bool conflict(Operation *op, const Movement &movement) {
    return touched[op].conflictsWith(movement.touches);
  }
  bool isPartOf(Operation *op, const Movement &movement) {
    return op == movement.wait || llvm::is_contained(movement.starts, op);
  }

  //===-- earlier ---------------------------------------------------------===//

  void startGather(Movement &movement) {
    int64_t calls = 0; // between the gather and the one that it is for
    for (Operation *op = movement.starts.front(), *user = firstUser(movement); op != user;
         op = op->getNextNode())
      calls += gatheredFor.contains(op);
    auto mayPass = [&](Operation *op) {
      bool isNear = calls < distance;
      calls += gatheredFor.contains(op);
      return isNear;
    };
    moveUp(movement, placeAbove(movement, mayPass));
  }

  void startReduction(Movement &movement) {
    moveUp(movement, placeAbove(movement, [](Operation *) { return true; }));
  }

  /// The highest op that the movement can stand before, over ops that `mayPass`.
  Operation *placeAbove(const Movement &movement, function_ref<bool(Operation *)> mayPass) {
    Operation *place = movement.starts.front();
    for (Operation *op = place->getPrevNode(); op; op = op->getPrevNode()) {
      if (isPointer(op) || isPartOf(op, movement))
        continue;
      if (conflict(op, movement) || !mayPass(op))
        break;
      place = op;
    }
    return place;
  }

  static bool readsAnyOf(const llvm::DenseSet<Tensor> &written, const Movement &movement) {
    for (Operation *start : movement.starts) {
      SmallVector<Access> accesses;
      cast<AccessOpInterface>(start).getAccesses(accesses);
      for (const Access &access : accesses)
        for (Tensor tensor : tensorsOf(access.memory))
          if (access.mode != Mode::out && written.contains(tensor))
            return true;
    }
    return false;
  }

  /// The first op behind the movement that needs it to be complete.
  Operation *firstUser(const Movement &movement) {
    Operation *op = (movement.wait ? movement.wait : movement.starts.back())->getNextNode();
    while (!op->hasTrait<OpTrait::IsTerminator>() && !conflict(op, movement))
      op = op->getNextNode();
    return op;
  }

  static void moveUp(const Movement &movement, Operation *place) {
    for (Operation *start : movement.starts)
      moveUp(start, place);
  }

  /// Moves an op, and the pointers that it needs, up to `place`.
  static void moveUp(Operation *op, Operation *place) {
    if (op == place)
      return;
    for (Value operand : op->getOperands())
      if (Operation *pointer = operand.getDefiningOp();
          pointer && pointer->getBlock() == op->getBlock() && !pointer->isBeforeInBlock(place))
        moveUp(pointer, place);
    op->moveBefore(place);
  }

  //===-- later -----------------------------------------------------------===//

  void waitLate(Movement &movement) {
    Operation *place = firstUser(movement);
    bool isReduction = callsModules && !movement.isGather;
    bool overlaps = false;
    int64_t modules = 0;
    for (Operation *op = movement.starts.back()->getNextNode(); op != place; op = op->getNextNode()) {
      if (isReduction && callsModule(op) && modules++ == distance) {
        place = op;
        break;
      }
      overlaps |= computes(op);
    }
    if (!overlaps)
      return;
    if (movement.wait) {
      movement.wait->moveBefore(place);
      return;
    }
    Operation *op = movement.starts.front();
    OpBuilder builder(op);
    Operation *started = createStarted(builder, op);
    touched[started] = touched[op];
    builder.setInsertionPoint(place);
    auto wait = builder.create<WaitOp>(op->getLoc(), started->getResult(0));
    touched[wait] = touched[op];
    touched.erase(op);
    op->erase();
  }

  Block &block;
  SymbolTable &symbols;
  int64_t distance;
  bool callsModules;
  llvm::DenseMap<Operation *, Touches> touched;
  llvm::DenseSet<Operation *> gatheredFor; // calls that are the first to need what a gather makes
};

struct Prefetch : exec::impl::PrefetchBase<Prefetch> {
  void runOnOperation() override {
    int64_t distance = prefetchOf(getOperation());
    if (distance == 0)
      return;
    SymbolTable symbols(getOperation());
    llvm::DenseSet<StringAttr> ofEntries;
    for (FuncOp func : getOperation().getOps<FuncOp>())
      if (func.getEntry())
        func.walk([&](CallOp call) { ofEntries.insert(call.getCalleeAttr().getAttr()); });
    for (FuncOp func : getOperation().getOps<FuncOp>()) {
      bool callsModules = func.getEntry() || ofEntries.contains(func.getSymNameAttr());
      BlockSchedule(func.getBody().front(), symbols, distance, callsModules).run();
    }
  }
};
} // namespace
