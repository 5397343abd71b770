//===- Scratch.cpp - what attention and sums over rows work in -------------===//
#include "support/Scratch.h"
#include "runtime/kernels/Gemm.h"
#include "support/Attention.h"

#include <algorithm>
#include <cstdlib>
#include <new>
#include <omp.h>

namespace trainer {

void *scratch = nullptr;

void prepare(int64_t sumBytes) {
  rt::prepareMatmuls();
  if (scratch)
    return;
  std::size_t bytes = sumBytes;
  for (const AttentionKernel *attention = AttentionKernel::first; attention; attention = attention->next)
    bytes = std::max(bytes, rt::attentionScratchBytes(attention->shape, omp_get_max_threads()));
  scratch = std::aligned_alloc(64, (bytes + 64) / 64 * 64);
  if (!scratch)
    throw std::bad_alloc();
}

} // namespace trainer
