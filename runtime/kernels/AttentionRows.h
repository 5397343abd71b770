//===- AttentionRows.h - what a block of query rows sees ------------------===//
//
// Shared by attention's forward and backward: which keys a row sees, its scores, its dropout mask, and how
// the work is cut. Keys are numbered locally; masks are decided on global indices.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "runtime/kernels/Attention.h"
#include "runtime/kernels/Math.h"
#include "runtime/kernels/Tiles.h"

#include <limits>

namespace rt::attention {

/// [begin, end)
struct Range {
  int64_t begin, end;
};

/// One piece of work: some row blocks of the query heads that share one key-value head of one sample.
struct Piece {
  int64_t sample, kvHead, part; // local indices
};

inline Piece pieceOf(const AttentionShape &shape, const Blocking &b, int64_t index) {
  return {index / b.parts / shape.kvHeads, index / b.parts % shape.kvHeads, index % b.parts};
}

/// A block of query rows of one head.
struct RowBlock {
  int64_t group, first, count; // query head in the group; first row; rows that exist
  int64_t rows;                // padded to whole strips
};

/// Row blocks number p, p + parts, …, so that under causality each part gets long and short ones.
template <class F>
void forEachRowBlock(const AttentionShape &shape, const Blocking &b, int64_t part, F visit) {
  for (int64_t i = part; i < shape.group * b.blocks; i += b.parts) {
    RowBlock block{i / b.blocks, i % b.blocks * b.rows, 0, 0};
    block.count = std::min(b.rows, shape.seq - block.first);
    block.rows = roundUp(block.count, tiles::kMicroRows);
    visit(block);
  }
}

/// The keys that query row `row` sees; none for a padding row.
inline Range visibleKeys(const AttentionShape &shape, const AttentionPlace &place, int64_t row) {
  int64_t here = place.query + row - place.key; // the local key at the query's own position
  int64_t begin = shape.window ? here - shape.window + 1 : 0;
  int64_t end = shape.causal ? here + 1 : shape.window ? here + shape.window : shape.keySeq;
  begin = std::clamp<int64_t>(begin, 0, shape.keySeq);
  end = std::clamp<int64_t>(row < shape.seq ? end : 0, begin, shape.keySeq);
  return {begin, end};
}

/// The keys that any of `count` rows from `first` sees, widened to whole vectors.
inline Range visibleToAny(const AttentionShape &shape, const AttentionPlace &place, int64_t first,
                          int64_t count) {
  int64_t last = std::min(first + count, shape.seq) - 1;
  if (last < first)
    return {0, 0};
  int64_t begin = visibleKeys(shape, place, first).begin / kPadding * kPadding;
  return {begin, roundUp(std::max(begin, visibleKeys(shape, place, last).end), kPadding)};
}

/// scores[rows, keys] = Q K^T over each strip's visible keys. q: [rows, headDim], already times `scale`;
/// keysTransposed: [headDim, keys]. dOut V^T is the same product.
inline void scoreProduct(const AttentionShape &shape, const AttentionPlace &place, const Blocking &b,
                         const RowBlock &block, int64_t depth, const float *q, const float *keysTransposed,
                         float *scores) {
  for (int64_t i = 0; i < block.rows; i += tiles::kMicroRows) {
    Range keys = visibleToAny(shape, place, block.first + i, tiles::kMicroRows);
    tiles::strip(keys.end - keys.begin, depth, q + i * depth, depth, keysTransposed + keys.begin, b.keys,
                 scores + i * b.keys + keys.begin, b.keys, false);
  }
}

/// result[rows, columns] = weights[rows, keys] values[keys, columns], each strip over its visible keys.
inline void weightedSum(const AttentionShape &shape, const AttentionPlace &place, const Blocking &b,
                        const RowBlock &block, int64_t columns, const float *weights, const float *values,
                        float *result) {
  for (int64_t i = 0; i < block.rows; i += tiles::kMicroRows) {
    Range keys = visibleToAny(shape, place, block.first + i, tiles::kMicroRows);
    tiles::strip(columns, keys.end - keys.begin, weights + i * b.keys + keys.begin, b.keys,
                 values + keys.begin * columns, columns, result + i * columns, columns, false);
  }
}

/// Sets scores of `computed` keys that the row does not see to minus infinity, and caps the others.
/// Where `slope` is given it receives the cap's derivative.
inline void capAndMask(const AttentionShape &shape, Range visible, Range computed, float *scores,
                       float *slope) {
  if (shape.softCap > 0) {
    float cap = shape.softCap, inverse = 1.0f / cap;
    for (int64_t j = computed.begin; j < computed.end; ++j) {
      float bent = rt::tanh(scores[j] * inverse);
      scores[j] = cap * bent;
      if (slope)
        slope[j] = 1.0f - bent * bent;
    }
  }
  constexpr float infinity = std::numeric_limits<float>::infinity();
  int64_t begin = std::clamp(visible.begin, computed.begin, computed.end);
  int64_t end = std::clamp(visible.end, begin, computed.end);
  std::fill(scores + computed.begin, scores + begin, -infinity);
  std::fill(scores + end, scores + computed.end, -infinity);
}

/// What one row of one head draws dropout from: keys [0, keySeq) have consecutive elements.
struct DropoutRow {
  uint64_t seed;
  Key key;
  uint32_t site;
  uint64_t sample, element;
  float probability, factor; // of a zero; of what is kept

  /// The factor of key j: 0 or 1 / (1 - p).
  float at(int64_t j) const {
    return uniform(seed, key, site, sample, element + uint64_t(j)) >= probability ? factor : 0.0f;
  }
};

inline DropoutRow dropoutRow(const AttentionShape &shape, const AttentionPlace &place,
                             const AttentionRandom &random, const Piece &piece, int64_t group, int64_t row) {
  uint64_t groups = place.groups ? place.groups : shape.group;
  uint64_t seq = place.seq ? place.seq : shape.seq, keySeq = place.keySeq ? place.keySeq : shape.keySeq;
  uint64_t head = uint64_t(place.kvHead + piece.kvHead) * groups + uint64_t(place.group + group);
  uint64_t element = (head * seq + uint64_t(place.query + row)) * keySeq + uint64_t(place.key);
  uint64_t sample = random.key.firstSample + uint64_t(place.batch + piece.sample);
  return {
      random.seed, random.key, random.site, sample, element, shape.dropout, 1.0f / (1.0f - shape.dropout)};
}

/// One head's rows of a [batch, seq, kvHeads, group, dim] operand.
template <class T>
T *headOf(T *operand, const AttentionStrides &strides, const Piece &piece, int64_t group = 0) {
  return operand + piece.sample * strides.batch + piece.kvHead * strides.kvHead + group * strides.group;
}

/// Hands out one thread's scratch, in order; what pieces keep lies in front of all threads'.
class Scratch {
public:
  Scratch(void *base, const AttentionShape &shape, const Blocking &b, int thread)
      : next(static_cast<float *>(base) + pieceFloats(shape, b) + thread * threadFloats(b)) {}
  float *take(int64_t floats) {
    float *result = next;
    next += floats;
    return result;
  }

private:
  float *next;
};

} // namespace rt::attention
