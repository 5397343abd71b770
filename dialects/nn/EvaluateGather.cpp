//===- EvaluateGather.cpp - reference values of gather and scatter_add ----===//

#include "dialects/nn/EvaluateLoops.h"
#include "dialects/nn/Nn.h"

using namespace mlir;
using namespace nn;

/// result[shared, picks, rest] = table[shared, axis = index[shared, picks], rest]; zero where the index is
/// not in this rank's range.
LogicalResult GatherOp::evaluate(EvaluateContext &context, ArrayRef<Shard> operands,
                                 SmallVectorImpl<Shard> &results) {
  const Shard &table = operands[0], &index = operands[1];
  const ShardAxis &axis = *table.find(getAxisAttr());
  Nest along = {{axis.name, axis.count}};
  Nest shared = filter(nestOf(index), [&](StringAttr name) { return table.find(name); });
  Nest picks = filter(nestOf(index), [&](StringAttr name) { return !table.find(name); });
  Nest rest = filter(nestOf(table), [&](StringAttr name) { return name != axis.name && !index.find(name); });
  Values entries = arrange(table, concat({shared, along, rest})),
         at = arrange(index, concat({shared, picks}));
  int64_t width = product(rest), pickCount = product(picks);
  std::vector<double> out(at->size() * width, 0.0);
  for (size_t i = 0; i < at->size(); ++i) {
    int64_t local = static_cast<int64_t>((*at)[i]) - axis.start;
    if (local >= 0 && local < axis.count) {
      const double *entry = entries->data() + (i / pickCount * axis.count + local) * width;
      std::copy(entry, entry + width, out.data() + i * width);
    }
  }
  results.push_back(context.shardFor(getType()));
  store(std::move(out), concat({shared, picks, rest}), results.back());
  return success();
}

/// result[axis = index[i..], rest..] += updates[i.., rest..]: one pass over the updates.
LogicalResult ScatterAddOp::evaluate(EvaluateContext &context, ArrayRef<Shard> operands,
                                     SmallVectorImpl<Shard> &results) {
  const Shard &updates = operands[0], &index = operands[1];
  Shard result = context.shardFor(getType());
  const ShardAxis &axis = *result.find(getAxisAttr());
  Nest resultNest = nestOf(result), picks = nestOf(index);
  Nest rest = filter(nestOf(updates), [&](StringAttr name) { return !index.find(name); });
  Values values = arrange(updates, concat({picks, rest}));
  int64_t axisStride = stridesIn(resultNest, Extent{axis.name, axis.count})[0];
  // Offsets into the result, by the position along `picks` and along `rest`.
  auto offsets = [&](ArrayRef<Extent> loops) {
    std::vector<int64_t> all = {0};
    for (auto [extent, stride] : llvm::zip(loops, stridesIn(resultNest, loops))) {
      std::vector<int64_t> next;
      for (int64_t offset : all)
        for (int64_t i = 0; i < extent.count; ++i)
          next.push_back(offset + i * stride);
      all = std::move(next);
    }
    return all;
  };
  std::vector<int64_t> pickOffsets = offsets(picks), restOffsets = offsets(rest);
  std::vector<double> out(result.numElements(), 0.0);
  for (size_t i = 0; i < pickOffsets.size(); ++i) {
    int64_t local = static_cast<int64_t>((*index.values)[i]) - axis.start;
    if (local < 0 || local >= axis.count)
      continue;
    const double *row = values->data() + i * restOffsets.size();
    for (size_t j = 0; j < restOffsets.size(); ++j)
      out[pickOffsets[i] + local * axisStride + restOffsets[j]] += row[j];
  }
  result.set(std::move(out));
  results.push_back(std::move(result));
  return success();
}
