//===- EvaluateLoops.cpp - the loops that reference values share ----------===//

#include "dialects/nn/EvaluateLoops.h"
#include "dialects/nn/Layout.h"

using namespace mlir;
using namespace nn;

int64_t Shard::numElements() const {
  int64_t count = 1;
  for (const ShardAxis &axis : axes)
    count *= axis.count;
  return count;
}

const ShardAxis *Shard::find(StringAttr name) const {
  for (const ShardAxis &axis : axes)
    if (axis.name == name)
      return &axis;
  return nullptr;
}

Nest nn::nestOf(const Shard &shard) {
  Nest nest;
  for (const ShardAxis &axis : shard.axes)
    nest.push_back({axis.name, axis.count});
  return nest;
}

Nest nn::filter(ArrayRef<Extent> nest, function_ref<bool(StringAttr)> keep) {
  Nest kept;
  for (const Extent &extent : nest)
    if (keep(extent.name))
      kept.push_back(extent);
  return kept;
}

Nest nn::concat(std::initializer_list<ArrayRef<Extent>> parts) {
  Nest all;
  for (ArrayRef<Extent> part : parts)
    all.append(part.begin(), part.end());
  return all;
}

int64_t nn::product(ArrayRef<Extent> nest) {
  int64_t count = 1;
  for (const Extent &extent : nest)
    count *= extent.count;
  return count;
}

SmallVector<int64_t, 6> nn::stridesIn(ArrayRef<Extent> nest, ArrayRef<Extent> loops) {
  SmallVector<int64_t, 6> strides(loops.size(), 0);
  int64_t stride = 1;
  for (const Extent &extent : llvm::reverse(nest)) {
    for (size_t i = 0; i < loops.size(); ++i)
      if (loops[i].name == extent.name)
        strides[i] = stride;
    stride *= extent.count;
  }
  return strides;
}

/// Copies loop by loop; returns the end of what was written.
static double *copyNest(const double *from, double *to, ArrayRef<Extent> loops, ArrayRef<int64_t> strides) {
  if (loops.empty()) {
    *to = *from;
    return to + 1;
  }
  if (loops.size() == 1) {
    for (int64_t i = 0, stride = strides[0]; i < loops[0].count; ++i)
      *to++ = from[i * stride];
    return to;
  }
  for (int64_t i = 0; i < loops[0].count; ++i)
    to = copyNest(from + i * strides[0], to, loops.drop_front(), strides.drop_front());
  return to;
}

Values nn::arrange(const Values &values, ArrayRef<Extent> from, ArrayRef<Extent> to) {
  if (from == to)
    return values;
  auto arranged = std::make_shared<std::vector<double>>(product(to));
  copyNest(values->data(), arranged->data(), to, stridesIn(from, to));
  return arranged;
}

Values nn::arrange(const Shard &shard, ArrayRef<Extent> to) {
  return arrange(shard.values, nestOf(shard), to);
}

void nn::store(Values values, ArrayRef<Extent> nest, Shard &result) {
  result.values = arrange(values, nest, nestOf(result));
}

void nn::store(std::vector<double> values, ArrayRef<Extent> nest, Shard &result) {
  store(std::make_shared<const std::vector<double>>(std::move(values)), nest, result);
}

void nn::forEachGlobal(const Shard &shard, function_ref<void(int64_t element, int64_t batch)> visit) {
  SmallVector<int64_t, 6> position(shard.axes.size(), 0);
  for (int64_t i = 0, end = shard.numElements(); i < end; ++i) {
    int64_t element = 0, batch = 0;
    for (auto [axis, index] : llvm::zip(shard.axes, position)) {
      if (plainName(axis.name) == "batch")
        batch = axis.start + index;
      else
        element = element * axis.size + axis.start + index;
    }
    visit(element, batch);
    for (size_t a = position.size(); a-- > 0;) { // the next position, last axis fastest
      if (++position[a] < shard.axes[a].count)
        break;
      position[a] = 0;
    }
  }
}
