//===- GemmTest.cpp - products against plain f64 --------------------------===//
#include "runtime/kernels/Gemm.h"
#include "runtime/kernels/Philox.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

using namespace rt;

namespace {

std::vector<float> randomVector(int64_t n, uint32_t site) {
  std::vector<float> result(n);
  for (int64_t i = 0; i < n; ++i)
    result[i] = uniform(7, {}, site, 0, i) - 0.5f;
  return result;
}

int64_t extent(int64_t rows, int64_t columns, MatrixStrides strides, const MatmulShape &s,
               int64_t BatchAxis::*stride) {
  int64_t last = (rows - 1) * strides.row + (columns - 1) * strides.column;
  for (const BatchAxis &axis : s.batch)
    last += (axis.size - 1) * axis.*stride;
  return last + 1;
}

void check(const MatmulShape &s) {
  std::vector<float> a = randomVector(extent(s.m, s.k, s.a, s, &BatchAxis::a), 1);
  std::vector<float> b = randomVector(extent(s.k, s.n, s.b, s, &BatchAxis::b), 2);
  std::vector<float> before = randomVector(extent(s.m, s.n, s.c, s, &BatchAxis::c), 3), c = before;
  Matmul product(s);
  prepareMatmuls();
  product(a.data(), b.data(), c.data());

  std::vector<bool> written(c.size());
  for (int64_t x = 0; x < s.batch[0].size; ++x)
    for (int64_t y = 0; y < s.batch[1].size; ++y)
      for (int64_t z = 0; z < s.batch[2].size; ++z)
        for (int64_t i = 0; i < s.m; ++i)
          for (int64_t j = 0; j < s.n; ++j) {
            auto offset = [&](int64_t BatchAxis::*stride) {
              return x * (s.batch[0].*stride) + y * (s.batch[1].*stride) + z * (s.batch[2].*stride);
            };
            int64_t at = offset(&BatchAxis::c) + i * s.c.row + j * s.c.column;
            double sum = s.accumulate ? before[at] : 0, magnitude = std::abs(sum);
            for (int64_t l = 0; l < s.k; ++l) {
              double term = double(a[offset(&BatchAxis::a) + i * s.a.row + l * s.a.column]) *
                            b[offset(&BatchAxis::b) + l * s.b.row + j * s.b.column];
              sum += term;
              magnitude += std::abs(term);
            }
            // A sum of k + 1 terms in any order, each rounding at most half an ulp of what it holds.
            double tolerance = double(s.k + 1) * 0x1p-24 * magnitude;
            ASSERT_NEAR(c[at], sum, tolerance) << "row " << i << " column " << j << " batch " << x << y << z;
            written[at] = true;
          }
  for (size_t i = 0; i < c.size(); ++i)
    ASSERT_TRUE(written[i] || c[i] == before[i]) << "element " << i << " is outside the result";
}

TEST(Gemm, EveryTranspositionWithPaddedRows) {
  for (bool accumulate : {false, true})
    for (int layout = 0; layout < 8; ++layout) {
      int64_t m = 37, n = 29, k = 51;
      MatmulShape s{m, n, k, {k + 3, 1}, {n + 2, 1}, {n + 5, 1}};
      if (layout & 1)
        s.a = {1, m + 3};
      if (layout & 2)
        s.b = {1, k + 2};
      if (layout & 4)
        s.c = {1, m + 5};
      s.accumulate = accumulate;
      SCOPED_TRACE(layout + 8 * accumulate);
      check(s);
    }
}

TEST(Gemm, OperandsWithoutUnitStride) {
  for (bool accumulate : {false, true})
    for (int operand = 0; operand < 3; ++operand) {
      MatmulShape s{12, 7, 9, {9, 1}, {7, 1}, {7, 1}};
      (operand == 0 ? s.a : operand == 1 ? s.b : s.c) = {2, 40};
      s.batch[0] = {3, 1000, 1000, 1000};
      s.accumulate = accumulate;
      SCOPED_TRACE(operand);
      check(s);
    }
}

TEST(Gemm, BatchesOfInterleavedHeads) {
  // [batch, seq, head, dim] x [batch, seq, head, dim] over dim, as unfused attention scores would be.
  int64_t seq = 10, heads = 3, dim = 8;
  for (bool accumulate : {false, true}) {
    MatmulShape s{seq, seq, dim, {heads * dim, 1}, {1, heads * dim}, {seq, 1}};
    s.batch[0] = {2, seq * heads * dim, seq * heads * dim, heads * seq * seq};
    s.batch[1] = {heads, dim, dim, seq * seq};
    s.accumulate = accumulate;
    check(s);
  }
}

TEST(Gemm, BroadcastOperands) {
  MatmulShape s{5, 6, 7, {7, 1}, {6, 1}, {6, 1}};
  s.batch[0] = {4, 35, 0, 30};
  check(s);
  s.batch[0] = {4, 0, 42, 30};
  check(s);
  s.batch[1] = {2, 35, 200, 120};
  s.batch[2] = {3, 0, 400, 240};
  check(s);
}

TEST(Gemm, TransposedResultsOfBatches) {
  // The operands change places: so must their batch strides.
  MatmulShape s{5, 6, 7, {7, 1}, {6, 1}, {1, 5}};
  s.batch[0] = {3, 35, 42, 30};
  s.batch[1] = {2, 0, 126, 90};
  check(s);
  s.accumulate = true;
  check(s);
}

TEST(Gemm, SizesOfOneAndZero) {
  for (int which = 0; which < 8; ++which) {
    int64_t m = which & 1 ? 1 : 6, n = which & 2 ? 1 : 5, k = which & 4 ? 1 : 4;
    SCOPED_TRACE(which);
    check({m, n, k, {k, 1}, {n, 1}, {n, 1}});
    check({m, n, k, {1, m}, {1, k}, {1, m}});
  }
  std::vector<float> c = {1, 2, 3, 4};
  Matmul empty({2, 2, 0, {1, 1}, {2, 1}, {2, 1}});
  empty(nullptr, nullptr, c.data());
  EXPECT_EQ(c, std::vector<float>(4, 0.0f));
}

TEST(Gemm, FirstCallMakesThePrimitiveToo) {
  std::vector<float> a = {1, 2, 3, 4}, c(4);
  Matmul square({2, 2, 2, {2, 1}, {2, 1}, {2, 1}});
  square(a.data(), a.data(), c.data());
  EXPECT_EQ(c, (std::vector<float>{7, 10, 15, 22}));
}

} // namespace
