//===- ArenaCheck.h - what of the arena is really used ---------------------===//
#pragma once
#include <cstddef>
#include <cstdint>

namespace rt {

/// Fills the arena with 0xFF, a NaN in every float type: what is read before it is written shows.
void poisonArena(std::byte *arena, std::int64_t bytes);

/// One past the highest byte that is no longer poison.
std::int64_t touchedBytes(const std::byte *arena, std::int64_t bytes);

/// Bytes of RAM that this process takes by itself, its code included: without what ranks share, their arenas.
/// 0 where the system doesn't say.
std::int64_t residentBytes();

} // namespace rt
