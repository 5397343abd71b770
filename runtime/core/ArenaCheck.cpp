//===- ArenaCheck.cpp - what of the arena is really used -------------------===//
#include "runtime/core/ArenaCheck.h"
#include <cstring>

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

} // namespace rt
