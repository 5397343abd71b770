//===- Batches.cpp - which tokens are sample number n ---------------------===//
#include "runtime/data/Batches.h"

#include "runtime/core/Error.h"
#include "runtime/kernels/Philox.h"

#include <algorithm>

namespace rt {

int64_t permute(int64_t index, int64_t size, uint64_t seed, uint64_t epoch) {
  int bits = 0; // of each half
  while (bits < 31 && (int64_t(1) << (2 * bits)) < size)
    ++bits;
  uint32_t mask = (uint32_t(1) << bits) - 1;
  uint64_t key = splitmix64(seed ^ 0x6F72646572u); // apart from the streams that weights and dropout draw on
  do {
    uint32_t left = uint32_t(index >> bits), right = uint32_t(index) & mask;
    for (uint32_t round = 0; round < 6; ++round) {
      PhiloxBlock random = philox4x32({right, round, uint32_t(epoch), uint32_t(epoch >> 32)}, key);
      left ^= random.word0 & mask;
      std::swap(left, right);
    }
    index = int64_t(left) << bits | right;
  } while (index >= size); // a bijection of the larger range: walking its cycle is one of the smaller
  return index;
}

Batches::Batches(Dataset data, int64_t seqLen, int64_t vocabulary, uint64_t seed, double heldOut)
    : dataset(std::move(data)), seqLen(seqLen), vocabulary(vocabulary), seed(seed) {
  int64_t tokens = dataset.size(), window = seqLen + 1;
  int64_t held = heldOut > 0 ? std::max(int64_t(double(tokens) * heldOut), window) : 0;
  int64_t needed = heldOut > 0 ? 2 * window : window;
  if (tokens - held < window)
    throw Error("data '" + dataset.describe() + "' has " + std::to_string(tokens) +
                    " tokens, too few for windows of " + std::to_string(window),
                heldOut > 0
                    ? "one window to train on and one to evaluate take " + std::to_string(needed) + " tokens"
                    : "one window takes " + std::to_string(needed) + " tokens");
  evalStart = tokens - held;
  trainWindows = (evalStart - 1) / seqLen;
  evalWindows = held ? (held - 1) / seqLen : 0;
}

int64_t Batches::firstToken(int64_t number, Split split) const {
  if (split == Split::Eval)
    return evalStart + number % evalWindows * seqLen;
  return permute(number % trainWindows, trainWindows, seed, uint64_t(number / trainWindows)) * seqLen;
}

void Batches::fill(const BatchSlice &slice, int32_t *tokens, int32_t *labels, Split split) const {
  row.resize(size_t(slice.seqCount + 1));
  for (int64_t b = 0; b < slice.batchCount; ++b) {
    int64_t number = slice.firstSample + slice.batchOffset + b;
    dataset.read(firstToken(number, split) + slice.seqOffset, slice.seqCount + 1, vocabulary, row.data());
    for (int64_t i = 0; i < slice.seqCount; ++i) {
      int64_t at = b * slice.batchStride + i * slice.seqStride;
      tokens[at] = row[size_t(i)];
      labels[at] = row[size_t(i) + 1];
    }
  }
}

} // namespace rt
