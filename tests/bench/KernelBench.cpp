//===- KernelBench.cpp - GFLOP/s of products and attention -----------------===//
//
// Rounds of all cases in turn, so that a slow minute of the machine hits all of them; the best and the median
// round of each are printed. Causal attention counts the products of the keys that are seen: 2 in forward, 5
// in backward (2 and 5 times 2 * headDim flops for each pair of query and key).
//
//   kernel-bench [rounds]
//
//===----------------------------------------------------------------------===//
#include "runtime/kernels/Attention.h"
#include "runtime/kernels/Gemm.h"

#include <omp.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <vector>

using namespace rt;

namespace {

struct Case {
  std::string name;
  double flops;
  std::function<void()> run;
  std::vector<double> seconds = {};
};

/// n floats that look random, kept until the end.
float *randomFloats(int64_t n) {
  static std::vector<std::unique_ptr<float[]>> kept;
  kept.push_back(std::make_unique<float[]>(n + 16));
  float *aligned = kept.back().get();
  aligned += (64 - reinterpret_cast<uintptr_t>(aligned) % 64) % 64 / sizeof(float);
  for (int64_t i = 0; i < n; ++i)
    aligned[i] = uniform(1, {}, uint32_t(kept.size()), 0, i) - 0.5f;
  return aligned;
}

Case product(const char *layout, int64_t m, int64_t n, int64_t k, bool accumulate) {
  MatmulShape shape{m, n, k, {k, 1}, {n, 1}, {n, 1}};
  if (layout[0] == 'T')
    shape.a = {1, m};
  if (layout[1] == 'T')
    shape.b = {1, k};
  shape.accumulate = accumulate;
  auto matmul = std::make_shared<Matmul>(shape);
  float *a = randomFloats(m * k), *b = randomFloats(k * n), *c = randomFloats(m * n);
  std::string name = std::string("gemm ") + layout + (accumulate ? " += " : " =  ") + std::to_string(m) +
                     " x " + std::to_string(n) + " x " + std::to_string(k);
  return {name, 2.0 * double(m) * double(n) * double(k), [=] { (*matmul)(a, b, c); }};
}

void attentionCases(std::vector<Case> &cases, int64_t batch, int64_t seq, int64_t kvHeads, int64_t group,
                    int64_t headDim, float dropout, float softCap) {
  int64_t heads = kvHeads * group;
  AttentionStrides q{seq * heads * headDim, heads * headDim, group * headDim, headDim, 1};
  AttentionStrides kv{seq * kvHeads * headDim, kvHeads * headDim, headDim, 0, 1};
  AttentionStrides lse{seq * heads, heads, group, 1, 1};
  AttentionShape s{batch, seq, seq, kvHeads, group, headDim, headDim, q, kv, kv, q, lse};
  s.scale = 1.0f / std::sqrt(float(headDim));
  s.dropout = dropout;
  s.softCap = softCap;
  int64_t n = batch * seq * heads * headDim, nkv = batch * seq * kvHeads * headDim;
  float *Q = randomFloats(n), *K = randomFloats(nkv), *V = randomFloats(nkv), *out = randomFloats(n);
  float *dOut = randomFloats(n), *dQ = randomFloats(n), *dK = randomFloats(nkv), *dV = randomFloats(nkv);
  float *L = randomFloats(batch * seq * heads);
  float *scratch = randomFloats(int64_t(attentionScratchBytes(s, omp_get_max_threads()) / sizeof(float)));
  double pairs = double(batch * heads) * double(seq) * double(seq + 1) / 2,
         flops = 2 * pairs * double(headDim);
  std::string size = "b" + std::to_string(batch) + " s" + std::to_string(seq) + " heads " +
                     std::to_string(kvHeads) + " x " + std::to_string(group) + " d" +
                     std::to_string(headDim) + (dropout > 0 ? " dropout" : "") + (softCap > 0 ? " cap" : "");
  cases.push_back({"attention forward  " + size, 2 * flops,
                   [=] { attentionForward(s, {}, {}, Q, K, V, out, L, scratch); }});
  cases.push_back({"attention backward " + size, 5 * flops, [=] {
                     attentionBackward(s, {q, q, kv, kv}, {}, {}, Q, K, V, out, L, dOut, dQ, dK, dV, scratch);
                   }});
}

} // namespace

int main(int argc, char **argv) {
  int rounds = argc > 1 ? std::atoi(argv[1]) : 20;
  std::vector<Case> cases;
  cases.push_back(product("NT", 2048, 1152, 384, false)); // 6 x 384: qkv, mlp, gradients, head
  cases.push_back(product("NT", 2048, 1536, 384, false));
  cases.push_back(product("NN", 2048, 384, 1536, false));
  cases.push_back(product("TN", 1536, 384, 2048, true));
  cases.push_back(product("NT", 2048, 4096, 384, false));
  cases.push_back(product("NT", 1024, 3072, 768, false)); // GPT-2 124M
  cases.push_back(product("TN", 3072, 768, 1024, true));
  attentionCases(cases, 8, 256, 6, 1, 64, 0, 0);
  attentionCases(cases, 4, 256, 12, 1, 64, 0, 0);
  attentionCases(cases, 4, 1024, 4, 3, 64, 0, 0);
  attentionCases(cases, 1, 256, 2, 1, 64, 0, 0);
  attentionCases(cases, 8, 250, 6, 1, 60, 0, 0);
  attentionCases(cases, 8, 256, 6, 1, 64, 0.1f, 0);
  attentionCases(cases, 8, 256, 6, 1, 64, 0, 30);
  prepareMatmuls();

  for (int round = 0; round <= rounds; ++round)
    for (Case &c : cases) {
      double start = omp_get_wtime();
      c.run();
      if (round > 0) // the first one warms up
        c.seconds.push_back(omp_get_wtime() - start);
    }
  std::printf("%-52s %10s %10s   GFLOP/s, %d threads, %d rounds\n", "", "best", "median",
              omp_get_max_threads(), rounds);
  for (Case &c : cases) {
    std::sort(c.seconds.begin(), c.seconds.end());
    std::printf("%-52s %10.1f %10.1f\n", c.name.c_str(), c.flops / c.seconds.front() * 1e-9,
                c.flops / c.seconds[c.seconds.size() / 2] * 1e-9);
  }
}
