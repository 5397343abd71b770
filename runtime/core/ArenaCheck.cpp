//===- ArenaCheck.cpp - what of the arena is really used -------------------===//
#include "runtime/core/ArenaCheck.h"
#include <cstdio>
#include <cstring>
#include <fstream>
#include <string>

namespace rt {

constexpr std::byte poison{0xFF};

void poisonArena(std::byte *arena, std::int64_t bytes) {
  std::memset(arena, std::to_integer<int>(poison), static_cast<std::size_t>(bytes));
}

std::int64_t touchedBytes(const std::byte *arena, std::int64_t bytes) {
  while (bytes > 0 && arena[bytes - 1] == poison)
    --bytes;
  return bytes;
}

std::int64_t residentBytes() {
  std::ifstream file("/proc/self/status");
  std::int64_t bytes = 0;
  for (std::string line; std::getline(file, line);)
    if (long long kib; std::sscanf(line.c_str(), "RssAnon: %lld kB", &kib) == 1 ||
                       std::sscanf(line.c_str(), "RssFile: %lld kB", &kib) == 1)
      bytes += kib * 1024;
  return bytes;
}

} // namespace rt
