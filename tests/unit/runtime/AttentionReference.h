//===- AttentionReference.h - attention in plain f64 ----------------------===//
//
// The definition at the top of Attention.h, one query at a time, on dense [batch, seq, kvHeads, group, dim];
// and buffers with the strides that a test asks for.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "runtime/kernels/Attention.h"

#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

namespace attention_test {

using namespace rt;

using Tensor = std::vector<double>; // dense, row-major

inline Tensor randomTensor(int64_t n, uint32_t site, double range) {
  Tensor result(n);
  for (int64_t i = 0; i < n; ++i)
    result[i] = range * (2 * double(uniform(11, {}, site, 0, i)) - 1); // exact in f32 too for range 1
  return result;
}

/// Which axis lies where: the axes batch, seq, kvHeads, group, dim from slowest to fastest.
using Order = std::array<int, 5>;
constexpr Order kBatchFirst = {0, 1, 2, 3, 4}, kSeqFirst = {1, 0, 2, 3, 4}, kHeadsFirst = {0, 2, 3, 1, 4},
                kDimNotUnit = {0, 2, 3, 4, 1};

inline AttentionStrides strides(std::array<int64_t, 5> sizes, Order order, int64_t gap = 0) {
  std::array<int64_t, 5> result{};
  int64_t step = 1;
  for (int i = 4; i >= 0; --i) {
    result[order[i]] = step;
    step = step * sizes[order[i]] + (i == 4 ? gap : 0);
  }
  return {result[0], result[1], result[2], result[3], result[4]};
}

/// A dense tensor in the memory that `strides` describe, and back; gaps hold NaN, so reading one shows.
struct Strided {
  std::array<int64_t, 5> sizes;
  AttentionStrides at;
  std::vector<float> data;

  Strided(std::array<int64_t, 5> sizes, Order order, int64_t gap = 0)
      : sizes(sizes), at(strides(sizes, order, gap)),
        data(offset(sizes[0] - 1, sizes[1] - 1, sizes[2] - 1, sizes[3] - 1, sizes[4] - 1) + 1,
             std::numeric_limits<float>::quiet_NaN()) {}

  int64_t offset(int64_t b, int64_t s, int64_t h, int64_t g, int64_t d) const {
    return b * at.batch + s * at.seq + h * at.kvHead + g * at.group + d * at.dim;
  }
  template <class F> void forEach(F visit) const {
    int64_t dense = 0;
    for (int64_t b = 0; b < sizes[0]; ++b)
      for (int64_t s = 0; s < sizes[1]; ++s)
        for (int64_t h = 0; h < sizes[2]; ++h)
          for (int64_t g = 0; g < sizes[3]; ++g)
            for (int64_t d = 0; d < sizes[4]; ++d)
              visit(dense++, offset(b, s, h, g, d));
  }
  void set(const Tensor &values) {
    forEach([&](int64_t dense, int64_t at) { data[at] = float(values[dense]); });
  }
  Tensor get() const {
    Tensor result(std::accumulate(sizes.begin(), sizes.end(), int64_t(1), std::multiplies<>()));
    forEach([&](int64_t dense, int64_t at) { result[dense] = double(data[at]); });
    return result;
  }
};

struct Reference {
  const AttentionShape &s;
  const AttentionPlace &place;
  const AttentionRandom &random;

  bool visible(int64_t row, int64_t key) const {
    int64_t distance = (place.query + row) - (place.key + key);
    return !(s.causal && distance < 0) && !(s.window && (distance >= s.window || -distance >= s.window));
  }

  /// The factor that dropout gives one probability.
  double dropoutFactor(int64_t b, int64_t row, int64_t h, int64_t g, int64_t key) const {
    if (s.dropout == 0)
      return 1;
    int64_t groups = place.groups ? place.groups : s.group, seq = place.seq ? place.seq : s.seq;
    int64_t keySeq = place.keySeq ? place.keySeq : s.keySeq;
    int64_t head = (place.kvHead + h) * groups + place.group + g;
    int64_t element = (head * seq + place.query + row) * keySeq + place.key + key;
    uint64_t sample = random.key.firstSample + place.batch + b;
    return uniform(random.seed, random.key, random.site, sample, element) >= s.dropout
               ? 1 / (1 - double(s.dropout))
               : 0;
  }

  /// out and lse of q, k, v, all dense.
  void forward(const Tensor &q, const Tensor &k, const Tensor &v, Tensor &out, Tensor &lse) const {
    out.assign(s.batch * s.seq * s.kvHeads * s.group * s.valueDim, 0);
    lse.assign(s.batch * s.seq * s.kvHeads * s.group, 0);
    std::vector<double> score(s.keySeq);
    for (int64_t b = 0; b < s.batch; ++b)
      for (int64_t i = 0; i < s.seq; ++i)
        for (int64_t h = 0; h < s.kvHeads; ++h)
          for (int64_t g = 0; g < s.group; ++g) {
            int64_t row = ((b * s.seq + i) * s.kvHeads + h) * s.group + g;
            double sum = 0;
            for (int64_t j = 0; j < s.keySeq; ++j) {
              double dot = 0;
              for (int64_t d = 0; d < s.headDim; ++d)
                dot += q[row * s.headDim + d] * k[((b * s.keySeq + j) * s.kvHeads + h) * s.headDim + d];
              dot *= double(s.scale);
              score[j] = s.softCap > 0 ? s.softCap * std::tanh(dot / s.softCap) : dot;
              sum += visible(i, j) ? std::exp(score[j]) : 0;
            }
            lse[row] = std::log(sum);
            for (int64_t j = 0; j < s.keySeq; ++j)
              if (visible(i, j))
                for (int64_t d = 0; d < s.valueDim; ++d)
                  out[row * s.valueDim + d] += std::exp(score[j]) / sum * dropoutFactor(b, i, h, g, j) *
                                               v[((b * s.keySeq + j) * s.kvHeads + h) * s.valueDim + d];
          }
  }

  /// sum(out * weights): what backward differentiates when dOut is `weights`.
  double loss(const Tensor &q, const Tensor &k, const Tensor &v, const Tensor &weights) const {
    Tensor out, lse;
    forward(q, k, v, out, lse);
    return std::inner_product(out.begin(), out.end(), weights.begin(), 0.0);
  }
};

} // namespace attention_test
