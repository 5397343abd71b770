//===- Movements.h - how far ahead, how much at once ----------------------===//
//
// Module attributes that the plan sets and the passes of exec read.
//
//===----------------------------------------------------------------------===//
#pragma once

#include <cstdint>

namespace exec {

/// Bytes up to which small movements become one; 0: none does.
inline constexpr const char *bucketAttrName = "exec.bucket";
inline constexpr int64_t defaultBucket = int64_t(25) << 20;

/// Calls of modules during which a movement may be under way; 0: each is waited for where it starts.
inline constexpr const char *prefetchAttrName = "exec.prefetch";
inline constexpr int64_t defaultPrefetch = 1;

/// What a device has: a dictionary of `bytes`, `at` (where the plan says so), and what the plan could change:
/// `data_ranks`, `zero`, `microbatches`, `sequences` of a data rank, and `holds_all` micro-batches at once.
inline constexpr const char *memoryLimitAttrName = "exec.memory_limit";

} // namespace exec
