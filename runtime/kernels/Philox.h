//===- Philox.h - counter-based random numbers ----------------------------===//
//
// Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC 2011).
// A number is a pure function of where it is used: the seed, the step, the chain of calls that leads to
// the drawing op, the global sample and the global element. Nothing is stored and nothing is sequential,
// so every plan of a job, and the compiler's interpreter, draws the same numbers.
//
//   stream  = child(key, site).call ^ splitmix64(seed)                    64 bits, Philox's key
//   counter = { element low, sample low, step, element high ^ 0x9E3779B9 * sample high }     4 x 32 bits
//
// `element` is the row-major index of the drawn value in the op's global result without its sample axis;
// `sample` is the global number of the training sample (0 where the result has no batch axis).
//
// Plain C++17, header only: generated code, the runtime and the compiler include it.
//
//===----------------------------------------------------------------------===//
#pragma once

#include <cmath>
#include <cstdint>

namespace rt {

/// What a function that draws random numbers is handed by its caller.
struct Key {
  uint32_t step = 0;        // the optimizer step, from 0
  uint64_t firstSample = 0; // global number of the micro-batch's first sample
  uint64_t call = 0;        // hash of the calls that lead here; 0 in the step's own function
};

/// A bijection of 64 bits that mixes well (Steele, Lea, Flood: "Fast splittable pseudorandom number
/// generators", 2014; the output function of SplitMix64).
inline uint64_t splitmix64(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

/// The key that call number `site` of a function hands to its callee: two layers that share one function
/// draw different numbers.
inline Key child(Key key, uint32_t site) {
  key.call = splitmix64(key.call + (uint64_t(site) + 1) * 0x9E3779B97F4A7C15u);
  return key;
}

/// Four words that look random, a function of the counter under the key.
struct PhiloxBlock {
  uint32_t word0, word1, word2, word3;
};

inline PhiloxBlock philox4x32(PhiloxBlock counter, uint64_t key) {
  uint32_t c0 = counter.word0, c1 = counter.word1, c2 = counter.word2, c3 = counter.word3;
  uint32_t k0 = uint32_t(key), k1 = uint32_t(key >> 32);
  for (int round = 0; round < 10; ++round) {
    uint64_t product0 = uint64_t(0xD2511F53u) * c0;
    uint64_t product1 = uint64_t(0xCD9E8D57u) * c2;
    c0 = uint32_t(product1 >> 32) ^ c1 ^ k0;
    c1 = uint32_t(product1);
    c2 = uint32_t(product0 >> 32) ^ c3 ^ k1;
    c3 = uint32_t(product0);
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return {c0, c1, c2, c3};
}

/// The words behind one element of random op `site` in the function that was handed `key`.
inline PhiloxBlock randomBlock(uint64_t seed, Key key, uint32_t site, uint64_t sample, uint64_t element) {
  uint64_t stream = child(key, site).call ^ splitmix64(seed);
  uint32_t high = uint32_t(element >> 32) ^ (0x9E3779B9u * uint32_t(sample >> 32));
  return philox4x32({uint32_t(element), uint32_t(sample), key.step, high}, stream);
}

/// Uniform in [0, 1): a multiple of 2^-24, so exact in f32 and in f64. Dropout keeps where it is >= p.
inline float uniform(uint64_t seed, Key key, uint32_t site, uint64_t sample, uint64_t element) {
  return float(randomBlock(seed, key, site, sample, element).word0 >> 8) * 0x1p-24f;
}

/// Normal with mean 0 and deviation 1: Box-Muller in f64 on two words, rounded once to f32.
inline float normal(uint64_t seed, Key key, uint32_t site, uint64_t sample, uint64_t element) {
  PhiloxBlock block = randomBlock(seed, key, site, sample, element);
  double radius = std::sqrt(-2.0 * std::log((block.word0 + 1.0) * 0x1p-32)); // of (0, 1]: never log(0)
  double angle = 6.283185307179586476925 * (block.word1 * 0x1p-32);
  return float(radius * std::cos(angle));
}

/// For what has no sample axis, as a weight's initial values.
inline float normal(uint64_t seed, Key key, uint32_t site, uint64_t element) {
  return normal(seed, key, site, 0, element);
}

} // namespace rt

namespace shardc {
namespace rt = ::rt; // as the compiler, which lives in shardc, calls it
}
