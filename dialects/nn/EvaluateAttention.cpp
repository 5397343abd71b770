//===- EvaluateAttention.cpp - reference values of attention and its gradient ===//
//
// Row by row, as the op's description defines it; masks and dropout are functions of global indices.
//
//===----------------------------------------------------------------------===//

#include "dialects/nn/EvaluateLoops.h"
#include "dialects/nn/Nn.h"

#include <cmath>
#include <limits>

using namespace mlir;
using namespace nn;

namespace {

/// One attention op on one rank: its loops, its operands in loop order, and what a row of it comes to.
///
///   query [shared, group, rows, folded]   key [shared, keys, folded]   value [shared, keys, own]
///   out   [shared, group, rows, own]      lse [shared, group, rows]
class AttentionProblem {
public:
  template <typename Op>
  AttentionProblem(Op op, EvaluateContext &context, const Shard &query, const Shard &key, const Shard &value);

  /// Calls `visit` for each row of scores, with its number and that of its keys' first row.
  void forEachRow(function_ref<void(int64_t row, int64_t firstKey)> visit);
  /// Scores of a row, after scale and cap: -infinity where the key is not seen.
  void scoreRow(int64_t row, int64_t firstKey, std::vector<double> &scores) const;
  /// What dropout multiplies the probability of a key with: 0 or 1 / (1 - p); 1 without dropout.
  double dropoutFactor(int64_t row, int64_t keyRow) const;
  /// Derivative of the capped score with respect to the score, times the scale.
  double scoreSlope(double cappedScore) const {
    double ratio = softCap > 0 ? cappedScore / softCap : 0.0;
    return scale * (1.0 - ratio * ratio);
  }

  Nest shared, group, rows, keys, folded, own;
  int64_t keyCount, width, valueWidth; // of keys, folded, own
  Values q, k, v;
  double scale, softCap;

private:
  bool sees(int64_t query, int64_t key) const {
    return !(causal && key > query) && !(window > 0 && std::abs(query - key) >= window) &&
           !(chunk > 0 && query / chunk != key / chunk);
  }
  int64_t queryPosition(int64_t row) const { return firstQuery + row % rows[0].count; }

  bool causal;
  int64_t window, chunk, firstQuery, firstKeyPosition, keySize;
  double dropout;
  uint64_t seed;
  shardc::rt::Key randomKey;
  uint32_t site;
  /// By row: the number of dropout's first element in the row, and the global sample.
  std::vector<std::pair<int64_t, int64_t>> places;
};

template <typename Op>
AttentionProblem::AttentionProblem(Op op, EvaluateContext &context, const Shard &query, const Shard &key,
                                   const Shard &value) {
  auto isFolded = [&](StringAttr name) { return contains(op.getOver(), name); };
  StringAttr queryAxis = op.getQueryAxisAttr(), keyAxis = op.getKeyAxisAttr();
  shared = filter(nestOf(query), [&](StringAttr name) { return key.find(name) && !isFolded(name); });
  group = filter(nestOf(query), [&](StringAttr name) { return !key.find(name) && name != queryAxis; });
  rows = filter(nestOf(query), [&](StringAttr name) { return name == queryAxis; });
  keys = filter(nestOf(key), [&](StringAttr name) { return name == keyAxis; });
  folded = filter(nestOf(key), isFolded);
  own = filter(nestOf(value), [&](StringAttr name) { return !key.find(name) || isFolded(name); });
  keyCount = product(keys), width = product(folded), valueWidth = product(own);
  q = arrange(query, concat({shared, group, rows, folded}));
  k = arrange(key, concat({shared, keys, folded}));
  v = arrange(value, concat({shared, keys, own}));
  scale = op.getScale().convertToDouble();
  softCap = op.getSoftCap() ? op.getSoftCap()->convertToDouble() : 0.0;
  causal = op.getCausal();
  window = op.getWindow().value_or(0), chunk = op.getChunk().value_or(0);
  firstQuery = query.find(queryAxis)->start;
  firstKeyPosition = key.find(keyAxis)->start;
  keySize = key.find(keyAxis)->size;
  dropout = op.getDropout() ? op.getDropout()->convertToDouble() : 0.0;
  seed = context.seed(), site = op.getSite();
  if (dropout == 0)
    return;
  randomKey = context.keyOf(op.getRandomKey());
  // Dropout's elements are numbered over the key's shared axes, the query's own, the query and the key.
  Shard order;
  for (const Extent &extent : concat({shared, group, rows}))
    order.axes.push_back(*query.find(extent.name));
  forEachGlobal(order, [&](int64_t element, int64_t batch) {
    places.push_back({element * keySize, randomKey.firstSample + batch});
  });
}

void AttentionProblem::forEachRow(function_ref<void(int64_t row, int64_t firstKey)> visit) {
  int64_t rowsPerKeys = product(group) * product(rows);
  for (int64_t row = 0, count = product(shared) * rowsPerKeys; row < count; ++row)
    visit(row, row / rowsPerKeys * keyCount);
}

void AttentionProblem::scoreRow(int64_t row, int64_t firstKey, std::vector<double> &scores) const {
  scores.assign(keyCount, -std::numeric_limits<double>::infinity());
  const double *queryRow = q->data() + row * width;
  for (int64_t j = 0; j < keyCount; ++j) {
    if (!sees(queryPosition(row), firstKeyPosition + j))
      continue;
    const double *keyRow = k->data() + (firstKey + j) * width;
    double score = 0;
    for (int64_t d = 0; d < width; ++d)
      score += queryRow[d] * keyRow[d];
    score *= scale;
    scores[j] = softCap > 0 ? softCap * std::tanh(score / softCap) : score;
  }
}

double AttentionProblem::dropoutFactor(int64_t row, int64_t j) const {
  if (dropout == 0)
    return 1.0;
  auto [element, sample] = places[row];
  bool kept = shardc::rt::uniform(seed, randomKey, site, sample, element + firstKeyPosition + j) >= dropout;
  return kept ? 1.0 / (1.0 - dropout) : 0.0;
}

} // namespace

