//===- EvaluateContract.cpp - reference values of contract and reduce -----===//

#include "dialects/nn/EvaluateLoops.h"
#include "dialects/nn/Nn.h"

#include <limits>

using namespace mlir;
using namespace nn;

/// c[m, n] += a[m, k] b[k, n]
static void multiply(const double *a, const double *b, double *c, int64_t m, int64_t n, int64_t k) {
  for (int64_t row = 0; row < m; ++row)
    for (int64_t inner = 0; inner < k; ++inner) {
      double factor = a[row * k + inner];
      for (int64_t column = 0; column < n; ++column)
        c[row * n + column] += factor * b[inner * n + column];
    }
}

/// Axes of both that are kept are a batch of products; those of one alone are rows and columns.
LogicalResult ContractOp::evaluate(EvaluateContext &context, ArrayRef<Shard> operands,
                                   SmallVectorImpl<Shard> &results) {
  const Shard &lhs = operands[0], &rhs = operands[1];
  auto folded = [&](StringAttr name) { return contains(getOver(), name); };
  Nest batch = filter(nestOf(lhs), [&](StringAttr name) { return rhs.find(name) && !folded(name); });
  Nest rows = filter(nestOf(lhs), [&](StringAttr name) { return !rhs.find(name); });
  Nest columns = filter(nestOf(rhs), [&](StringAttr name) { return !lhs.find(name); });
  Nest inner = filter(nestOf(lhs), folded);
  Values a = arrange(lhs, concat({batch, rows, inner})), b = arrange(rhs, concat({batch, inner, columns}));
  int64_t m = product(rows), n = product(columns), k = product(inner);
  std::vector<double> c(product(batch) * m * n, 0.0);
  for (int64_t i = 0, count = product(batch); i < count; ++i)
    multiply(a->data() + i * m * k, b->data() + i * k * n, c.data() + i * m * n, m, n, k);
  results.push_back(context.shardFor(getType()));
  store(std::move(c), concat({batch, rows, columns}), results.back());
  return success();
}

LogicalResult ReduceOp::evaluate(EvaluateContext &context, ArrayRef<Shard> operands,
                                 SmallVectorImpl<Shard> &results) {
  const Shard &operand = operands[0];
  auto folded = [&](StringAttr name) { return contains(getOver(), name); };
  Nest kept = filter(nestOf(operand), [&](StringAttr name) { return !folded(name); });
  Nest inner = filter(nestOf(operand), folded);
  Values values = arrange(operand, concat({kept, inner}));
  bool isSum = getKind() == ReductionKind::sum;
  std::vector<double> out(product(kept), isSum ? 0.0 : -std::numeric_limits<double>::infinity());
  const double *row = values->data();
  for (double &result : out)
    for (int64_t i = 0, count = product(inner); i < count; ++i, ++row)
      result = isSum ? result + *row : std::max(result, *row);
  results.push_back(context.shardFor(getType()));
  store(std::move(out), kept, results.back());
  return success();
}
