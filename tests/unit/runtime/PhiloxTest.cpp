//===- PhiloxTest.cpp - known answers, statistics, independence -----------===//
#include "runtime/kernels/Philox.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

using namespace rt;

namespace {

void expectWords(PhiloxBlock found, uint32_t w0, uint32_t w1, uint32_t w2, uint32_t w3) {
  EXPECT_EQ(found.word0, w0);
  EXPECT_EQ(found.word1, w1);
  EXPECT_EQ(found.word2, w2);
  EXPECT_EQ(found.word3, w3);
}

// The three vectors for philox4x32-10 that come with Random123.
TEST(Philox, KnownAnswers) {
  expectWords(philox4x32({0, 0, 0, 0}, 0), 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8);
  expectWords(philox4x32({~0u, ~0u, ~0u, ~0u}, ~uint64_t(0)), 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd);
  expectWords(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, 0x299f31d0a4093822), 0xd16cfe09,
              0x94fdcceb, 0x5001e420, 0x24126ea1);
}

// SplitMix64 seeded with 1234567: its first output is the mix of the seed and one increment.
TEST(Philox, SplitMix) {
  EXPECT_EQ(splitmix64(1234567 + 0x9E3779B97F4A7C15u), 6457827717110365317u);
}

// Pins the whole definition: a change here changes every job's weights and masks.
TEST(Philox, TheDefinitionIsPinned) {
  Key key{3, 0, 99};
  uint64_t stream = splitmix64(99 + 6 * 0x9E3779B97F4A7C15u) ^ splitmix64(1234);
  PhiloxBlock block = philox4x32({7, 11, 3, 1 ^ (2 * 0x9E3779B9u)}, stream);
  EXPECT_EQ(uniform(1234, key, 5, (uint64_t(2) << 32) + 11, (uint64_t(1) << 32) + 7),
            float(block.word0 >> 8) / 16777216.0f);
}

TEST(Philox, UniformsAreUniform) {
  constexpr int n = 1 << 20, bins = 64;
  std::vector<int> count(bins);
  double sum = 0;
  for (int i = 0; i < n; ++i) {
    float x = uniform(1, {}, 2, 3, i);
    ASSERT_GE(x, 0.0f);
    ASSERT_LT(x, 1.0f);
    ASSERT_EQ(x * 16777216.0f, float(uint32_t(x * 16777216.0f)));
    ++count[int(x * bins)];
    sum += double(x);
  }
  EXPECT_NEAR(sum / n, 0.5, 5 * std::sqrt(1.0 / 12 / n)); // five deviations of the mean
  double chiSquare = 0, expected = double(n) / bins;
  for (int c : count)
    chiSquare += (c - expected) * (c - expected) / expected;
  EXPECT_LT(chiSquare, 63 + 5 * std::sqrt(2.0 * 63)); // 63 degrees of freedom: mean 63, variance 126
}

TEST(Philox, NormalsAreNormal) {
  constexpr int n = 1 << 20;
  double sum = 0, squares = 0, fourths = 0;
  for (int i = 0; i < n; ++i) {
    double x = normal(1, {}, 2, i);
    sum += x, squares += x * x, fourths += x * x * x * x;
  }
  // Variances of x, x^2, x^4 are 1, 2, 96.
  EXPECT_NEAR(sum / n, 0, 5 * std::sqrt(1.0 / n));
  EXPECT_NEAR(squares / n, 1, 5 * std::sqrt(2.0 / n));
  EXPECT_NEAR(fourths / n, 3, 5 * std::sqrt(96.0 / n));
}

TEST(Philox, EveryCoordinateMatters) {
  Key key{1, 0, 1};
  std::set<float> seen = {uniform(1, key, 1, 1, 1),
                          uniform(2, key, 1, 1, 1),
                          uniform(1, {2, 0, 1}, 1, 1, 1),
                          uniform(1, {1, 0, 2}, 1, 1, 1),
                          uniform(1, key, 2, 1, 1),
                          uniform(1, key, 1, 2, 1),
                          uniform(1, key, 1, 1 + (uint64_t(1) << 32), 1),
                          uniform(1, key, 1, 1, 2),
                          uniform(1, key, 1, 1, 1 + (uint64_t(1) << 32)),
                          uniform(1, child(key, 0), 1, 1, 1),
                          uniform(1, child(key, 1), 1, 1, 1)};
  EXPECT_EQ(seen.size(), 11u);
  // Where a micro-batch starts is not drawn on: only the global sample is.
  EXPECT_EQ(uniform(1, {1, 5, 1}, 1, 1, 1), uniform(1, key, 1, 1, 1));
}

} // namespace
