//===- EvaluateSources.cpp - reference values of input, iota, random, dropout ===//
//
// All are functions of global indices, so that a rank computes its part of what one device would.
//
//===----------------------------------------------------------------------===//

#include "dialects/nn/EvaluateLoops.h"
#include "dialects/nn/Nn.h"

using namespace mlir;
using namespace nn;

LogicalResult InputOp::evaluate(EvaluateContext &context, ArrayRef<Shard> operands,
                                SmallVectorImpl<Shard> &results) {
  auto first = static_cast<int64_t>(operands[0].values->front());
  Shard result = context.shardFor(getType());
  std::vector<double> values;
  forEachGlobal(result, [&](int64_t element, int64_t batch) {
    values.push_back(context.inputValue(getName(), first + batch, element));
  });
  result.set(std::move(values));
  results.push_back(std::move(result));
  return success();
}

LogicalResult IotaOp::evaluate(EvaluateContext &context, ArrayRef<Shard>, SmallVectorImpl<Shard> &results) {
  Shard result = context.shardFor(getType());
  // Here `batch` is an axis like the others, and counted in its place.
  std::vector<double> values(result.numElements());
  int64_t stride = 1, localStride = 1;
  for (const ShardAxis &axis : llvm::reverse(result.axes)) {
    for (int64_t i = 0; i < static_cast<int64_t>(values.size()); ++i)
      values[i] += static_cast<double>((axis.start + i / localStride % axis.count) * stride);
    stride *= axis.size;
    localStride *= axis.count;
  }
  result.set(std::move(values));
  results.push_back(std::move(result));
  return success();
}

LogicalResult RandomOp::evaluate(EvaluateContext &context, ArrayRef<Shard>, SmallVectorImpl<Shard> &results) {
  Shard result = context.shardFor(getType());
  shardc::rt::Key key = context.keyOf(getKey());
  double deviation = getStd().convertToDouble();
  std::vector<double> values;
  forEachGlobal(result, [&](int64_t element, int64_t batch) {
    double normal = shardc::rt::normal(context.seed(), key, getSite(), batch, element);
    values.push_back(static_cast<float>(deviation * normal));
  });
  result.set(std::move(values));
  results.push_back(std::move(result));
  return success();
}

LogicalResult DropoutOp::evaluate(EvaluateContext &context, ArrayRef<Shard> operands,
                                  SmallVectorImpl<Shard> &results) {
  Shard result = context.shardFor(getType());
  shardc::rt::Key key = context.keyOf(getKey());
  double p = getP().convertToDouble();
  const double *in = operands[0].values->data(); // in the result's order: both have one type
  std::vector<double> values;
  forEachGlobal(result, [&](int64_t element, int64_t batch) {
    bool kept = shardc::rt::uniform(context.seed(), key, getSite(), key.firstSample + batch, element) >= p;
    values.push_back(kept ? *in / (1.0 - p) : 0.0);
    ++in;
  });
  result.set(std::move(values));
  results.push_back(std::move(result));
  return success();
}
