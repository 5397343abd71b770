//===- Attention.cpp - reference values of attention and its gradient -----===//
//
// One row of scores at a time: that of one query in one head.
//
//===----------------------------------------------------------------------===//

#include "compiler/interpreter/exec/Machine.h"
#include "compiler/interpreter/exec/Points.h"

#include <cmath>

using namespace mlir;
using namespace exec;
using namespace shardc::interpreter;

namespace {

constexpr double unseen = -std::numeric_limits<double>::infinity();

/// A buffer, from which a row's elements are taken.
struct Part {
  Image image;
  int64_t key = 0, dim = 0; // strides of key_seq, and of dim or value_dim

  double &at(int64_t row, int64_t j, int64_t d) { return image[row + j * key + d * dim]; }
};

template <typename Op> class Rows {
public:
  Rows(Work &work, Op op) : work(work), op(op) {}

  int64_t keys() { return op.getKeySeq().getSize(); }
  int64_t width() { return op.getDim().getSize(); }
  int64_t valueWidth() { return op.getValueDim().getSize(); }

  /// Operand `number` among the strides, holding `image`; a value has the dimension `value_dim`.
  Part part(Image image, unsigned number, bool isValue = false) {
    return {std::move(image), op.getKeySeq().getStrides()[number],
            (isValue ? op.getValueDim() : op.getDim()).getStrides()[number]};
  }

  /// For each row: local indices of batch, kv_head, group and query, and the row's offset in each operand.
  template <typename Visit> void forEach(unsigned operands, Visit &&visit) {
    LoopAttr loops[] = {op.getBatch(), op.getKvHead(), op.getGroup(), op.getQuerySeq()};
    int64_t number = 0;
    forEachPoint(loops, operands, [&](ArrayRef<int64_t> at) {
      int64_t rest = number++;
      for (size_t i = std::size(loops); i-- > 0; rest /= loops[i].getSize())
        index[i] = rest % loops[i].getSize();
      visit(at);
    });
  }

  /// Scores of the row after scale and cap; of keys that it doesn't see `unseen`.
  std::vector<double> scores(Part &query, Part &key, int64_t queryRow, int64_t keyRow) {
    std::vector<double> scores(keys(), unseen);
    for (int64_t j = 0; j < keys(); ++j) {
      if (!sees(globalQuery(), j + work.number(op.getKeyStart())))
        continue;
      double product = 0;
      for (int64_t d = 0; d < width(); ++d)
        product += query.at(queryRow, 0, d) * key.at(keyRow, j, d);
      product *= scale();
      scores[j] = softCap() > 0 ? softCap() * std::tanh(product / softCap()) : product;
    }
    return scores;
  }

  /// What dropout multiplies a probability with.
  double factor(int64_t j) {
    double p = op.getDropout() ? op.getDropout()->convertToDouble() : 0;
    if (p == 0)
      return 1;
    int64_t kvHead = index[1] + work.number(op.getKvHeadStart()),
            group = index[2] + work.number(op.getGroupStart());
    int64_t row = (kvHead * op.getGroups() + group) * op.getQuerySize() + globalQuery();
    int64_t element = row * op.getKeySize() + j + work.number(op.getKeyStart());
    rt::Key key = work.key(op.getRandomKey());
    uint64_t sample = key.firstSample + index[0] + work.number(op.getBatchStart());
    return rt::uniform(work.seed(), key, op.getSite(), sample, element) >= p ? 1 / (1 - p) : 0;
  }

  /// How fast a score moves with the product of query and key.
  double slope(double score) {
    double capped = softCap() > 0 ? score / softCap() : 0;
    return scale() * (1 - capped * capped);
  }

private:
  double scale() { return op.getScale().convertToDouble(); }
  double softCap() { return op.getSoftCap() ? op.getSoftCap()->convertToDouble() : 0; }
  int64_t globalQuery() { return index[3] + work.number(op.getQueryStart()); }
  bool sees(int64_t query, int64_t key) {
    bool isPast = !op.getCausal() || key <= query;
    bool isNear = !op.getWindow() || std::abs(query - key) < static_cast<int64_t>(*op.getWindow());
    bool isInChunk = !op.getChunk() || query / static_cast<int64_t>(*op.getChunk()) ==
                                           key / static_cast<int64_t>(*op.getChunk());
    return isPast && isNear && isInChunk;
  }

  Work &work;
  Op op;
  int64_t index[4] = {0, 0, 0, 0}; // of the row: batch, kv_head, group, query
};

} // namespace

