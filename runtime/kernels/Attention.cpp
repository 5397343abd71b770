//===- Attention.cpp - attention, forward ---------------------------------===//
//
// For each block of query rows: scores of all visible keys, one softmax, one product with the values. The
// row's sum divides at the end, when [valueDim] numbers are left of [keySeq].
//
//===----------------------------------------------------------------------===//
#include "runtime/kernels/AttentionRows.h"

#include <omp.h>

namespace rt {

using namespace attention;

namespace {

struct RowSoftmax {
  float lse;     // max + log of the sum; minus infinity for a row that sees nothing
  float inverse; // 1 / sum, or 0
};

/// Turns a row of scores into e^(score - max), in place: zero where masked.
RowSoftmax softmaxRow(Range keys, float *scores) {
  float largest = std::numeric_limits<float>::lowest(), sum = 0;
#pragma omp simd reduction(max : largest)
  for (int64_t j = keys.begin; j < keys.end; ++j)
    largest = scores[j] > largest ? scores[j] : largest;
#pragma omp simd reduction(+ : sum)
  for (int64_t j = keys.begin; j < keys.end; ++j) {
    scores[j] = rt::exp(scores[j] - largest);
    sum += scores[j];
  }
  if (sum == 0)
    return {-std::numeric_limits<float>::infinity(), 0};
  return {largest + rt::log(sum), 1.0f / sum};
}

/// Everything that forward is given, and what it needs of it for one piece.
struct Forward {
  const AttentionShape &shape;
  const AttentionPlace &place;
  const AttentionRandom &random;
  Blocking b;
  const float *q, *k, *v;
  float *out, *lse;

  void run(const Piece &piece, Scratch scratch) const;
  void softmaxRows(const Piece &piece, const RowBlock &block, float *scores, float *inverse) const;
};

/// scores: [rows, keys], to what multiplies the values but for each row's `inverse`: [rows]. Writes lse.
void Forward::softmaxRows(const Piece &piece, const RowBlock &block, float *scores, float *inverse) const {
  for (int64_t i = 0; i < block.rows; ++i) {
    int64_t row = block.first + i, strip = row - i % tiles::kMicroRows;
    Range computed = visibleToAny(shape, place, strip, tiles::kMicroRows);
    float *weights = scores + i * b.keys;
    capAndMask(shape, visibleKeys(shape, place, row), computed, weights, nullptr);
    RowSoftmax softmax = softmaxRow(computed, weights);
    inverse[i] = softmax.inverse;
    if (i < block.count)
      headOf(lse, shape.lse, piece, block.group)[row * shape.lse.seq] = softmax.lse;
    if (shape.dropout > 0) {
      DropoutRow dropout = dropoutRow(shape, place, random, piece, block.group, row);
      for (int64_t j = computed.begin; j < computed.end; ++j)
        weights[j] *= dropout.at(j);
    }
  }
}

void Forward::run(const Piece &piece, Scratch scratch) const {
  float *keysTransposed = scratch.take(b.headDim * b.keys);
  float *values = scratch.take(b.keys * b.valueDim);
  float *query = scratch.take(b.rows * b.headDim);
  float *scores = scratch.take(b.rows * b.keys);
  float *result = scratch.take(b.rows * b.valueDim);
  tiles::packTransposed({headOf(k, shape.k, piece), shape.k.seq, shape.k.dim}, shape.keySeq, shape.headDim,
                        keysTransposed, b.headDim, b.keys);
  tiles::pack({headOf(v, shape.v, piece), shape.v.seq, shape.v.dim}, shape.keySeq, shape.valueDim, 1.0f,
              values, b.keys, b.valueDim);

  forEachRowBlock(shape, b, piece.part, [&](const RowBlock &block) {
    const float *queryRows = headOf(q, shape.q, piece, block.group) + block.first * shape.q.seq;
    tiles::pack({queryRows, shape.q.seq, shape.q.dim}, block.count, shape.headDim, shape.scale, query,
                block.rows, b.headDim);
    scoreProduct(shape, place, b, block, b.headDim, query, keysTransposed, scores);

    float inverse[kMostRows];
    softmaxRows(piece, block, scores, inverse);
    weightedSum(shape, place, b, block, b.valueDim, scores, values, result);
    float *outRows = headOf(out, shape.out, piece, block.group) + block.first * shape.out.seq;
    for (int64_t i = 0; i < block.count; ++i)
      tiles::unpack(result + i * b.valueDim, 0, 1, shape.valueDim, inverse[i], outRows + i * shape.out.seq, 0,
                    shape.out.dim);
  });
}

} // namespace

void attentionForward(const AttentionShape &shape, const AttentionPlace &place, const AttentionRandom &random,
                      const float *q, const float *k, const float *v, float *out, float *lse, void *scratch) {
  Forward forward{shape, place, random, blocking(shape), q, k, v, out, lse};
  int64_t pieces = shape.batch * shape.kvHeads * forward.b.parts;
#pragma omp parallel for schedule(dynamic, 1)
  for (int64_t i = 0; i < pieces; ++i)
    forward.run(pieceOf(shape, forward.b, i), Scratch(scratch, shape, forward.b, omp_get_thread_num()));
}

} // namespace rt
