//===- EstimateMemory.cpp - what layers hold on a rank, before they are placed ===//

#include "compiler/transforms/pipe/EstimateMemory.h"

#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace pipes;

LayerMemory &LayerMemory::operator+=(const LayerMemory &other) {
  weights += other.weights;
  gradients += other.gradients;
  state += other.state;
  saved += other.saved;
  return *this;
}

double LayerMemory::atLeastWith(int held) const {
  return weights + state + std::max(held * saved, gradients + (held - 1) * saved);
}

/// Of a tensor or a bundle where its names, and its kind, place it.
static double bytesWhere(Type type, StringRef kind, dist::PlanAttr plan) {
  double bytes = 0;
  if (auto bundle = dyn_cast<nn::BundleType>(type)) {
    for (Type field : bundle.getTypes())
      bytes += bytesWhere(field, kind, plan);
    return bytes;
  }
  auto tensor = dyn_cast<nn::NamedTensorType>(type);
  if (!tensor)
    return 0;
  FailureOr<nn::Placement> placement = plan.place(tensor.getAxes(), kind, /*error=*/{});
  bytes = 4; // all elements are of 32 bits
  for (nn::AxisAttr axis : tensor.getAxes()) {
    bytes *= static_cast<double>(axis.getSize());
    if (succeeded(placement))
      if (auto placed = placement->find(axis.getName()); placed != placement->end())
        bytes /= static_cast<double>(plan.sizeOf(placed->second));
  }
  return bytes;
}

static bool runsBackward(const Chunks &chunks, Operation *op) {
  return chunks.of(op).pass != Chunks::Pass::forward;
}

std::vector<LayerMemory> pipes::estimateMemory(nn::FuncOp micro, nn::FuncOp step, const Chunks &chunks,
                                               int count, dist::PlanAttr plan) {
  std::vector<LayerMemory> memory(count);
  llvm::MapVector<BlockArgument, llvm::MapVector<int, llvm::SetVector<unsigned>>>
      uses; // weights: chunk, fields
  for (Operation &op : micro.getBody().front().without_terminator()) {
    if (isWiring(&op))
      continue;
    const int chunk = chunks.of(&op).chunk;
    for (Value operand : op.getOperands())
      if (isa<nn::BundleType>(operand.getType()))
        for (auto [argument, field] : leavesOf(operand))
          if (kindOfArgument(micro, argument.getArgNumber()) == nn::kindParameter)
            uses[argument][chunk].insert(field);
    if (runsBackward(chunks, &op))
      continue;
    // What a forward op makes is held by whoever reads it backward.
    for (Value result : op.getResults()) {
      llvm::SetVector<int> readers;
      for (Operation *user : result.getUsers())
        if (!isWiring(user) && user->getBlock() == op.getBlock() && runsBackward(chunks, user))
          readers.insert(chunks.of(user).chunk);
      for (int reader : readers)
        memory[reader].saved += bytesWhere(result.getType(), "", plan);
    }
  }
  const StringRef gradientKind = plan.kindWhileSummed(nn::kindGradient);
  for (auto &[argument, byChunk] : uses) {
    auto bundle = cast<nn::BundleType>(argument.getType());
    StringRef name = nn::bundleNameOf(micro.getArgAttrDict(argument.getArgNumber()));
    for (auto &[chunk, fields] : byChunk)
      for (unsigned field : fields) {
        memory[chunk].weights += bytesWhere(bundle.getTypes()[field], nn::kindParameter, plan);
        memory[chunk].gradients += bytesWhere(bundle.getTypes()[field], gradientKind, plan);
      }
    const int owner = byChunk.front().first;
    for (unsigned index = 0; step && index < step.getNumArguments(); ++index)
      if (kindOfArgument(step, index) == nn::kindOptimizerState &&
          nn::bundleNameOf(step.getArgAttrDict(index)) == name)
        memory[owner].state += bytesWhere(step.getArgumentTypes()[index], nn::kindOptimizerState, plan);
  }
  return memory;
}
