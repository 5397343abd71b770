//===- Batches.h - which tokens are sample number n -----------------------===//
//
// The tokens are cut into windows of seqLen + 1 that start seqLen apart: a sample's tokens are its window
// without the last one, its labels the window without the first.
//
//   tokens   | window 0        | window 1        | ...        | held out (the last 5 %) |
//
// Sample n of the training is window permute(n mod W) of epoch n / W, W windows in all: a bijection computed
// from the seed and the epoch, so the order is stored nowhere, needs no shuffle, and is the same for every
// plan and after a restart. Evaluation reads the held-out windows in order.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "runtime/data/Dataset.h"

namespace rt {

enum class Split { Train, Eval };

/// A rank's part of a micro-batch, in global indices, and where it goes.
struct BatchSlice {
  int64_t firstSample = 0;             // global number of the micro-batch's first sample
  int64_t batchOffset = 0, batchCount; // samples [firstSample + batchOffset, + batchCount)
  int64_t seqOffset = 0, seqCount;     // positions [seqOffset, + seqCount) of each
  int64_t batchStride, seqStride;      // of the destination, in elements
};

class Batches {
public:
  /// vocabulary: the model's; every token must be below it. Too few tokens for one training and one held-out
  /// window is an error.
  Batches(Dataset dataset, int64_t seqLen, int64_t vocabulary, uint64_t seed, double heldOut = 0.05);

  int64_t windows(Split split) const { return split == Split::Train ? trainWindows : evalWindows; }

  /// tokens, labels: i32 [batchCount, seqCount] with the slice's strides.
  void fill(const BatchSlice &slice, int32_t *tokens, int32_t *labels, Split split = Split::Train) const;

  /// The index in the data of sample `number`'s first token.
  int64_t firstToken(int64_t number, Split split = Split::Train) const;

private:
  Dataset dataset;
  int64_t seqLen, vocabulary;
  uint64_t seed;
  int64_t trainWindows, evalWindows, evalStart;
  mutable std::vector<int32_t> row; // one sample's tokens of the slice, and one more
};

/// A bijection of [0, size) for each (seed, epoch): a Feistel network on Philox over the next power of four,
/// walked until it lands inside.
int64_t permute(int64_t index, int64_t size, uint64_t seed, uint64_t epoch);

} // namespace rt
