//===- Memory.h - pointers into frames and the arena -----------------------===//
#pragma once

#include <cstddef>
#include <cstdint>
#include <cuda_runtime.h>

namespace trainer {

using Stream = cudaStream_t;

/// `offset` in bytes.
template <class T> T *at(std::byte *memory, int64_t offset) {
  return reinterpret_cast<T *>(memory + offset);
}

} // namespace trainer
