//===- CollectiveFaults.cpp - wrong collectives and masks of exec programs ===//

#include "tests/mutants/ExecSites.h"

#include "dialects/exec/Loops.h"

#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace exec;
using namespace shardc::mutants;
using shardc::interpreter::Handlers;

namespace {

SmallVector<StringAttr> namesOf(ArrayAttr names) {
  return llvm::to_vector(names.getAsRange<StringAttr>());
}

ArrayAttr arrayOf(MLIRContext *context, ArrayRef<StringAttr> names) {
  return ArrayAttr::get(context, SmallVector<Attribute>(names.begin(), names.end()));
}

bool isSum(CollectiveOp op) {
  bool folds = op.getKind() == CollectiveKind::all_reduce || op.getKind() == CollectiveKind::reduce_scatter;
  return folds && op.getFold() == Fold::sum;
}

bool isInPlace(CollectiveOp op) {
  return op.getKind() == CollectiveKind::all_reduce && op.getOperand() == op.getOut();
}

Edit forgotten(Operation *op) {
  return isa<CollectiveOp>(op) ? erased(op) : Edit();
}

/// Of a weight of a norm, which every rank holds and to which each rank along `tp` contributes its positions.
Edit normGradientNotSummed(Operation *op) {
  auto collective = dyn_cast<CollectiveOp>(op);
  StringRef name = nameOf(op->getLoc());
  bool isOfNorm = name.contains("ln_") || name.contains("norm");
  return collective && isInPlace(collective) && isOfNorm ? erased(op) : Edit();
}

Edit scalarNotSummed(Operation *op) {
  auto collective = dyn_cast<CollectiveOp>(op);
  return collective && isSum(collective) && isInPlace(collective) && collective.getOut().getType().isScalar()
             ? erased(op)
             : Edit();
}

Edit twice(Operation *op) {
  auto collective = dyn_cast<CollectiveOp>(op);
  if (!collective || !isSum(collective) || !isInPlace(collective))
    return {};
  return [=](Handlers &) {
    WaitOp wait = waitOf(op);
    OpBuilder builder(op->getContext());
    builder.setInsertionPointAfter(wait ? wait.getOperation() : op);
    builder.create(OperationState(op->getLoc(), op->getName(), op->getOperands(), {}, op->getAttrs()));
  };
}

/// Of the op, and of those that it is moved together with: types see a bucket that is none.
Edit setOfBucket(Operation *op, StringRef name, Attribute value) {
  return [=](Handlers &) {
    WaitOp wait = waitOf(op);
    for (Operation *each : wait ? wait.getStarted() : SmallVector<Operation *>{op})
      each->setAttr(name, value);
  };
}

Edit otherGroup(Operation *op) {
  auto collective = dyn_cast<CollectiveOp>(op);
  if (!collective)
    return {};
  SmallVector<StringAttr> mesh = namesOf(collective.getMesh());
  StringAttr other = mesh.empty() ? StringAttr() : meshAxisLike(op, mesh.back(), mesh);
  if (!other)
    return {};
  mesh.back() = other;
  return setOfBucket(op, "mesh", arrayOf(op->getContext(), mesh));
}

Edit smallerGroup(Operation *op) {
  auto collective = dyn_cast<CollectiveOp>(op);
  if (!collective || collective.getMesh().size() < 2)
    return {};
  SmallVector<StringAttr> mesh = namesOf(collective.getMesh());
  mesh.pop_back();
  return setOfBucket(op, "mesh", arrayOf(op->getContext(), mesh));
}

/// Of a sum the order says nothing.
Edit membersReversed(Operation *op) {
  auto collective = dyn_cast<CollectiveOp>(op);
  if (!collective || collective.getKind() == CollectiveKind::all_reduce || collective.getMesh().size() < 2)
    return {};
  SmallVector<StringAttr> mesh = namesOf(collective.getMesh());
  std::reverse(mesh.begin(), mesh.end());
  return setOfBucket(op, "mesh", arrayOf(op->getContext(), mesh));
}

Edit largestInsteadOfSum(Operation *op) {
  auto collective = dyn_cast<CollectiveOp>(op);
  if (!collective || !isSum(collective))
    return {};
  return setOfBucket(op, "fold", FoldAttr::get(op->getContext(), Fold::max));
}

Edit setStep(CollectiveOp op, ArrayRef<int64_t> step) {
  return setAttribute(op, "step", DenseI64ArrayAttr::get(op.getContext(), step));
}

Edit firstBlockOnly(Operation *op) {
  auto collective = dyn_cast<CollectiveOp>(op);
  if (!collective || llvm::all_of(collective.getStep(), [](int64_t step) { return step == 0; }))
    return {};
  return setStep(collective, {0, 0});
}

Edit blocksOneElementOn(Operation *op) {
  auto collective = dyn_cast<CollectiveOp>(op);
  if (!collective || firstBlockOnly(op) == nullptr)
    return {};
  SmallVector<int64_t> step(collective.getStep());
  for (int64_t &each : step)
    each += each > 0 ? 1 : 0;
  return setStep(collective, step);
}

Edit blocksOneElementBack(Operation *op) {
  auto collective = dyn_cast<CollectiveOp>(op);
  if (!collective || firstBlockOnly(op) == nullptr)
    return {};
  SmallVector<int64_t> step(collective.getStep());
  for (int64_t &each : step)
    each -= each > 0 ? 1 : 0;
  return setStep(collective, step);
}

Edit shorterBlock(Operation *op) {
  auto collective = dyn_cast<CollectiveOp>(op);
  if (!collective)
    return {};
  SmallVector<LoopAttr> tile = loopsOf(collective.getTile());
  auto *longer = llvm::find_if(tile, [](LoopAttr loop) { return loop.getSize() > 1; });
  if (longer == tile.end())
    return {};
  *longer = LoopAttr::get(op->getContext(), longer->getNames(), longer->getSize() - 1, longer->getStrides());
  return setAttribute(op, "tile",
                      ArrayAttr::get(op->getContext(), SmallVector<Attribute>(tile.begin(), tile.end())));
}

/// The collective is only started; the token says when it is done.
CollectiveOp startOnly(CollectiveOp op) {
  OpBuilder builder(op);
  OperationState state(op.getLoc(), op->getName(), op->getOperands(), TokenType::get(op.getContext()),
                       op->getAttrs());
  auto started = cast<CollectiveOp>(builder.create(state));
  op.erase();
  return started;
}

Edit waitForgotten(Operation *op) {
  auto collective = dyn_cast<CollectiveOp>(op);
  if (waitOf(op))
    return [=](Handlers &) { unwait(op); };
  if (!collective || collective.getToken())
    return {};
  return [=](Handlers &) { startOnly(collective); };
}

/// Moves an op, and the pointers that it needs, up to `place`.
void moveUp(Operation *op, Operation *place) {
  for (Value operand : op->getOperands())
    if (Operation *pointer = operand.getDefiningOp();
        pointer && pointer->getBlock() == op->getBlock() && !pointer->isBeforeInBlock(place))
      moveUp(pointer, place);
  op->moveBefore(place);
}

/// What is started stands before the op that makes what it moves.
Edit startedTooEarly(Operation *op) {
  if (!waitOf(op))
    return {};
  SmallVector<Access> accesses;
  cast<AccessOpInterface>(op).getAccesses(accesses);
  SmallVector<Value> roots = rootsOf(accesses.front().memory);
  if (!isa<BufferType>(roots[0].getType())) // perhaps another field of it
    return {};
  for (Operation *before = op->getPrevNode(); before; before = before->getPrevNode()) {
    std::optional<Mode> touch = touchOf(before, roots[0]);
    if (touch && *touch != Mode::in)
      return [=](Handlers &) { moveUp(op, before); };
  }
  return {};
}

Edit waitTooLate(Operation *op) {
  auto collective = dyn_cast<CollectiveOp>(op);
  if (!collective)
    return {};
  SmallVector<Value> roots = rootsOf(collective.getOut());
  WaitOp wait = waitOf(op);
  for (Operation *next = (wait ? wait.getOperation() : op)->getNextNode(); next; next = next->getNextNode()) {
    if (!touchOf(next, roots[0]))
      continue;
    SmallVector<Access> accesses;
    cast<AccessOpInterface>(next).getAccesses(accesses);
    bool isOut = llvm::any_of(accesses, [&](Access access) { return access.memory == collective.getOut(); });
    if (!isOut)
      return {}; // perhaps another part of it
    if (wait)
      return [=](Handlers &) { waitOf(op)->moveAfter(next); };
    return [=](Handlers &) {
      CollectiveOp started = startOnly(collective);
      OpBuilder builder(op->getContext());
      builder.setInsertionPointAfter(next);
      builder.create<WaitOp>(started.getLoc(), started.getToken());
    };
  }
  return {};
}

//===-- masks ----------------------------------------------------------------===//

Edit maskForgotten(Operation *op) {
  auto mask = dyn_cast<MaskOp>(op);
  if (!mask)
    return {};
  if (mask.getOperand() == mask.getOut())
    return erased(op);
  return [=](Handlers &) {
    OpBuilder builder(op);
    builder.create<CopyOp>(op->getLoc(), op->getOperand(0), op->getOperand(1),
                           op->getAttrOfType<ArrayAttr>("loops"));
    op->erase();
  };
}

Edit maskOverOther(Operation *op) {
  auto mask = dyn_cast<MaskOp>(op);
  if (!mask)
    return {};
  SmallVector<StringAttr> over = namesOf(mask.getOver());
  StringAttr other = over.empty() ? StringAttr() : meshAxisLike(op, over.back(), over);
  if (!other)
    return {};
  over.back() = other;
  return setAttribute(op, "over", arrayOf(op->getContext(), over));
}

Edit maskOverFewer(Operation *op) {
  auto mask = dyn_cast<MaskOp>(op);
  if (!mask || mask.getOver().size() < 2)
    return {};
  return setAttribute(op, "over", arrayOf(op->getContext(), ArrayRef(namesOf(mask.getOver())).drop_back()));
}

} // namespace

