//===- MachinePeak.cpp - what this machine can do, for the floor of a step ---===//
//
// Answers each line of stdin with `GFLOP/s GB/s`: the best of a few products of the step benchmark's shapes,
// and of a few passes over 256 MB that read two streams and write one. Between two answers other programs may
// run.
//
//===----------------------------------------------------------------------===//
#include "runtime/kernels/Gemm.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <omp.h>
#include <vector>

using namespace rt;

namespace {

float *floats(int64_t n) {
  auto *values = static_cast<float *>(std::aligned_alloc(64, size_t(n) * sizeof(float)));
#pragma omp parallel for
  for (int64_t i = 0; i < n; ++i)
    values[i] = float(i % 97) * 0.01f - 0.5f;
  return values;
}

struct Product {
  double flops;
  Matmul matmul;
  float *a, *b, *c;

  Product(int64_t m, int64_t n, int64_t k)
      : flops(2.0 * double(m) * double(n) * double(k)), matmul(MatmulShape{m, n, k, {k, 1}, {n, 1}, {n, 1}}),
        a(floats(m * k)), b(floats(k * n)), c(floats(m * n)) {}
};

/// Best of several runs, in units of `work` a second.
template <class Run> double best(double work, int runs, const Run &run) {
  double least = 1e30;
  for (int i = 0; i < runs; ++i) {
    double start = omp_get_wtime();
    run();
    least = std::min(least, omp_get_wtime() - start);
  }
  return work / least;
}

} // namespace

int main() {
  constexpr int64_t count = int64_t(64) << 20; // floats of each stream
  float *x = floats(count), *y = floats(count), *z = floats(count);
  Product products[] = {{2048, 1536, 384}, {2048, 384, 1536}, {2048, 4096, 384}};
  prepareMatmuls();
  for (int c; (c = std::getchar()) != EOF;) {
    if (c != '\n')
      continue;
    double flops = 0;
    for (Product &product : products)
      flops =
          std::max(flops, best(product.flops, 8, [&] { product.matmul(product.a, product.b, product.c); }));
    double bytes = best(3.0 * sizeof(float) * double(count), 3, [&] {
#pragma omp parallel for simd
      for (int64_t i = 0; i < count; ++i)
        z[i] = x[i] + 0.5f * y[i];
    });
    std::printf("%.2f %.3f\n", flops * 1e-9, bytes * 1e-9);
    std::fflush(stdout);
  }
}
