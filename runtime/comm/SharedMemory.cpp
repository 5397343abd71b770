//===- SharedMemory.cpp - memory that the ranks of a node see together -----===//
#include "runtime/comm/SharedMemory.h"
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <fcntl.h>
#include <fstream>
#include <limits>
#include <string>
#include <sys/mman.h>
#include <unistd.h>

namespace rt {

std::optional<SharedFile> createShared(std::size_t bytes) {
  int fd = memfd_create("shardc-arena", MFD_CLOEXEC);
  if (fd < 0)
    return std::nullopt;
  if (ftruncate(fd, static_cast<off_t>(bytes)) != 0) {
    close(fd);
    return std::nullopt;
  }
  return SharedFile{getpid(), fd};
}

std::byte *mapShared(const SharedFile &file, std::size_t bytes) {
  char path[64];
  std::snprintf(path, sizeof path, "/proc/%d/fd/%d", file.pid, file.fd);
  int fd = open(path, O_RDWR | O_CLOEXEC);
  if (fd < 0)
    return nullptr;
  void *memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd); // the mapping keeps the file
  if (memory == MAP_FAILED)
    return nullptr;
  madvise(memory, bytes, MADV_HUGEPAGE);
  return static_cast<std::byte *>(memory);
}

std::byte *mapPrivate(std::size_t bytes) {
  void *memory =
      mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED)
    return nullptr;
  madvise(memory, bytes, MADV_HUGEPAGE);
  return static_cast<std::byte *>(memory);
}

namespace {

constexpr std::size_t unknown = std::numeric_limits<std::size_t>::max();

/// "MemAvailable:  123 kB" of /proc/meminfo.
std::size_t machineAvailable() {
  std::ifstream file("/proc/meminfo");
  for (std::string line; std::getline(file, line);)
    if (unsigned long long kib; std::sscanf(line.c_str(), "MemAvailable: %llu kB", &kib) == 1)
      return kib * 1024;
  return unknown;
}

std::size_t readNumber(const char *path) {
  std::ifstream file(path);
  std::size_t value;
  return file >> value ? value : unknown; // "max" and a missing file alike
}

std::size_t containerAvailable() {
  std::size_t limit = readNumber("/sys/fs/cgroup/memory.max");
  std::size_t used = readNumber("/sys/fs/cgroup/memory.current");
  return limit == unknown || used == unknown ? unknown : limit - std::min(used, limit);
}

} // namespace

std::size_t availableMemory() {
  return std::min(machineAvailable(), containerAvailable());
}

} // namespace rt
