//===- RopeTable.h - cosines and sines by position -------------------------===//
#pragma once

#include "runtime/kernels/Rope.h"

#include <algorithm>
#include <vector>

namespace trainer {

/// Cosines and sines of the positions seen so far. Grows in the first step; later ones find all they need.
class RopeTable {
public:
  /// One position's, [headDim / 2] each.
  struct Row {
    const float *cosines, *sines;
  };

  RopeTable(int64_t headDim, double theta, const rt::RopeScaling &scaling)
      : half(headDim / 2), frequencies(rt::ropeFrequencies(headDim, theta, scaling)) {}

  /// Makes the rows of these positions. By one thread.
  void cover(const int32_t *positions, int64_t count) {
    auto [low, high] = std::minmax_element(positions, positions + count);
    if (count == 0 || (*low >= first && *high < last))
      return;
    first = std::min<int64_t>(first, *low);
    last = std::max<int64_t>(last, *high + 1);
    cosines.resize((last - first) * half);
    sines.resize((last - first) * half);
    rt::ropeTable(frequencies, first, last - first, cosines.data(), sines.data());
  }
  Row row(int32_t position) const {
    return {cosines.data() + (position - first) * half, sines.data() + (position - first) * half};
  }

private:
  int64_t half, first = 0, last = 0; // positions [first, last) are there
  rt::RopeFrequencies frequencies;
  std::vector<float> cosines, sines;
};

} // namespace trainer