void shardc::mutants::addCollectiveFaults(Faults &faults) {
  faults.insert(faults.end(),
                {{"collective forgotten", "it is gone", forgotten},
                 {"norm's gradient not summed", "of a weight that every rank holds", normGradientNotSummed},
                 {"loss, count or norm not summed", "each rank goes on with its own", scalarNotSummed},
                 {"sum twice", "an all-reduce in place, again", twice},
                 {"another group", "of another mesh axis of the same size", otherGroup},
                 {"smaller group", "without the last of several mesh axes", smallerGroup},
                 {"members reversed", "parts in another order of the mesh axes", membersReversed},
                 {"maximum instead of sum", "of the members' terms", largestInsteadOfSum},
                 {"first block only", "every member gives or takes it", firstBlockOnly},
                 {"blocks one element on", "each member's one more", blocksOneElementOn},
                 {"blocks one element back", "each member's one more", blocksOneElementBack},
                 {"block too short", "one trip of its outermost loop is left out", shorterBlock},
                 {"wait forgotten", "a collective is started only", waitForgotten},
                 {"started too early", "before what it moves is made", startedTooEarly},
                 {"wait too late", "after an op that touches the result", waitTooLate},
                 {"mask forgotten", "every rank adds the whole value", maskForgotten},
                 {"mask over another mesh axis", "of the same size", maskOverOther},
                 {"mask over fewer mesh axes", "without the last of several", maskOverFewer}});
}
