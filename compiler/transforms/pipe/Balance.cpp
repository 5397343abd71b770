//===- Balance.cpp - how many layers each part of a pipeline has -----------===//

#include "compiler/transforms/pipe/Balance.h"
#include "compiler/transforms/pipe/Chunks.h"

#include <limits>

using namespace mlir;
using namespace pipes;

/// What an element costs that is read and written but not multiplied, in floating-point operations: machines
/// do this many while they move its bytes.
static constexpr double costOfElement = 32;

static double costOf(Operation *op, llvm::DenseMap<Operation *, double> &known) {
  if (auto call = dyn_cast<nn::CallOp>(op)) {
    auto callee = SymbolTable::lookupNearestSymbolFrom<nn::FuncOp>(call, call.getCalleeAttr());
    if (auto found = known.find(callee); found != known.end())
      return found->second;
    double sum = 0;
    for (Operation &inner : callee.getBody().front().without_terminator())
      sum += costOf(&inner, known);
    return known[callee] = sum;
  }
  llvm::MapVector<StringAttr, int64_t> sizes;   // of the iteration space
  const bool readsRows = isa<nn::GatherOp>(op); // of a table that it does not go through
  for (ValueRange values :
       {readsRows ? ValueRange() : ValueRange(op->getOperands()), ValueRange(op->getResults())})
    for (Value value : values)
      if (auto tensor = dyn_cast<nn::NamedTensorType>(value.getType()))
        for (nn::AxisAttr axis : tensor.getAxes())
          sizes[axis.getName()] = axis.getSize();
  double space = 1;
  for (auto [name, size] : sizes)
    space *= static_cast<double>(size);
  if (isWiring(op))
    return 0;
  if (isa<nn::ContractOp>(op))
    return 2 * space;
  return isa<nn::AttentionOp>(op) ? 4 * space : costOfElement * space;
}

SmallVector<int64_t> pipes::balance(ArrayRef<double> costs, double before, double after, int parts) {
  const int count = static_cast<int>(costs.size());
  std::vector<double> sums(count + 1, 0); // of the first n
  for (int i = 0; i < count; ++i)
    sums[i + 1] = sums[i] + costs[i];
  auto run = [&](int part, int first, int last) {
    return sums[last] - sums[first] + (part == 0 ? before : 0) + (part == parts - 1 ? after : 0);
  };
  // best[part][n]: the longest run when the first `part` parts have the first n.
  constexpr double never = std::numeric_limits<double>::infinity();
  std::vector<std::vector<double>> best(parts + 1, std::vector<double>(count + 1, never));
  std::vector<std::vector<int>> from(parts + 1, std::vector<int>(count + 1, 0));
  best[0][0] = 0;
  for (int part = 0; part < parts; ++part)
    for (int last = part + 1; last <= count; ++last)
      for (int first = part; first < last; ++first)
        if (double longest = std::max(best[part][first], run(part, first, last));
            longest < best[part + 1][last]) {
          best[part + 1][last] = longest;
          from[part + 1][last] = first;
        }
  SmallVector<int64_t> sizes(parts);
  for (int part = parts, last = count; part > 0; --part) {
    sizes[part - 1] = last - from[part][last];
    last = from[part][last];
  }
  return sizes;
}

FailureOr<SmallVector<int64_t>> pipes::layersOfChunks(nn::FuncOp micro, int chunks, DenseI64ArrayAttr given,
                                                      nn::EmitError error) {
  SmallVector<nn::CallOp> layers = Chunks::layersOf(micro);
  const auto count = static_cast<int64_t>(layers.size());
  if (count < chunks)
    return nn::fail(error, "the model has " + std::to_string(count) + " layers, too few for " +
                               std::to_string(chunks) +
                               " parts: give the pipeline's mesh axis, times its virtual stages, at most " +
                               std::to_string(count));
  if (given) {
    SmallVector<int64_t> sizes(given.asArrayRef());
    int64_t sum = 0;
    for (int64_t size : sizes)
      sum += size;
    if (static_cast<int>(sizes.size()) != chunks || sum != count)
      return nn::fail(error, "'stages' are " + std::to_string(sizes.size()) + " parts of " +
                                 std::to_string(sum) + " layers in all, the model has " +
                                 std::to_string(count) + " layers for " + std::to_string(chunks) + " parts");
    return sizes;
  }
  llvm::DenseMap<Operation *, double> known;
  SmallVector<double> costs;
  for (nn::CallOp layer : layers)
    costs.push_back(costOf(layer, known));
  // What is forward and no layer: before the first, or behind it.
  Chunks all(micro, {count});
  double before = 0, after = 0;
  for (Operation *op : all.opsOf(/*isBackward=*/false, 0))
    if (!llvm::is_contained(layers, op))
      (op->isBeforeInBlock(layers.front()) ? before : after) += costOf(op, known);
  return balance(costs, before, after, chunks);
}
