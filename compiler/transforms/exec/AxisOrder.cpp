//===- AxisOrder.cpp - one order of axes for all activations --------------===//

#include "compiler/transforms/exec/AxisOrder.h"

#include "dialects/pipe/Pipe.h"

using namespace mlir;
using namespace exec;

SmallVector<StringAttr> exec::movedAxes(Operation *op) {
  if (auto gather = dyn_cast<dist::AllGatherOp>(op))
    return {gather.getAxisAttr()};
  if (auto scatter = dyn_cast<dist::ReduceScatterOp>(op))
    return {scatter.getAxisAttr()};
  if (auto slice = dyn_cast<dist::ShardSliceOp>(op))
    return {slice.getAxisAttr()};
  if (auto exchange = dyn_cast<dist::AllToAllOp>(op))
    return {exchange.getFromAttr(), exchange.getToAttr()};
  return {};
}

AxisOrder::AxisOrder(ModuleOp module) {
  collectRows(module);
  collectOthers(module);
  for (StringAttr name : rows)
    ranks.insert({name, ranks.size()});
  for (StringAttr name : others)
    ranks.insert({name, ranks.size()});
}

SmallVector<StringAttr> AxisOrder::sorted(ArrayRef<StringAttr> names) const {
  SmallVector<StringAttr> list(names);
  llvm::sort(list, [&](StringAttr a, StringAttr b) {
    return std::pair(rank(a), a.getValue()) < std::pair(rank(b), b.getValue());
  });
  return list;
}

static bool hasRow(nn::NamedTensorType type, const llvm::SmallSetVector<StringAttr, 8> &rows) {
  return llvm::any_of(type.names(), [&](StringAttr name) { return rows.contains(name); });
}

void AxisOrder::collectRows(ModuleOp module) {
  llvm::SmallSetVector<StringAttr, 8> inputs;
  inputs.insert(StringAttr::get(module.getContext(), "batch"));
  module.walk([&](nn::InputOp input) {
    for (StringAttr name : input.getType().names())
      inputs.insert(name);
  });
  module.walk([&](nn::FuncOp func) {
    for (BlockArgument argument : func.getBody().getArguments())
      if (func.getArgAttr(argument.getArgNumber(), "nn.input"))
        for (StringAttr name : cast<nn::NamedTensorType>(argument.getType()).names())
          inputs.insert(name);
  });
  llvm::SetVector<std::pair<StringAttr, StringAttr>> renames; // from, to
  llvm::SmallDenseSet<StringAttr> moved;
  module.walk([&](Operation *op) {
    if (auto rename = dyn_cast<nn::RenameOp>(op))
      renames.insert({rename.getFromAttr(), rename.getToAttr()});
    for (StringAttr name : movedAxes(op))
      if (hasRow(cast<nn::NamedTensorType>(op->getOperand(0).getType()), inputs))
        moved.insert(name);
  });
  auto namesOf = [&](StringAttr input) { // and what it is renamed to, directly or not
    llvm::SmallSetVector<StringAttr, 4> names;
    names.insert(input);
    for (unsigned next = 0; next < names.size(); ++next)
      for (auto &[from, to] : renames)
        if (from == names[next] && !inputs.contains(to))
          names.insert(to);
    return names;
  };
  auto isMoved = [&](StringAttr name) {
    return llvm::any_of(namesOf(name), [&](StringAttr each) { return moved.contains(each); });
  };
  auto add = [&](StringAttr name) {
    for (StringAttr each : namesOf(name))
      rows.insert(each);
  };
  for (bool wanted : {true, false})
    for (StringAttr name : inputs)
      if (isMoved(name) == wanted)
        add(name);
}

/// The order of the axes in all activations at once: an axis comes when none is left that stands before it
/// somewhere; where tensors contradict each other, the one that was seen first.
void AxisOrder::collectOthers(ModuleOp module) {
  llvm::SmallSetVector<StringAttr, 16> names;
  llvm::DenseMap<StringAttr, llvm::SmallDenseSet<StringAttr, 4>> before;
  auto see = [&](Type type, bool ofActivations) {
    auto tensor = dyn_cast<nn::NamedTensorType>(type);
    if (!tensor || hasRow(tensor, rows) != ofActivations)
      return;
    SmallVector<StringAttr> seen;
    for (StringAttr name : tensor.names()) {
      if (rows.contains(name))
        continue;
      names.insert(name);
      if (ofActivations)
        before[name].insert(seen.begin(), seen.end());
      seen.push_back(name);
    }
  };
  for (bool ofActivations : {true, false})
    module.walk([&](Operation *op) {
      if (isa<pipes::ReceiveOp>(op))
        return; // it has the order of what was sent
      for (Type type : op->getResultTypes())
        see(type, ofActivations);
      for (Region &region : op->getRegions())
        for (Block &block : region)
          for (Type type : block.getArgumentTypes())
            see(type, ofActivations);
    });
  while (others.size() < names.size()) {
    StringAttr next;
    for (StringAttr name : names) {
      if (others.contains(name))
        continue;
      if (!next)
        next = name; // unless one is free
      bool isFree = llvm::all_of(before[name], [&](StringAttr other) { return others.contains(other); });
      if (isFree) {
        next = name;
        break;
      }
    }
    others.insert(next);
  }
}
