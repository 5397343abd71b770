//===- AttentionBackward.cpp - attention, backward ------------------------===//
//
// For each block of query rows, with P the probabilities (recomputed from lse), M dropout's factors, and
// delta = dOut . out per row:
//
//   dP = dOut V^T     dS = P * (M * dP - delta)     dQ = scale * dS K     dK += dS^T (scale * Q)
//                                                                         dV += (M * P)^T dOut
//
// dK and dV are sums over row blocks: kept in scratch, by one piece of work each. Where a key-value head was
// cut into several pieces their sums are added at the end, in order.
//
//===----------------------------------------------------------------------===//
#include "runtime/kernels/AttentionRows.h"

#include <omp.h>

namespace rt {

using namespace attention;

namespace {

struct Backward {
  const AttentionShape &shape;
  const AttentionGradientStrides &strides;
  const AttentionPlace &place;
  const AttentionRandom &random;
  Blocking b;
  const float *q, *k, *v, *out, *lse, *dOut;
  float *dQ, *dK, *dV;
  float *pieceSums; // [pieces, keys, headDim + valueDim] where parts > 1

  void run(int64_t index, Scratch scratch) const;
  void scoreGradients(const Piece &piece, const RowBlock &block, const float *outRows, const float *dOutRows,
                      float *probabilities, float *dScores, float *slope) const;
  void addPieces(int64_t head, int64_t key) const;
};

/// dot(x, y) over n elements.
float dot(int64_t n, const float *x, const float *y) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < n; ++i)
    sum += x[i] * y[i];
  return sum;
}

/// In: scores and dP, [rows, keys]. Out, in place: M * P and dS.
void Backward::scoreGradients(const Piece &piece, const RowBlock &block, const float *outRows,
                              const float *dOutRows, float *probabilities, float *dScores,
                              float *slope) const {
  for (int64_t i = 0; i < block.rows; ++i) {
    int64_t row = block.first + i, strip = row - i % tiles::kMicroRows;
    Range computed = visibleToAny(shape, place, strip, tiles::kMicroRows);
    float *p = probabilities + i * b.keys, *dS = dScores + i * b.keys;
    capAndMask(shape, visibleKeys(shape, place, row), computed, p, slope);

    float rowLse = i < block.count ? headOf(lse, shape.lse, piece, block.group)[row * shape.lse.seq] : 0.0f;
    if (rowLse == -std::numeric_limits<float>::infinity()) // sees nothing: all its scores are minus infinity
      rowLse = 0.0f;
    float delta = dot(b.valueDim, dOutRows + i * b.valueDim, outRows + i * b.valueDim);

    if (shape.dropout > 0) {
      DropoutRow dropout = dropoutRow(shape, place, random, piece, block.group, row);
      for (int64_t j = computed.begin; j < computed.end; ++j) {
        float probability = rt::exp(p[j] - rowLse), factor = dropout.at(j);
        dS[j] = probability * (factor * dS[j] - delta);
        p[j] = factor * probability;
      }
    } else {
      for (int64_t j = computed.begin; j < computed.end; ++j) {
        p[j] = rt::exp(p[j] - rowLse);
        dS[j] = p[j] * (dS[j] - delta);
      }
    }
    if (shape.softCap > 0)
      for (int64_t j = computed.begin; j < computed.end; ++j)
        dS[j] *= slope[j];
  }
}

/// sums[keys, columns] += weights^T rows, weights: [rows, keys], rows: [block.rows, columns]; a strip of keys
/// takes only the strips of rows that see some of it.
void addTransposedProduct(const AttentionShape &shape, const AttentionPlace &place, const Blocking &b,
                          const RowBlock &block, int64_t columns, const float *weights, const float *rows,
                          float *sums) {
  constexpr int64_t step = tiles::kMicroRows;
  Range keys = visibleToAny(shape, place, block.first, block.count);
  for (int64_t j = keys.begin; j < keys.end; j += step) {
    int64_t first = 0, last = block.rows;
    while (first < last && visibleToAny(shape, place, block.first + first, step).end <= j)
      first += step;
    while (last > first && visibleToAny(shape, place, block.first + last - step, step).begin > j)
      last -= step;
    tiles::stripTransposed(columns, last - first, weights + first * b.keys + j, b.keys,
                           rows + first * columns, columns, sums + j * columns, columns, true);
  }
}

