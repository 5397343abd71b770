//===- Attention.h - row-blocked attention, forward and backward ----------===//
//
//   score[query, key] = cap(scale * q[query] . k[key]),  cap(s) = softCap * tanh(s / softCap) or s
//   out[query]        = sum over key of dropout(softmax(score[query, :]))[key] * v[key]
//
// f32, grouped queries: `group` query heads share each key-value head. A block of up to 32 query rows meets
// all its keys at once, so its scores stay in the second-level cache and no [seq, keySeq] buffer exists.
// Forward leaves `lse`, the logarithm of each row's sum of exponentials; backward recomputes the
// probabilities from it.
//
// Causality, windows and dropout are functions of global indices (AttentionPlace): a rank that holds some of
// the samples, heads or queries computes exactly its slice of the whole.
//
// The result does not depend on the number of threads.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "runtime/kernels/Philox.h"

#include <cstddef>
#include <cstdint>

namespace rt {

/// Strides in elements. k and v have no group (0).
struct AttentionStrides {
  int64_t batch, seq, kvHead, group, dim;
};

/// One dimension of every tensor, local to the rank, and where each operand's elements lie.
struct AttentionShape {
  int64_t batch, seq, keySeq, kvHeads, group, headDim, valueDim;
  AttentionStrides q;   // [batch, seq, kvHeads, group, headDim]
  AttentionStrides k;   // [batch, keySeq, kvHeads, headDim]
  AttentionStrides v;   // [batch, keySeq, kvHeads, valueDim]
  AttentionStrides out; // [batch, seq, kvHeads, group, valueDim]
  AttentionStrides lse; // [batch, seq, kvHeads, group]; dim is not read
  float scale;          // usually 1 / sqrt(headDim)
  bool causal = true;   // keys after the query are not seen
  int64_t window = 0;   // > 0: only keys less than this far from the query are seen (HF's sliding_window)
  float softCap = 0;    // > 0: scores are capped to (-softCap, softCap)
  float dropout = 0;    // the probability of a zero; kept ones are divided by 1 - dropout
};

/// Where the gradients lie; dOut, dQ, dK, dV have the shapes of out, q, k, v.
struct AttentionGradientStrides {
  AttentionStrides dOut, dQ, dK, dV;
};

/// Global index of the rank's first element along each axis, and the sizes that number dropout's elements:
///   element = ((kvHead * groups + group) * seq + query) * keySeq + key,  sample = key.firstSample + batch
struct AttentionPlace {
  int64_t batch = 0, kvHead = 0, group = 0, query = 0, key = 0; // offsets
  int64_t groups = 0, seq = 0, keySeq = 0;                      // global sizes; 0: as the local ones
};

/// What dropout draws from: see Philox.h. Not read where dropout is 0.
struct AttentionRandom {
  uint64_t seed = 0;
  Key key;
  uint32_t site = 0;
};

/// Bytes of scratch that forward or backward needs (the larger of both), for so many OpenMP threads.
constexpr size_t attentionScratchBytes(const AttentionShape &shape, int threads);

/// q, k, v: in; out, lse: written. scratch: attentionScratchBytes, 64-byte aligned.
void attentionForward(const AttentionShape &shape, const AttentionPlace &place, const AttentionRandom &random,
                      const float *q, const float *k, const float *v, float *out, float *lse, void *scratch);

/// q, k, v, out, lse, dOut: in (out and lse as forward left them); dQ, dK, dV: written.
void attentionBackward(const AttentionShape &shape, const AttentionGradientStrides &gradients,
                       const AttentionPlace &place, const AttentionRandom &random, const float *q,
                       const float *k, const float *v, const float *out, const float *lse, const float *dOut,
                       float *dQ, float *dK, float *dV, void *scratch);

//===----------------------------------------------------------------------===//
// Blocking, a function of the shape alone
//===----------------------------------------------------------------------===//

namespace attention {

/// Rows and columns of packed operands are padded to this many floats, on every machine: a memory plan is
/// made before it is known where the trainer will be built.
constexpr int64_t kPadding = 16;
constexpr int64_t kMostRows = 32; // of a row block

constexpr int64_t ceilDiv(int64_t a, int64_t b) {
  return (a + b - 1) / b;
}
constexpr int64_t roundUp(int64_t a, int64_t multiple) {
  return ceilDiv(a, multiple) * multiple;
}

/// How one shape is cut into work, and how large the padded operands are.
struct Blocking {
  int64_t rows;     // query rows that are worked on together
  int64_t blocks;   // of `rows` rows, in one [seq] of one head; the last may be short
  int64_t parts;    // pieces into which the group x blocks of one (sample, kv head) are cut
  int64_t keys;     // keySeq, padded: the length of a score row
  int64_t headDim;  // padded to whole vectors
  int64_t valueDim; // padded to whole vectors
};

constexpr Blocking blocking(const AttentionShape &shape) {
  Blocking b{};
  b.rows = shape.keySeq <= 4096 ? kMostRows : shape.keySeq <= 8192 ? 16 : 8; // rows x keys x 2 within 1 MiB
  b.blocks = ceilDiv(shape.seq, b.rows);
  // Enough pieces for 16 threads, whatever the number of threads is: sums over pieces are then always the
  // same.
  int64_t heads = shape.batch * shape.kvHeads, pieces = shape.group * b.blocks;
  int64_t wanted = heads < 16 ? ceilDiv(16, heads < 1 ? 1 : heads) : 1;
  b.parts = wanted < pieces ? wanted : (pieces < 1 ? 1 : pieces);
  b.keys =
      roundUp(shape.keySeq, 2 * kPadding) + kPadding; // an odd multiple: rows start in different cache sets
  b.headDim = roundUp(shape.headDim, kPadding);
  b.valueDim = roundUp(shape.valueDim, kPadding);
  return b;
}

/// Floats that one thread works in.
constexpr int64_t threadFloats(const Blocking &b) {
  int64_t packed = b.keys * (2 * b.headDim + b.valueDim);                // K transposed, K, V transposed
  int64_t rows = b.rows * (2 * b.headDim + 2 * b.valueDim + 2 * b.keys); // Q, dQ, dOut, out; P, dS
  int64_t sums = b.parts > 1 ? 0 : b.keys * (b.headDim + b.valueDim);    // dK, dV
  return packed + rows + sums + b.keys;                                  // and one row of the cap's slope
}

/// Floats of the dK and dV of each piece, where a (sample, kv head) is cut into pieces; they lie first.
constexpr int64_t pieceFloats(const AttentionShape &shape, const Blocking &b) {
  return b.parts > 1 ? shape.batch * shape.kvHeads * b.parts * b.keys * (b.headDim + b.valueDim) : 0;
}

} // namespace attention

constexpr size_t attentionScratchBytes(const AttentionShape &shape, int threads) {
  attention::Blocking b = attention::blocking(shape);
  return sizeof(float) * size_t(threads * attention::threadFloats(b) + attention::pieceFloats(shape, b));
}

} // namespace rt
