//===- EvaluateRope.cpp - reference value of rope -------------------------===//

#include "dialects/nn/EvaluateLoops.h"
#include "dialects/nn/Nn.h"
#include "dialects/nn/RopeScaling.h"

using namespace mlir;
using namespace nn;

LogicalResult RopeOp::evaluate(EvaluateContext &context, ArrayRef<Shard> operands,
                               SmallVectorImpl<Shard> &results) {
  FailureOr<rt::RopeScaling> scaling = readRopeScaling(*this, getScaling());
  if (failed(scaling))
    return failure();
  const Shard &operand = operands[0];
  Nest rows = filter(nestOf(operand), [&](StringAttr name) { return name != getOverAttr(); });
  int64_t width = operand.find(getOverAttr())->count, half = width / 2;
  Nest all = concat({rows, Extent{getOverAttr(), width}});
  Values values = arrange(operand, all), positions = arrange(operands[1], rows);
  rt::RopeFrequencies frequencies = rt::ropeFrequencies(width, getTheta().convertToDouble(), *scaling);
  std::vector<double> out(values->size());
  for (size_t row = 0; row < positions->size(); ++row)
    for (int64_t i = 0; i < half; ++i) {
      int64_t first = row * width + (getInterleaved() ? 2 * i : i),
              second = first + (getInterleaved() ? 1 : half);
      double angle = (*positions)[row] * frequencies.inverse[i];
      double cosine = frequencies.magnitude * std::cos(angle), sine = frequencies.magnitude * std::sin(angle);
      if (getInverse())
        sine = -sine;
      double a = (*values)[first], b = (*values)[second];
      out[first] = a * cosine - b * sine;
      out[second] = b * cosine + a * sine;
    }
  results.push_back(context.shardFor(getType()));
  store(std::move(out), all, results.back());
  return success();
}
