//===- Columns.cpp - sums over rows ---------------------------------------===//
#include "runtime/kernels/Columns.h"

#include <algorithm>

namespace rt {

void columnSum(int64_t rows, int64_t columns, const float *x, int64_t rowStride, float *out, bool accumulate,
               float *scratch) {
  int64_t blocks = (rows + kColumnBlock - 1) / kColumnBlock;
#pragma omp parallel
  {
#pragma omp for schedule(static)
    for (int64_t block = 0; block < blocks; ++block) {
      float *partial = scratch + block * columns; // [columns]
      std::fill(partial, partial + columns, 0.0f);
      int64_t last = std::min(rows, (block + 1) * kColumnBlock);
      for (int64_t i = block * kColumnBlock; i < last; ++i)
        for (int64_t j = 0; j < columns; ++j)
          partial[j] += x[i * rowStride + j];
    }

    // A column belongs to one thread, which adds its blocks in order.
#pragma omp for schedule(static)
    for (int64_t first = 0; first < columns; first += kColumnBlock) {
      int64_t last = std::min(columns, first + kColumnBlock);
      if (!accumulate)
        std::fill(out + first, out + last, 0.0f);
      for (int64_t block = 0; block < blocks; ++block)
        for (int64_t j = first; j < last; ++j)
          out[j] += scratch[block * columns + j];
    }
  }
}

} // namespace rt
