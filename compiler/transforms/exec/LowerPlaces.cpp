//===- LowerPlaces.cpp - where values lie ---------------------------------===//

#include "compiler/transforms/exec/LowerFunction.h"

#include "dialects/nn/Build.h"

using namespace mlir;
using namespace exec;

//===-- forwards: what shares an accumulator's memory -------------------------===//

/// Whether a map is `a + b` of its two operands.
static bool isSum(nn::MapOp map) {
  Block &body = map.getBody().front();
  if (map.getNumOperands() != 2 || map.getNumResults() != 1 || !llvm::hasNItems(body, 2))
    return false;
  auto add = dyn_cast<arith::AddFOp>(&body.front());
  return add && body.getTerminator()->getOperand(0) == add.getResult() && isa<BlockArgument>(add.getLhs()) &&
         isa<BlockArgument>(add.getRhs()) && add.getLhs() != add.getRhs();
}

/// Whether the op can add its result to what is there.
static bool canAdd(Operation *op) {
  auto reduce = dyn_cast_or_null<nn::ReduceOp>(op);
  return (reduce && reduce.getKind() == nn::ReductionKind::sum) ||
         isa_and_nonnull<nn::ContractOp, nn::ScatterAddOp>(op);
}

void FunctionLowering::followStorage() {
  for (Operation &op : *block) {
    if (auto call = dyn_cast<nn::CallOp>(op)) {
      for (auto [result, tie] : llvm::enumerate(tiesOf(program.calleeOf(call)))) {
        if (tie < 0)
          continue;
        for (auto [number, leaf] : llvm::enumerate(leavesOf(call.getOperand(tie)))) {
          if (!storage.contains(leaf) || !diesAt(leaf, &op))
            continue;
          Leaf after{call.getResult(result), unsigned(number)};
          storage[after] = Value(storage.lookup(leaf));
          if (accumulators.contains(leaf))
            accumulators.insert(after);
        }
      }
    }
    auto map = dyn_cast<nn::MapOp>(op);
    if (!map || !isSum(map))
      continue;
    for (unsigned side : {0, 1}) {
      Leaf sum = resolve(map.getOperand(side)), other = resolve(map.getOperand(1 - side));
      Leaf result{map.getResult(0), 0};
      BufferType type = types.buffer(typeOf(result));
      if (!accumulators.contains(sum) || uses->count(sum) != 1 || types.buffer(typeOf(sum)) != type)
        continue;
      storage[result] = Value(storage.lookup(sum));
      accumulators.insert(result);
      bool isHere = other.first.getDefiningOp() && other.first.getParentBlock() == block;
      if (isHere && canAdd(other.first.getDefiningOp()) && uses->count(other) == 1 &&
          types.buffer(typeOf(other)) == type)
        addsInto[other] = Value(storage.lookup(sum));
      break;
    }
  }
}

//===-- backwards: where results are wanted -----------------------------------===//

void FunctionLowering::wantDestinations(const Targets &targets) {
  for (auto [operand, pointers] : llvm::zip(block->getTerminator()->getOperands(), targets))
    for (auto [leaf, target] : llvm::zip(leavesOf(operand), pointers))
      wantOrCopy(leaf, target.pointer, target.replaces);
  for (Operation &op : llvm::reverse(*block)) {
    if (auto call = dyn_cast<nn::CallOp>(op); call && isEntry)
      wantGradients(call);
    if (!isa<nn::StackOp, nn::ConcatOp>(op))
      continue;
    Leaf result{op.getResult(0), 0};
    if (!wanted.contains(result))
      wanted[result] = newBuffer(types.buffer(typeOf(result)), op.getLoc());
    wantParts(&op, wanted.lookup(result));
  }
}

/// The operands of a stack or concat are written into its result, or copied there when it is due.
void FunctionLowering::wantParts(Operation *op, Value whole) {
  int64_t first = 0;
  for (auto [index, operand] : llvm::enumerate(op->getOperands())) {
    Leaf leaf = resolve(operand);
    Value part;
    if (auto stack = dyn_cast<nn::StackOp>(op)) {
      part = indexView(whole, stack.getAxisAttr(), index, op->getLoc());
    } else {
      auto concat = cast<nn::ConcatOp>(op);
      auto name = cast<StringAttr>(concat.getParts()[index]);
      int64_t size = types.localSize(typeOf(leaf).find(name));
      part = partView(whole, concat.getAxisAttr(), name, first, size, op->getLoc());
      first += size;
    }
    if (!want(leaf, part))
      partCopies[op].push_back({leaf, part});
  }
}