void Backward::run(int64_t index, Scratch scratch) const {
  Piece piece = pieceOf(shape, b, index);
  float *keysTransposed = scratch.take(b.headDim * b.keys);
  float *keyRows = scratch.take(b.keys * b.headDim);
  float *valuesTransposed = scratch.take(b.valueDim * b.keys);
  float *query = scratch.take(b.rows * b.headDim), *queryGradient = scratch.take(b.rows * b.headDim);
  float *outRows = scratch.take(b.rows * b.valueDim), *dOutRows = scratch.take(b.rows * b.valueDim);
  float *probabilities = scratch.take(b.rows * b.keys), *dScores = scratch.take(b.rows * b.keys);
  float *slope = scratch.take(b.keys);
  int64_t sumFloats = b.keys * (b.headDim + b.valueDim);
  float *keySums = b.parts > 1 ? pieceSums + index * sumFloats : scratch.take(sumFloats);
  float *valueSums = keySums + b.keys * b.headDim;

  tiles::Source keys{headOf(k, shape.k, piece), shape.k.seq, shape.k.dim};
  tiles::Source values{headOf(v, shape.v, piece), shape.v.seq, shape.v.dim};
  tiles::packTransposed(keys, shape.keySeq, shape.headDim, keysTransposed, b.headDim, b.keys);
  tiles::packTransposed(values, shape.keySeq, shape.valueDim, valuesTransposed, b.valueDim, b.keys);
  tiles::pack(keys, shape.keySeq, shape.headDim, 1.0f, keyRows, b.keys, b.headDim);
  std::fill(keySums, keySums + sumFloats, 0.0f);

  forEachRowBlock(shape, b, piece.part, [&](const RowBlock &block) {
    auto rowsOf = [&](const float *operand, const AttentionStrides &s) {
      return tiles::Source{headOf(operand, s, piece, block.group) + block.first * s.seq, s.seq, s.dim};
    };
    tiles::pack(rowsOf(q, shape.q), block.count, shape.headDim, shape.scale, query, block.rows, b.headDim);
    tiles::pack(rowsOf(out, shape.out), block.count, shape.valueDim, 1.0f, outRows, block.rows, b.valueDim);
    tiles::pack(rowsOf(dOut, strides.dOut), block.count, shape.valueDim, 1.0f, dOutRows, block.rows,
                b.valueDim);

    scoreProduct(shape, place, b, block, b.headDim, query, keysTransposed, probabilities);
    scoreProduct(shape, place, b, block, b.valueDim, dOutRows, valuesTransposed, dScores);
    scoreGradients(piece, block, outRows, dOutRows, probabilities, dScores, slope);

    weightedSum(shape, place, b, block, b.headDim, dScores, keyRows, queryGradient);
    float *dQRows = headOf(dQ, strides.dQ, piece, block.group) + block.first * strides.dQ.seq;
    tiles::unpack(queryGradient, b.headDim, block.count, shape.headDim, shape.scale, dQRows, strides.dQ.seq,
                  strides.dQ.dim);
    addTransposedProduct(shape, place, b, block, b.headDim, dScores, query, keySums);
    addTransposedProduct(shape, place, b, block, b.valueDim, probabilities, dOutRows, valueSums);
  });

  if (b.parts > 1)
    return;
  tiles::unpack(keySums, b.headDim, shape.keySeq, shape.headDim, 1.0f, headOf(dK, strides.dK, piece),
                strides.dK.seq, strides.dK.dim);
  tiles::unpack(valueSums, b.valueDim, shape.keySeq, shape.valueDim, 1.0f, headOf(dV, strides.dV, piece),
                strides.dV.seq, strides.dV.dim);
}

/// Adds the pieces of one key of head `head` (sample x kv head), in order, and writes dK and dV.
void Backward::addPieces(int64_t head, int64_t key) const {
  Piece piece{head / shape.kvHeads, head % shape.kvHeads, 0};
  int64_t sumFloats = b.keys * (b.headDim + b.valueDim);
  auto add = [&](int64_t offset, int64_t row, int64_t columns, float *to, int64_t toColumn) {
    float *total = pieceSums + head * b.parts * sumFloats + offset + key * row;
    for (int64_t part = 1; part < b.parts; ++part)
      for (int64_t j = 0; j < columns; ++j)
        total[j] += total[part * sumFloats + j];
    tiles::unpack(total, 0, 1, columns, 1.0f, to, 0, toColumn);
  };
  add(0, b.headDim, shape.headDim, headOf(dK, strides.dK, piece) + key * strides.dK.seq, strides.dK.dim);
  add(b.keys * b.headDim, b.valueDim, shape.valueDim, headOf(dV, strides.dV, piece) + key * strides.dV.seq,
      strides.dV.dim);
}

} // namespace

void attentionBackward(const AttentionShape &shape, const AttentionGradientStrides &gradients,
                       const AttentionPlace &place, const AttentionRandom &random, const float *q,
                       const float *k, const float *v, const float *out, const float *lse, const float *dOut,
                       float *dQ, float *dK, float *dV, void *scratch) {
  Backward backward{shape, gradients, place, random, blocking(shape),
                    q,     k,         v,     out,    lse,
                    dOut,  dQ,        dK,    dV,     static_cast<float *>(scratch)};
  int64_t heads = shape.batch * shape.kvHeads, parts = backward.b.parts;
#pragma omp parallel for schedule(dynamic, 1)
  for (int64_t i = 0; i < heads * parts; ++i)
    backward.run(i, Scratch(scratch, shape, backward.b, omp_get_thread_num()));
  if (parts == 1)
    return;
#pragma omp parallel for collapse(2) schedule(static)
  for (int64_t head = 0; head < heads; ++head)
    for (int64_t key = 0; key < shape.keySeq; ++key)
      backward.addPieces(head, key);
}

} // namespace rt
