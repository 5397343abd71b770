//===- MathTest.cpp - errors of the elementwise functions -----------------===//
#include "runtime/kernels/Math.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <vector>

namespace {

/// The distance between two floats next to `x`, at least the smallest denormal.
double ulp(double x) {
  int exponent;
  std::frexp(x, &exponent);
  return std::ldexp(1.0, std::max(exponent - 24, -149));
}

struct Worst {
  double error = 0; // in ulp
  float at = 0;
};

/// Every 61st float of all 2^32, so every exponent and both signs; a result that is infinite or NaN where
/// the exact one is not, or the other way round, counts as infinitely wrong.
template <class F, class G> Worst worst(F function, G exact) {
  constexpr uint32_t stride = 61, chunk = 4096;
  Worst result;
  std::vector<float> in(chunk), out(chunk);
  for (uint64_t first = 0; first < (uint64_t(1) << 32); first += uint64_t(stride) * chunk) {
    for (uint32_t i = 0; i < chunk; ++i)
      in[i] = std::bit_cast<float>(uint32_t(first + uint64_t(i) * stride));
    for (uint32_t i = 0; i < chunk; ++i)
      out[i] = function(in[i]);
    for (uint32_t i = 0; i < chunk; ++i) {
      double reference = exact(double(in[i])), error = 0;
      if (float rounded = float(reference); std::isnan(rounded) || std::isinf(rounded)) {
        bool same = std::isnan(rounded) ? std::isnan(out[i]) : out[i] == rounded;
        error = same ? 0 : INFINITY;
      } else {
        error = std::abs(double(out[i]) - reference) / ulp(reference);
        error = std::isnan(error) ? INFINITY : error;
      }
      if (error > result.error)
        result = {error, in[i]};
    }
  }
  return result;
}

#define EXPECT_WITHIN_ULP(bound, function, exact)                                                            \
  do {                                                                                                       \
    Worst found = worst([](float x) { return function(x); }, exact);                                         \
    RecordProperty("worst_ulp", std::to_string(found.error));                                                \
    std::printf("  " #function ": %.3f ulp at %.9g\n", found.error, found.at);                               \
    EXPECT_LE(found.error, bound) << "at " << found.at;                                                      \
  } while (0)

// The bounds are what the header promises: a fit within 0.1 ulp, and the roundings of the last few
// operations.
TEST(Math, Exp) {
  EXPECT_WITHIN_ULP(1.0, rt::exp, [](double x) { return std::exp(x); });
}
TEST(Math, Log) {
  EXPECT_WITHIN_ULP(0.9, rt::log, [](double x) { return std::log(x); });
}
TEST(Math, Tanh) {
  EXPECT_WITHIN_ULP(1.4, rt::tanh, [](double x) { return std::tanh(x); });
}
TEST(Math, Erf) {
  EXPECT_WITHIN_ULP(1.1, rt::erf, [](double x) { return std::erf(x); });
}
TEST(Math, Sigmoid) {
  EXPECT_WITHIN_ULP(2.4, rt::sigmoid, [](double x) { return 1 / (1 + std::exp(-x)); });
}
TEST(Math, Rsqrt) {
  EXPECT_WITHIN_ULP(1.5, rt::rsqrt, [](double x) { return 1 / std::sqrt(x); });
}

TEST(Math, SignsOfZero) {
  EXPECT_TRUE(std::signbit(rt::tanh(-0.0f)));
  EXPECT_TRUE(std::signbit(rt::erf(-0.0f)));
  EXPECT_EQ(rt::log(-0.0f), -INFINITY);
  EXPECT_EQ(rt::exp(-0.0f), 1.0f);
  EXPECT_EQ(rt::exp(0.0f), 1.0f);
}

} // namespace