LogicalResult AttentionOp::evaluate(EvaluateContext &context, ArrayRef<Shard> operands,
                                    SmallVectorImpl<Shard> &results) {
  AttentionProblem problem(*this, context, operands[0], operands[1], operands[2]);
  Nest rowNest = concat({problem.shared, problem.group, problem.rows});
  std::vector<double> out(product(rowNest) * problem.valueWidth), lse(product(rowNest)), scores;
  problem.forEachRow([&](int64_t row, int64_t firstKey) {
    problem.scoreRow(row, firstKey, scores);
    double highest = *llvm::max_element(scores), sum = 0;
    if (std::isinf(highest)) { // no key is seen: the row is zero
      lse[row] = highest;
      return;
    }
    for (double score : scores)
      sum += std::exp(score - highest);
    lse[row] = highest + std::log(sum);
    for (int64_t j = 0; j < problem.keyCount; ++j) {
      if (std::isinf(scores[j]))
        continue;
      double weight = std::exp(scores[j] - lse[row]) * problem.dropoutFactor(row, j);
      for (int64_t d = 0; d < problem.valueWidth; ++d)
        out[row * problem.valueWidth + d] += weight * (*problem.v)[(firstKey + j) * problem.valueWidth + d];
    }
  });
  for (Type type : getResultTypes())
    results.push_back(context.shardFor(cast<NamedTensorType>(type)));
  store(std::move(out), concat({rowNest, problem.own}), results[0]);
  store(std::move(lse), rowNest, results[1]);
  return success();
}

/// With P the probabilities and F dropout's factors: dV = (P F)^T dO, dP = (dO V^T) F, and
/// dS = P (dP - rowsum(P dP)), where rowsum(P dP) = dO . O.
LogicalResult AttentionBackwardOp::evaluate(EvaluateContext &context, ArrayRef<Shard> operands,
                                            SmallVectorImpl<Shard> &results) {
  AttentionProblem problem(*this, context, operands[0], operands[1], operands[2]);
  Nest rowNest = concat({problem.shared, problem.group, problem.rows});
  Nest outNest = concat({rowNest, problem.own});
  Values out = arrange(operands[3], outNest), lse = arrange(operands[4], rowNest),
         dOut = arrange(operands[5], outNest);
  std::vector<double> dQ(problem.q->size()), dK(problem.k->size()), dV(problem.v->size()), scores;
  int64_t width = problem.width, valueWidth = problem.valueWidth;
  problem.forEachRow([&](int64_t row, int64_t firstKey) {
    problem.scoreRow(row, firstKey, scores);
    const double *dOutRow = dOut->data() + row * valueWidth, *outRow = out->data() + row * valueWidth;
    double shift = 0;
    for (int64_t d = 0; d < valueWidth; ++d)
      shift += dOutRow[d] * outRow[d];
    for (int64_t j = 0; j < problem.keyCount; ++j) {
      if (std::isinf(scores[j]))
        continue;
      int64_t keyRow = firstKey + j;
      double probability = std::exp(scores[j] - (*lse)[row]), factor = problem.dropoutFactor(row, j);
      double dProbability = 0;
      for (int64_t d = 0; d < valueWidth; ++d) {
        dProbability += dOutRow[d] * (*problem.v)[keyRow * valueWidth + d];
        dV[keyRow * valueWidth + d] += probability * factor * dOutRow[d];
      }
      double dScore = probability * (dProbability * factor - shift) * problem.scoreSlope(scores[j]);
      for (int64_t d = 0; d < width; ++d) {
        dQ[row * width + d] += dScore * (*problem.k)[keyRow * width + d];
        dK[keyRow * width + d] += dScore * (*problem.q)[row * width + d];
      }
    }
  });
  for (Type type : getResultTypes())
    results.push_back(context.shardFor(cast<NamedTensorType>(type)));
  store(std::move(dQ), concat({rowNest, problem.folded}), results[0]);
  store(std::move(dK), concat({problem.shared, problem.keys, problem.folded}), results[1]);
  store(std::move(dV), concat({problem.shared, problem.keys, problem.own}), results[2]);
  return success();
}
