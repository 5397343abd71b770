//===- SharedMemory.h - memory that the ranks of a node see together -------===//
//
// An anonymous memory file, opened by the others through /proc: it has no name that a killed run could leave
// behind, and /dev/shm's size (64 MB in a default container) does not bound it.
//
//===----------------------------------------------------------------------===//
#pragma once
#include <cstddef>
#include <optional>

namespace rt {

/// Where another process of this machine finds the file.
struct SharedFile {
  int pid = 0, fd = -1;
};

/// A new file of zeros, open until the process ends; nothing when the system has none.
std::optional<SharedFile> createShared(std::size_t bytes);

/// The file mapped for reading and writing; null when it cannot be reached.
std::byte *mapShared(const SharedFile &file, std::size_t bytes);

/// Zeros of this process alone, in huge pages where the system offers them; null when there is no memory.
std::byte *mapPrivate(std::size_t bytes);

/// Bytes that this machine (or this container) can still hand out; the largest number when it does not say.
std::size_t availableMemory();

} // namespace rt
