//===- Rope.h - rotary position embedding ---------------------------------===//
//
// Each pair of a head's dimensions turns by position * frequency. Pairs are (i, i + headDim/2) as in HF's
// rotate_half, or (2i, 2i + 1) where `interleaved`. The gradient turns the other way (`inverse`).
//
// ropeFrequencies is the one place that knows HF's scalings; plain C++17, so that the compiler's interpreter
// includes it too.
//
//===----------------------------------------------------------------------===//
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

namespace rt {

/// HF's rope_scaling. Keys that a kind does not read keep their defaults.
struct RopeScaling {
  enum Kind { None, Linear, Llama3, Yarn } kind = None;
  double factor = 1;
  double originalMaxPosition = 0;               // llama3, yarn: original_max_position_embeddings
  double lowFreqFactor = 1, highFreqFactor = 4; // llama3
  double betaFast = 32, betaSlow = 1;           // yarn
  double attentionFactor = 0;                   // yarn; 0: derived from factor
  double mscale = 0, mscaleAllDim = 0;          // yarn; 0: not given
  bool truncate = true;                         // yarn: ramp ends at whole dimensions
};

/// What a table is made of: angle[i] = position * inverse[i]; cosines and sines are times `magnitude`.
struct RopeFrequencies {
  std::vector<double> inverse; // [headDim / 2], radians per position
  double magnitude = 1;
};

namespace rope {

inline double yarnMagnitude(double factor, double mscale) {
  return factor <= 1 ? 1.0 : 0.1 * mscale * std::log(factor) + 1.0;
}

/// Llama 3: long waves are slowed by `factor`, short ones kept, those between blended.
inline double llama3(double frequency, const RopeScaling &s) {
  double turns = s.originalMaxPosition * frequency / 6.283185307179586476925; // in the original context
  if (turns < s.lowFreqFactor)
    return frequency / s.factor;
  if (turns > s.highFreqFactor)
    return frequency;
  double smooth = (turns - s.lowFreqFactor) / (s.highFreqFactor - s.lowFreqFactor);
  return (1 - smooth) * frequency / s.factor + smooth * frequency;
}

/// The dimension whose wave turns `rotations` times in yarn's original context.
inline double yarnDimension(double rotations, int64_t headDim, double theta, const RopeScaling &s) {
  return double(headDim) * std::log(s.originalMaxPosition / (rotations * 6.283185307179586476925)) /
         (2 * std::log(theta));
}

/// Yarn: a ramp over dimensions, from frequencies that are kept to frequencies that are slowed.
inline void yarn(std::vector<double> &inverse, int64_t headDim, double theta, const RopeScaling &s) {
  double low = yarnDimension(s.betaFast, headDim, theta, s);
  double high = yarnDimension(s.betaSlow, headDim, theta, s);
  if (s.truncate) {
    low = std::floor(low);
    high = std::ceil(high);
  }
  low = low < 0 ? 0 : low;
  high = high > double(headDim - 1) ? double(headDim - 1) : high;
  if (low == high)
    high += 0.001;
  for (size_t i = 0; i < inverse.size(); ++i) {
    double ramp = (double(i) - low) / (high - low);
    ramp = ramp < 0 ? 0 : ramp > 1 ? 1 : ramp;
    inverse[i] = inverse[i] / s.factor * ramp + inverse[i] * (1 - ramp);
  }
}

} // namespace rope

inline RopeFrequencies ropeFrequencies(int64_t headDim, double theta, const RopeScaling &scaling = {}) {
  RopeFrequencies result;
  for (int64_t i = 0; i < headDim / 2; ++i)
    result.inverse.push_back(std::pow(theta, -2.0 * double(i) / double(headDim)));
  switch (scaling.kind) {
  case RopeScaling::None:
    break;
  case RopeScaling::Linear:
    for (double &frequency : result.inverse)
      frequency /= scaling.factor;
    break;
  case RopeScaling::Llama3:
    for (double &frequency : result.inverse)
      frequency = rope::llama3(frequency, scaling);
    break;
  case RopeScaling::Yarn:
    rope::yarn(result.inverse, headDim, theta, scaling);
    if (scaling.attentionFactor > 0)
      result.magnitude = scaling.attentionFactor;
    else if (scaling.mscale > 0 && scaling.mscaleAllDim > 0)
      result.magnitude = rope::yarnMagnitude(scaling.factor, scaling.mscale) /
                         rope::yarnMagnitude(scaling.factor, scaling.mscaleAllDim);
    else
      result.magnitude = rope::yarnMagnitude(scaling.factor, 1);
    break;
  }
  return result;
}

/// Fills cosines and sines, each [count, headDim / 2] f32, for positions first, first + 1, …; angles are
/// taken in f64, so that far positions lose nothing.
inline void ropeTable(const RopeFrequencies &frequencies, int64_t first, int64_t count, float *cosines,
                      float *sines) {
  for (int64_t position = first; position < first + count; ++position)
    for (double frequency : frequencies.inverse) {
      *cosines++ = float(frequencies.magnitude * std::cos(double(position) * frequency));
      *sines++ = float(frequencies.magnitude * std::sin(double(position) * frequency));
    }
}

/// Turns one head's row. x, y: [headDim] f32, may be the same; cosines, sines: the position's row of the
/// table, [headDim / 2]. `inverse` turns back: the transposed map, which is the gradient's.
inline void ropeRow(int64_t headDim, bool interleaved, bool inverse, const float *x, const float *cosines,
                    const float *sines, float *y) {
  int64_t half = headDim / 2;
  float sign = inverse ? -1.0f : 1.0f;
  if (interleaved) {
    for (int64_t i = 0; i < half; ++i) {
      float a = x[2 * i], b = x[2 * i + 1], sine = sign * sines[i];
      y[2 * i] = a * cosines[i] - b * sine;
      y[2 * i + 1] = b * cosines[i] + a * sine;
    }
    return;
  }
#ifdef _OPENMP
#pragma omp simd // x and y may be the same, element by element
#endif
  for (int64_t i = 0; i < half; ++i) {
    float a = x[i], b = x[i + half], sine = sign * sines[i];
    y[i] = a * cosines[i] - b * sine;
    y[i + half] = b * cosines[i] + a * sine;
  }
}

} // namespace rt

namespace shardc {
namespace rt = ::rt; // as the compiler, which lives in shardc, calls it
}
