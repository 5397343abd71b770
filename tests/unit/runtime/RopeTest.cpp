//===- RopeTest.cpp - frequencies of every scaling, rotation and its inverse --===//
//
// The expected frequencies are those of Hugging Face's formulas, evaluated in f64 by numpy.
//
//===----------------------------------------------------------------------===//
#include "runtime/kernels/Rope.h"
#include "runtime/kernels/Philox.h"

#include <gtest/gtest.h>

using namespace rt;

namespace {

void expectFrequencies(const RopeFrequencies &found, const std::vector<double> &expected, double magnitude) {
  ASSERT_EQ(found.inverse.size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) // a power and a few products: some ulps of f64
    EXPECT_NEAR(found.inverse[i] / expected[i], 1, 1e-14) << i;
  EXPECT_NEAR(found.magnitude, magnitude, 1e-14);
}

TEST(Rope, PlainAndLinear) {
  expectFrequencies(ropeFrequencies(8, 10000), {1, 0.1, 0.01, 0.001}, 1);
  expectFrequencies(ropeFrequencies(8, 10000, {.kind = RopeScaling::Linear, .factor = 4}),
                    {0.25, 0.025, 0.0025, 0.00025}, 1);
}

TEST(Rope, Llama3) {
  RopeScaling scaling{.kind = RopeScaling::Llama3, .factor = 8, .originalMaxPosition = 8192};
  scaling.lowFreqFactor = 1, scaling.highFreqFactor = 4;
  expectFrequencies(ropeFrequencies(16, 500000, scaling),
                    {1.0, 0.19392274474868576, 0.03760603093086393, 0.0072926647372171085,
                     0.0005248461609929547, 3.428102195952591e-05, 6.647869871181236e-06,
                     1.2891731721515574e-06},
                    1);
}

TEST(Rope, Yarn) {
  RopeScaling scaling{.kind = RopeScaling::Yarn, .factor = 4, .originalMaxPosition = 2048};
  std::vector<double> expected = {1.0,     0.31622776601683794,   0.1,     0.02569350598886808,
                                  0.00625, 0.0013834964763236662, 0.00025, 7.905694150420948e-05};
  expectFrequencies(ropeFrequencies(16, 10000, scaling), expected, 1.138629436111989);
  scaling.attentionFactor = 1.25;
  expectFrequencies(ropeFrequencies(16, 10000, scaling), expected, 1.25);
}

TEST(Rope, YarnWithMscaleAndOpenRamp) {
  RopeScaling scaling{.kind = RopeScaling::Yarn, .factor = 40, .originalMaxPosition = 4096};
  scaling.mscale = 0.707, scaling.mscaleAllDim = 1, scaling.truncate = false;
  expectFrequencies(ropeFrequencies(16, 10000, scaling),
                    {1.0, 0.31622776601683794, 0.1, 0.02771085847508042, 0.005524062977468265,
                     0.0007226383418941808, 2.5e-05, 7.905694150420947e-06},
                    0.9210423553163399);
}

TEST(Rope, TurnsPairsByPositionTimesFrequency) {
  constexpr int64_t dim = 10, half = 5, first = 1000;
  RopeFrequencies frequencies = ropeFrequencies(dim, 100);
  frequencies.magnitude = 1.5;
  std::vector<float> cosines(3 * half), sines(3 * half), x(dim), y(dim), back(dim);
  ropeTable(frequencies, first, 3, cosines.data(), sines.data());
  for (int64_t i = 0; i < dim; ++i)
    x[i] = uniform(1, {}, 0, 0, i) - 0.5f;
  for (bool interleaved : {false, true})
    for (int64_t row = 0; row < 3; ++row) {
      const float *cosine = &cosines[row * half], *sine = &sines[row * half];
      ropeRow(dim, interleaved, false, x.data(), cosine, sine, y.data());
      // Products below 0.75, each of three roundings; their sum rounds once more.
      double tolerance = 8 * 0x1p-24;
      for (int64_t i = 0; i < half; ++i) {
        int64_t a = interleaved ? 2 * i : i, b = interleaved ? 2 * i + 1 : i + half;
        double angle = double(first + row) * std::pow(100.0, -double(i) / half);
        EXPECT_NEAR(y[a], 1.5 * (double(x[a]) * std::cos(angle) - double(x[b]) * std::sin(angle)), tolerance);
        EXPECT_NEAR(y[b], 1.5 * (double(x[b]) * std::cos(angle) + double(x[a]) * std::sin(angle)), tolerance);
      }
      // The gradient's map is the transpose: back and forth multiplies by the magnitude's square. In place.
      back = y;
      ropeRow(dim, interleaved, true, back.data(), cosine, sine, back.data());
      for (int64_t i = 0; i < dim; ++i)
        EXPECT_NEAR(back[i], 2.25 * double(x[i]), 2 * 1.5 * tolerance);
    }
}

} // namespace
