//===- Kernels.h - the interface that a CUDA trainer is written against ----===//
//
// Pointers are the device's, work is put on a stream. Launches are stubs: they say which kernel is missing
// and end the process.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "runtime/comm/Collectives.h"
#include "runtime/comm/Messages.h"
#include "runtime/core/Context.h"
#include "runtime/kernels/Attention.h"
#include "runtime/kernels/Gemm.h"
#include "runtime/kernels/Philox.h"
#include "runtime/kernels/Rope.h"
#include "support/Memory.h"

#include <cstdio>
#include <cstdlib>

namespace trainer {

[[noreturn]] inline void notImplemented(const char *kernel) {
  std::fprintf(stderr, "error: CUDA kernel '%s' is not written yet\n", kernel);
  std::abort();
}

/// A product with everything but its stream and pointers fixed.
class Matmul {
public:
  explicit Matmul(const rt::MatmulShape &shape) : shape(shape) {}
  void operator()(Stream, const float *, const float *, float *) const { notImplemented("matmul"); }
  const rt::MatmulShape shape;
};

class AttentionKernel {
public:
  explicit AttentionKernel(const rt::AttentionShape &shape) : shape(shape) {}
  void forward(Stream, const rt::AttentionPlace &, const rt::AttentionRandom &, const float *, const float *,
               const float *, float *, float *) const {
    notImplemented("attention");
  }
  void backward(Stream, const rt::AttentionGradientStrides &, const rt::AttentionPlace &,
                const rt::AttentionRandom &, const float *, const float *, const float *, const float *,
                const float *, const float *, float *, float *, float *) const {
    notImplemented("attention backward");
  }
  const rt::AttentionShape shape;
};

} // namespace trainer

namespace rt {

template <class T, class... Rest> void allReduce(cudaStream_t, Group &, T *, Rest...) {
  trainer::notImplemented("all_reduce");
}
template <class T, class What, class... Rest>
void allGather(cudaStream_t, Group &, const T *, T *, const What &, Rest...) {
  trainer::notImplemented("all_gather");
}
template <class T, class What, class... Rest>
void reduceScatter(cudaStream_t, Group &, const T *, T *, const What &, Rest...) {
  trainer::notImplemented("reduce_scatter");
}
template <class T> void allToAll(cudaStream_t, Group &, const T *, T *, const Tile &) {
  trainer::notImplemented("all_to_all");
}
inline void allReduce(cudaStream_t, Group &, Bucket, Fold = Fold::sum) {
  trainer::notImplemented("all_reduce");
}
inline void allGather(cudaStream_t, Group &, Bucket) {
  trainer::notImplemented("all_gather");
}
inline void reduceScatter(cudaStream_t, Group &, Bucket, Fold = Fold::sum) {
  trainer::notImplemented("reduce_scatter");
}
inline void allToAll(cudaStream_t, Group &, Bucket) {
  trainer::notImplemented("all_to_all");
}
template <class T> void send(cudaStream_t, Peer &, const T *, std::int64_t, int) {
  trainer::notImplemented("send");
}
inline void sent(cudaStream_t, Peer &, int) {
  trainer::notImplemented("send");
}
template <class T> void expect(cudaStream_t, Peer &, T *, std::int64_t, int) {
  trainer::notImplemented("receive");
}
template <class T> void receive(cudaStream_t, Peer &, T *, std::int64_t, int) {
  trainer::notImplemented("receive");
}

} // namespace rt
