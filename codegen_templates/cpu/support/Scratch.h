//===- Scratch.h - what attention and sums over rows work in ---------------===//
//
// One block that all share, as none of them runs within another. It depends on the number of threads, so it is
// allocated at start and not part of the arena's plan.
//
//===----------------------------------------------------------------------===//
#pragma once

#include <cstdint>

namespace trainer {

/// 64-byte aligned; set by prepare().
extern void *scratch;

/// Makes scratch, of `sumBytes` or what an AttentionKernel needs, and the primitives of all Matmuls. Before the first step.
void prepare(int64_t sumBytes);

} // namespace trainer