LogicalResult shardc::interpreter::evaluate(Work &work, AttentionOp op) {
  FailureOr<Image> q = work.read(op.getQuery()), k = work.read(op.getKey()), v = work.read(op.getValue());
  if (failed(q) || failed(k) || failed(v))
    return failure();
  Rows<AttentionOp> rows(work, op);
  Part query = rows.part(std::move(*q), 0), key = rows.part(std::move(*k), 1);
  Part value = rows.part(std::move(*v), 2, true), out = rows.part(Work::blank(op.getOut()), 3, true);
  Image lse = Work::blank(op.getLse());
  rows.forEach(5, [&](ArrayRef<int64_t> at) {
    std::vector<double> scores = rows.scores(query, key, at[0], at[1]);
    double highest = *llvm::max_element(scores), sum = 0;
    lse[at[4]] = unseen; // and the row of out is zero, where no key is seen
    if (highest == unseen)
      return;
    for (double score : scores)
      sum += std::exp(score - highest);
    lse[at[4]] = highest + std::log(sum);
    for (int64_t j = 0; j < rows.keys(); ++j) {
      double weight = std::exp(scores[j] - highest) / sum * rows.factor(j);
      for (int64_t d = 0; d < rows.valueWidth(); ++d)
        out.at(at[3], 0, d) += weight * value.at(at[2], j, d);
    }
  });
  return failure(failed(work.write(op.getOut(), out.image)) || failed(work.write(op.getLse(), lse)));
}

/// With P the probabilities, F dropout's factors and S the scores: dV = (P F)^T dOut, dP = (dOut V^T) F and
/// dS = P (dP - rowsum(P dP)), where rowsum(P dP) = dOut . out.
LogicalResult shardc::interpreter::evaluate(Work &work, AttentionBackwardOp op) {
  SmallVector<Image> images;
  for (Value operand : {op.getQuery(), op.getKey(), op.getValue(), op.getOut(), op.getLse(), op.getDOut()}) {
    FailureOr<Image> image = work.read(operand);
    if (failed(image))
      return failure();
    images.push_back(std::move(*image));
  }
  Rows<AttentionBackwardOp> rows(work, op);
  Part query = rows.part(images[0], 0), key = rows.part(images[1], 1), value = rows.part(images[2], 2, true);
  Part out = rows.part(images[3], 3, true), dOut = rows.part(images[5], 5, true);
  const Image &lse = images[4];
  Part dQuery = rows.part(Work::blank(op.getDQuery()), 6), dKey = rows.part(Work::blank(op.getDKey()), 7);
  Part dValue = rows.part(Work::blank(op.getDValue()), 8, true);
  rows.forEach(9, [&](ArrayRef<int64_t> at) {
    std::vector<double> scores = rows.scores(query, key, at[0], at[1]);
    double dot = 0;
    for (int64_t d = 0; d < rows.valueWidth(); ++d)
      dot += dOut.at(at[5], 0, d) * out.at(at[3], 0, d);
    for (int64_t j = 0; j < rows.keys(); ++j) {
      if (scores[j] == unseen)
        continue;
      double probability = std::exp(scores[j] - lse[at[4]]), factor = rows.factor(j), dProbability = 0;
      for (int64_t d = 0; d < rows.valueWidth(); ++d) {
        dProbability += factor * dOut.at(at[5], 0, d) * value.at(at[2], j, d);
        dValue.at(at[8], j, d) += probability * factor * dOut.at(at[5], 0, d);
      }
      double dProduct = probability * (dProbability - dot) * rows.slope(scores[j]);
      for (int64_t d = 0; d < rows.width(); ++d) {
        dQuery.at(at[6], 0, d) += dProduct * key.at(at[1], j, d);
        dKey.at(at[7], j, d) += dProduct * query.at(at[0], 0, d);
      }
    }
  });
  return failure(failed(work.write(op.getDQuery(), dQuery.image)) ||
                 failed(work.write(op.getDKey(), dKey.image)) ||
                 failed(work.write(op.getDValue(), dValue.image)));
}
