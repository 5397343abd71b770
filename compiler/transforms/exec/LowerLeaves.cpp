//===- LowerLeaves.cpp - tensors inside bundles, and who uses them --------===//

#include "compiler/transforms/exec/LowerLeaves.h"
#include "dialects/dist/Dist.h"
#include "dialects/pipe/Pipe.h"

using namespace mlir;
using namespace exec;

static unsigned numLeaves(Type type) {
  auto bundle = dyn_cast<nn::BundleType>(type);
  if (!bundle)
    return isa<nn::NamedTensorType>(type) ? 1 : 0;
  unsigned count = 0;
  for (Type field : bundle.getTypes())
    count += numLeaves(field);
  return count;
}

SmallVector<nn::NamedTensorType> exec::leafTypes(Type type) {
  if (auto tensor = dyn_cast<nn::NamedTensorType>(type))
    return {tensor};
  SmallVector<nn::NamedTensorType> types;
  if (auto bundle = dyn_cast<nn::BundleType>(type))
    for (Type field : bundle.getTypes())
      llvm::append_range(types, leafTypes(field));
  return types;
}

Leaf exec::resolve(Leaf leaf) {
  while (Operation *op = leaf.first.getDefiningOp()) {
    if (auto unpack = dyn_cast<nn::UnpackOp>(op)) {
      for (Value before : unpack.getResults().take_front(cast<OpResult>(leaf.first).getResultNumber()))
        leaf.second += numLeaves(before.getType());
      leaf.first = unpack.getBundle();
    } else if (auto pack = dyn_cast<nn::PackOp>(op)) {
      for (Value operand : pack.getOperands()) {
        leaf.first = operand;
        if (unsigned count = numLeaves(operand.getType()); leaf.second >= count)
          leaf.second -= count;
        else
          break;
      }
    } else if (auto detach = dyn_cast<nn::DetachOp>(op)) {
      leaf.first = detach.getOperand();
    } else {
      break;
    }
  }
  return leaf;
}

nn::NamedTensorType exec::typeOf(Leaf leaf) {
  return leafTypes(leaf.first.getType())[leaf.second];
}

SmallVector<Leaf> exec::leavesOf(Value value) {
  SmallVector<Leaf> leaves;
  for (unsigned i = 0, count = numLeaves(value.getType()); i < count; ++i)
    leaves.push_back(resolve({value, i}));
  return leaves;
}

bool exec::isView(Operation *op) {
  return isa<nn::RenameOp, nn::SplitOp, nn::MergeOp, nn::UnstackOp, nn::SliceOp, dist::ShardSliceOp>(op);
}

LeafUses::LeafUses(Block &block) {
  int position = 0;
  llvm::DenseMap<std::pair<int64_t, int64_t>, Leaf> messages; // by stage and number
  for (Operation &op : block) {
    positions[&op] = op.hasTrait<OpTrait::IsTerminator>() ? std::numeric_limits<int>::max() : position++;
    op.walk([&](Operation *user) {
      if (isa<nn::PackOp, nn::UnpackOp, nn::DetachOp>(user))
        return;
      for (Value operand : user->getOperands())
        for (Leaf leaf : leavesOf(operand))
          users[leaf].push_back(&op);
    });
    // What is sent is needed until it has been taken.
    if (auto send = dyn_cast<pipes::SendOp>(op))
      messages[{send.getTo(), send.getMessage()}] = resolve(send.getOperand());
    else if (auto sent = dyn_cast<pipes::SentOp>(op))
      users[messages.lookup({sent.getTo(), sent.getMessage()})].push_back(&op);
  }
}

unsigned LeafUses::count(Leaf leaf) const {
  auto found = users.find(leaf);
  return found == users.end() ? 0 : found->second.size();
}

int LeafUses::last(Leaf leaf) const {
  auto found = users.find(leaf);
  int last = -1;
  if (found == users.end())
    return last;
  for (Operation *user : found->second) {
    last = std::max(last, position(user));
    if (isView(user))
      for (Value result : user->getResults())
        last = std::max(last, this->last({result, 0}));
  }
  return last;
}
