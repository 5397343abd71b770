//===- Attention.h - attention of one shape --------------------------------===//
#pragma once

#include "runtime/kernels/Attention.h"
#include "support/Scratch.h"

namespace trainer {

/// Attention with everything but its pointers fixed. Made as a static object, so that prepare() finds it.
class AttentionKernel {
public:
  explicit AttentionKernel(const rt::AttentionShape &shape) : shape(shape), next(first) { first = this; }

  void forward(const rt::AttentionPlace &place, const rt::AttentionRandom &random, const float *q, const float *k,
               const float *v, float *out, float *lse) const {
    rt::attentionForward(shape, place, random, q, k, v, out, lse, scratch);
  }
  void backward(const rt::AttentionGradientStrides &strides, const rt::AttentionPlace &place,
                const rt::AttentionRandom &random, const float *q, const float *k, const float *v, const float *out,
                const float *lse, const float *dOut, float *dQ, float *dK, float *dV) const {
    rt::attentionBackward(shape, strides, place, random, q, k, v, out, lse, dOut, dQ, dK, dV, scratch);
  }

  const rt::AttentionShape shape;
  const AttentionKernel *const next;
  static inline const AttentionKernel *first = nullptr;
};

} // namespace trainer