void FunctionLowering::wantOrCopy(Leaf leaf, Value pointer, std::optional<Leaf> replaced) {
  bool isThere =
      where.lookup(leaf) == pointer || storage.lookup(leaf) == pointer || wanted.lookup(leaf) == pointer;
  if (!isThere && !want(leaf, pointer, replaced))
    copies.push_back({leaf, pointer});
}

/// Asks the producer of `leaf` to write to `pointer`; false where it can't. `replaced` is the leaf whose
/// memory that is: it must be read for the last time before, or element by element by the producer itself.
bool FunctionLowering::want(Leaf leaf, Value pointer, std::optional<Leaf> replaced) {
  Operation *op = leaf.first.getDefiningOp();
  if (!op || op->getBlock() != block)
    return false;
  if (where.contains(leaf) || storage.contains(leaf) || wanted.contains(leaf) || addsInto.contains(leaf))
    return false;
  if (replaced) {
    int last = uses->last(*replaced), here = uses->position(op);
    if (last > here || (last == here && !isa<nn::MapOp, dist::AllReduceOp>(op)))
      return false;
  }
  auto type = cast<BufferType>(pointer.getType());
  bool isPlain = type == types.buffer(typeOf(leaf));
  if (isa<nn::InputOp>(op) || (isView(op) && !isa<nn::RenameOp, nn::SplitOp, nn::MergeOp>(op)))
    return false;
  if (isView(op)) {
    Leaf source = resolve(op->getOperand(0));
    if (uses->count(source) != 1)
      return false;
    Value view;
    if (auto rename = dyn_cast<nn::RenameOp>(op))
      view = renamed(pointer, rename.getToAttr(), rename.getFromAttr(), op->getLoc());
    else if (auto split = dyn_cast<nn::SplitOp>(op))
      view = mergedView(pointer, split.getParts(), split.getAxisAttr(), op->getLoc());
    else if (auto merge = dyn_cast<nn::MergeOp>(op))
      view = splitView(pointer, merge.getAxisAttr(), types.buffer(typeOf(source)), merge.getParts(),
                       op->getLoc());
    return view && want(source, view, replaced);
  }
  if (auto call = dyn_cast<nn::CallOp>(op)) {
    int tie = tiesOf(program.calleeOf(call))[cast<OpResult>(leaf.first).getResultNumber()];
    if (!isPlain)
      return false;
    if (tie >= 0) {
      Leaf operand = leavesOf(call.getOperand(tie))[leaf.second];
      if (uses->count(operand) != 1 || !want(operand, pointer, replaced))
        return false;
    }
    wanted[leaf] = pointer;
    return true;
  }
  if (auto loop = dyn_cast<nn::LoopOp>(op)) {
    if (!isPlain)
      return false;
    Leaf init = leavesOf(loop.getInits()[cast<OpResult>(leaf.first).getResultNumber()])[leaf.second];
    wanted[leaf] = pointer;
    if (uses->count(init) == 1)
      want(init, pointer, replaced); // else it is copied
    return true;
  }
  if (auto reduce = dyn_cast<dist::AllReduceOp>(op)) {
    if (!isPlain)
      return false;
    Leaf operand = resolve(reduce.getOperand());
    wanted[leaf] = pointer;
    if (uses->count(operand) == 1)
      want(operand, pointer, replaced); // else it goes from buffer to buffer
    return true;
  }
  wanted[leaf] = pointer;
  return true;
}

//===-- the place of a result ------------------------------------------------===//

Value FunctionLowering::placeOf(Leaf result, ArrayRef<Leaf> mayReuse) {
  for (auto *known : {&addsInto, &storage, &wanted})
    if (Value pointer = known->lookup(result))
      return pointer;
  BufferType type = types.buffer(typeOf(result));
  Operation *op = result.first.getDefiningOp();
  for (Leaf operand : mayReuse)
    if (ownBuffers.contains(operand) && where.lookup(operand).getType() == type && diesAt(operand, op) &&
        operand.first.getParentBlock() == op->getBlock()) {
      ownBuffers.erase(operand);
      ownBuffers.insert(result);
      return where.lookup(operand);
    }
  ownBuffers.insert(result);
  return newBuffer(type, nn::locOf(result.first));
}
