//===- Chunks.cpp - which part of the model each op of a micro-batch is ----===//
//
// Layers say where they are. What comes before a layer is in the chunk of what it reads, so the head is in
// the last one; what reads nothing that is in a chunk is where it is used. Backward an op is in the chunk of
// what its forward saved, or of what the gradient of its input carried, or whose gradient it adds up: where
// several chunks use a weight, the last one that backward, which goes from last to first, has not left. Calls
// that return nothing but gradients of weights, and what reads these, are the weights' pass, where there is
// one.
//
//===----------------------------------------------------------------------===//

#include "compiler/transforms/pipe/Chunks.h"

using namespace mlir;
using namespace pipes;

bool pipes::isWiring(Operation *op) {
  return isa<nn::PackOp, nn::UnpackOp, nn::KeyOp, nn::ChildKeyOp>(op) ||
         (op->getNumOperands() == 0 && isa<nn::MapOp, nn::IotaOp>(op));
}

/// Whether a call returns gradients of weights there.
static bool isGradientResult(OpResult result) {
  nn::FuncOp callee = calleeOf(cast<nn::CallOp>(result.getOwner()));
  return kindOfResult(callee, result.getResultNumber()) == nn::kindGradient;
}

/// The operand that a result of a call continues: gradients go in and come out in one order.
static Value continued(nn::CallOp call, unsigned result) {
  if (!isGradientResult(call->getResult(result)))
    return {};
  nn::FuncOp callee = calleeOf(call);
  unsigned number = 0;
  for (unsigned index = 0; index < result; ++index)
    number += isGradientResult(call->getResult(index));
  for (unsigned index = 0; index < call.getNumOperands(); ++index)
    if (kindOfArgument(callee, index) == nn::kindGradient && number-- == 0)
      return call.getOperand(index);
  return {};
}

static SmallVector<Leaf> fieldsOf(BlockArgument argument) {
  SmallVector<Leaf> fields;
  auto bundle = dyn_cast<nn::BundleType>(argument.getType());
  for (unsigned field = 0, e = bundle ? bundle.size() : 1; field < e; ++field)
    fields.push_back({argument, field});
  return fields;
}

SmallVector<Leaf> pipes::leavesOf(Value value, bool throughCalls) {
  if (auto argument = dyn_cast<BlockArgument>(value))
    return fieldsOf(argument);
  auto result = cast<OpResult>(value);
  SmallVector<Leaf> leaves;
  if (auto pack = value.getDefiningOp<nn::PackOp>()) {
    for (Value field : pack.getOperands())
      leaves.append(leavesOf(field, throughCalls));
  } else if (auto unpack = value.getDefiningOp<nn::UnpackOp>()) {
    SmallVector<Leaf> whole = leavesOf(unpack.getBundle(), throughCalls);
    if (whole.size() == unpack->getNumResults())
      leaves.push_back(whole[result.getResultNumber()]);
  } else if (auto call = value.getDefiningOp<nn::CallOp>(); call && throughCalls) {
    if (Value operand = continued(call, result.getResultNumber()))
      leaves = leavesOf(operand, throughCalls);
  }
  return leaves;
}

static bool isLayerArgument(BlockArgument argument) {
  auto func = cast<nn::FuncOp>(argument.getOwner()->getParentOp());
  auto path = func.getArgAttrOfType<StringAttr>(argument.getArgNumber(), nn::pathAttrName);
  return path && !path.empty() && kindOfArgument(func, argument.getArgNumber()) == nn::kindParameter;
}

static void collectBackwards(Value value, llvm::DenseSet<Operation *> &ops) {
  if (Operation *op = value.getDefiningOp(); op && ops.insert(op).second)
    for (Value operand : op->getOperands())
      collectBackwards(operand, ops);
}

/// What the results that are no gradients are made of: the loss and its count.
static llvm::DenseSet<Operation *> forwardOf(nn::FuncOp micro) {
  llvm::DenseSet<Operation *> ops;
  for (OpOperand &result : micro.getReturn()->getOpOperands())
    if (kindOfResult(micro, result.getOperandNumber()) != nn::kindGradient)
      collectBackwards(result.get(), ops);
  return ops;
}

SmallVector<nn::CallOp> Chunks::layersOf(nn::FuncOp micro) {
  llvm::DenseSet<Operation *> forward = forwardOf(micro);
  SmallVector<nn::CallOp> layers;
  for (auto call : micro.getBody().getOps<nn::CallOp>())
    if (forward.contains(call) && llvm::any_of(call.getOperands(), [](Value operand) {
          return isa<nn::BundleType>(operand.getType()) &&
                 llvm::any_of(leavesOf(operand), [](Leaf leaf) { return isLayerArgument(leaf.first); });
        }))
      layers.push_back(call);
  return layers;
}

int Chunks::chunkOf(Value value, bool latest) const {
  Operation *op = value.getDefiningOp();
  if (!op)
    return -1;
  if (auto found = places.find(op); found != places.end())
    return found->second.chunk;
  int chunk = -1;
  if (isWiring(op))
    for (Value operand : op->getOperands())
      if (int other = chunkOf(operand, latest); other >= 0)
        chunk = chunk < 0 ? other : latest ? std::max(chunk, other) : std::min(chunk, other);
  return chunk;
}

