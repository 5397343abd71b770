//===- ColumnsTest.cpp - sums over rows against f64 -----------------------===//
#include "runtime/kernels/Columns.h"
#include "runtime/kernels/Philox.h"

#include <gtest/gtest.h>
#include <omp.h>

#include <cmath>
#include <vector>

using namespace rt;

namespace {

struct Sum {
  std::vector<float> out;
  std::vector<double> exact, magnitude;
};

Sum sumOf(int64_t rows, int64_t columns, int64_t rowStride, bool accumulate) {
  std::vector<float> x(rows * rowStride, NAN),
      scratch(columnSumScratchBytes(rows, columns) / sizeof(float), NAN);
  Sum sum{std::vector<float>(columns, accumulate ? 0.5f : NAN),
          std::vector<double>(columns, accumulate ? 0.5 : 0),
          std::vector<double>(columns, accumulate ? 0.5 : 0)};
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < columns; ++j) {
      x[i * rowStride + j] = uniform(3, {}, 0, i, j) - 0.25f;
      sum.exact[j] += double(x[i * rowStride + j]);
      sum.magnitude[j] += std::abs(double(x[i * rowStride + j]));
    }
  columnSum(rows, columns, x.data(), rowStride, sum.out.data(), accumulate, scratch.data());
  return sum;
}

TEST(Columns, AgainstF64) {
  for (int64_t rows : {0, 1, 63, 64, 65, 1000})
    for (int64_t columns : {1, 5, 64, 200})
      for (bool accumulate : {false, true}) {
        Sum sum = sumOf(rows, columns, columns + 3, accumulate);
        // A term passes at most 64 additions in its block and one for each block.
        double roundings = 64 + double(rows + 63) / 64;
        for (int64_t j = 0; j < columns; ++j)
          ASSERT_NEAR(sum.out[j], sum.exact[j], roundings * 0x1p-24 * sum.magnitude[j]);
      }
}

TEST(Columns, ThreadsDoNotChangeABit) {
  int before = omp_get_max_threads();
  omp_set_num_threads(1);
  std::vector<float> one = sumOf(1000, 200, 200, false).out;
  for (int threads : {2, 3, 7}) {
    omp_set_num_threads(threads);
    EXPECT_EQ(sumOf(1000, 200, 200, false).out, one);
  }
  omp_set_num_threads(before);
}

} // namespace
