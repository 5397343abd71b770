//===- PrimalValues.cpp - values of the primal, seen from its backward ----===//

#include "compiler/transforms/nn/PrimalValues.h"

#include "compiler/transforms/nn/Cleanup.h"
#include "dialects/nn/Build.h"

using namespace mlir;
using namespace nn;

static constexpr llvm::StringLiteral numberAttrName = "number";

Value PrimalValues::standIn(Key key, Type type, Location loc) {
  auto [known, isNew] = standIns.try_emplace(key, nullptr);
  if (isNew) {
    OpBuilder builder = OpBuilder::atBlockBegin(&block);
    known->second = builder.create<UnrealizedConversionCastOp>(
        loc, type, ValueRange(), builder.getNamedAttr(numberAttrName, builder.getIndexAttr(keys.size())));
    keys.push_back(key);
  }
  return known->second->getResult(0);
}

Value PrimalValues::at(Value primal) {
  auto result = dyn_cast<OpResult>(primal);
  Key key = result ? Key(result.getOwner(), result.getResultNumber())
                   : Key(nullptr, cast<BlockArgument>(primal).getArgNumber());
  return standIn(key, primal.getType(), named(primal.getLoc(), nameOf(primal)));
}

Value PrimalValues::savedBy(CallOp call, BundleType saved) {
  return standIn(Key(call, call->getNumResults()), saved, call.getLoc());
}

void PrimalValues::refresh() {
  standIns.clear();
  for (Operation &op : block)
    if (isa<UnrealizedConversionCastOp>(op))
      standIns[keys[op.getAttrOfType<IntegerAttr>(numberAttrName).getInt()]] = &op;
}

Operation *PrimalValues::find(Operation *op, unsigned index) const {
  Operation *found = standIns.lookup(Key(op, index));
  return found && !found->use_empty() ? found : nullptr;
}

FuncOp PrimalValues::forwardOf(CallOp call) {
  auto found = derivatives.find(symbols.lookup<FuncOp>(call.getCallee()));
  return found == derivatives.end() ? FuncOp() : found->second.forward;
}

void PrimalValues::computeAgain(Operation &op, ArrayRef<Kept> reads) {
  Operation *first = nullptr;
  for (const Kept &read : reads)
    for (Operation *user : read.standIn.getUsers()) {
      user = block.findAncestorOpInBlock(*user);
      if (!first || user->isBeforeInBlock(first))
        first = user;
    }
  OpBuilder builder(first);
  SmallVector<Value> operands = llvm::map_to_vector(op.getOperands(), [&](Value v) { return at(v); });
  Operation *again = nullptr;
  auto call = dyn_cast<CallOp>(op);
  if (FuncOp forward = call ? forwardOf(call) : FuncOp()) {
    again = builder.create<CallOp>(op.getLoc(), forward, operands);
  } else {
    again = builder.clone(op);
    again->setOperands(operands);
  }
  for (Kept read : reads)
    read.standIn.replaceAllUsesWith(again->getResult(read.index));
}

PrimalValues::Settled PrimalValues::settle(FuncOp primal, const SavedPolicy &policy) {
  refresh();
  auto keeps = [&](Operation &op, unsigned index) {
    return index == op.getNumResults() ? policy.keepsSaved(cast<CallOp>(op)) : policy.keepsResults(op);
  };
  auto reads = [&](Operation &op, bool kept) {
    SmallVector<Kept> found;
    for (unsigned index = 0; index <= op.getNumResults(); ++index)
      if (Operation *standIn = find(&op, index); standIn && keeps(op, index) == kept)
        found.push_back({&op, index, standIn->getResult(0)});
    return found;
  };
  auto body = primal.getBody().front().without_terminator();
  // Backwards, so that whoever reads a value stands in the block before the value gets its source.
  for (Operation &op : llvm::reverse(body)) {
    SmallVector<Kept> again = reads(op, /*kept=*/false);
    if (again.empty())
      continue;
    computeAgain(op, again);
    if (op.getNumRegions() && op.getNumResults() > 1) { // maybe only a part of it is needed
      cleanUp(cast<FuncOp>(block.getParentOp()));
      refresh();
    }
  }
  Settled settled;
  for (Operation &op : body)
    llvm::append_range(settled.saved, reads(op, /*kept=*/true));
  for (BlockArgument argument : primal.getArguments())
    if (Operation *standIn = find(nullptr, argument.getArgNumber()))
      settled.arguments.push_back({nullptr, argument.getArgNumber(), standIn->getResult(0)});
  return settled;
}