bool Chunks::isOfWeightsPass(Value value) const {
  Operation *op = value.getDefiningOp();
  if (!op)
    return false;
  if (auto found = places.find(op); found != places.end())
    return found->second.pass == Pass::backwardWeight;
  return isWiring(op) && llvm::any_of(op->getOperands(), [&](Value v) { return isOfWeightsPass(v); });
}

Chunks::Pass Chunks::passOf(Operation *op) const {
  if (isForward.contains(op))
    return Pass::forward;
  if (!splitsBackward)
    return Pass::backward;
  auto call = dyn_cast<nn::CallOp>(op);
  const bool isOfWeights =
      call ? llvm::all_of(call.getResults(), [](OpResult result) { return isGradientResult(result); })
           : llvm::any_of(op->getOperands(), [&](Value operand) { return isOfWeightsPass(operand); });
  return isOfWeights ? Pass::backwardWeight : Pass::backward;
}

int Chunks::chunkForward(Operation *op) {
  if (auto found = layerChunk.find(op); found != layerChunk.end())
    return found->second;
  int chunk = -1;
  bool readsWeights = false;
  for (Value operand : op->getOperands()) {
    chunk = std::max(chunk, chunkOf(operand, /*latest=*/true));
    readsWeights |= isa<nn::BundleType>(operand.getType());
  }
  return chunk < 0 && readsWeights ? 0 : chunk;
}

int Chunks::chunkBackward(Operation *op) {
  int saved = -1, carried = -1, weights = -1, earliest = -1, latest = -1;
  for (Value operand : op->getOperands()) {
    Operation *from = operand.getDefiningOp();
    int chunk = chunkOf(operand, /*latest=*/true);
    if (from && isForward.contains(from) && isa<nn::CallOp>(from)) {
      latest = std::max(latest, chunk);
      if (isa<nn::BundleType>(operand.getType()))
        saved = std::max(saved, chunk);
    } else if (from && isa<nn::CallOp>(from) && isa<nn::BundleType>(operand.getType()) &&
               !isGradientResult(cast<OpResult>(operand))) {
      carried = chunk;
    } else if (chunk >= 0 && isa<nn::NamedTensorType>(operand.getType())) {
      earliest = earliest < 0 ? chunk : std::min(earliest, chunk);
    }
    if (isa<nn::BundleType>(operand.getType()))
      for (auto [argument, field] : leavesOf(operand, /*throughCalls=*/true))
        for (int user : users.lookup(argument))
          if (user <= reached)
            weights = std::max(weights, user);
  }
  if (const int known = std::max(saved, carried); known >= 0)
    reached = std::min(reached, known);
  return saved >= 0      ? saved
         : carried >= 0  ? carried
         : weights >= 0  ? weights
         : earliest >= 0 ? earliest
                         : latest;
}

Chunks::Chunks(nn::FuncOp micro, ArrayRef<int64_t> sizes, bool splitsBackward)
    : splitsBackward(splitsBackward) {
  for (auto &chunks : ops)
    chunks.resize(sizes.size());
  const int last = static_cast<int>(sizes.size()) - 1;
  reached = last;
  isForward = forwardOf(micro);
  SmallVector<nn::CallOp> layers = layersOf(micro);
  auto layer = layers.begin();
  for (auto [chunk, size] : llvm::enumerate(sizes))
    for (int64_t i = 0; i < size && layer != layers.end(); ++i)
      layerChunk[*layer++] = static_cast<int>(chunk);

  // Gradients are arguments in the order of the weights.
  SmallVector<BlockArgument> weights, gradients;
  for (BlockArgument argument : micro.getArguments()) {
    const StringRef kind = kindOfArgument(micro, argument.getArgNumber());
    if (kind == nn::kindParameter)
      weights.push_back(argument);
    if (kind == nn::kindGradient)
      gradients.push_back(argument);
  }
  SmallVector<Operation *> floating, all;
  for (Operation &op : micro.getBody().front().without_terminator()) {
    if (isWiring(&op))
      continue;
    all.push_back(&op);
    const Pass pass = passOf(&op);
    const int chunk = pass == Pass::forward ? chunkForward(&op) : chunkBackward(&op);
    if (chunk < 0) {
      floating.push_back(&op);
      continue;
    }
    places[&op] = {pass, chunk};
    if (pass == Pass::forward)
      for (Value operand : op.getOperands())
        if (isa<nn::BundleType>(operand.getType()))
          for (auto [argument, field] : leavesOf(operand))
            for (auto [weight, gradient] : llvm::zip(weights, gradients))
              if (weight == argument) {
                users[weight].push_back(chunk);
                users[gradient].push_back(chunk);
              }
  }
  for (Operation *op : llvm::reverse(floating)) {
    int chunk = last;
    for (Operation *user : op->getUsers())
      if (auto found = places.find(user); found != places.end())
        chunk = std::min(chunk, found->second.chunk);
    places[op] = {passOf(op), chunk};
  }
  for (Operation *op : all) {
    const Place &place = places[op];
    ops[static_cast<size_t>(place.pass)][place.chunk].push_back(op);
  }
}
