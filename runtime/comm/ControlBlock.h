//===- ControlBlock.h - what the ranks of one node share beside arenas -----===//
//
// One piece of shared memory per node:
//
//   | ControlBlock | RankCell of each local rank | SyncCell of each group instance | MessageCell ... |
//
// It starts as zeros; every member is usable in that state.
//
//===----------------------------------------------------------------------===//
#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace rt {

/// What a rank tells the others of its node.
struct alignas(64) RankCell {
  std::atomic<std::int32_t> pid;  // 0: not yet there, or left in good order
  std::atomic<std::int32_t> vote; // World::agree
};

/// Where the local members of one group meet. `generation` is also the futex they sleep on.
struct alignas(64) SyncCell {
  std::atomic<std::uint32_t> arrived;
  alignas(64) std::atomic<std::uint32_t> generation;
  std::atomic<std::uint32_t> sleepers;
};

/// One message from a rank to another: the sender posts it, the receiver takes it. `posted` is also the futex
/// that either sleeps on.
struct alignas(64) MessageCell {
  std::atomic<std::uint32_t> posted; // 1: the data is at `offset` of the sender's arena
  std::atomic<std::uint32_t> sleepers;
  std::int64_t offset;
};

struct alignas(64) ControlBlock {
  std::atomic<std::uint32_t> aborted; // 1: a rank has failed, everyone leaves
  std::atomic<std::uint32_t> claimed; // 1: somebody reports (or has reported) the failure

  static std::size_t bytes(int ranks, int cells, int messages) {
    return sizeof(ControlBlock) + ranks * sizeof(RankCell) + cells * sizeof(SyncCell) +
           messages * sizeof(MessageCell);
  }
  RankCell *ranks() { return reinterpret_cast<RankCell *>(this + 1); }
  SyncCell *cells(int localRanks) { return reinterpret_cast<SyncCell *>(ranks() + localRanks); }
  MessageCell *messages(int localRanks, int syncCells) {
    return reinterpret_cast<MessageCell *>(cells(localRanks) + syncCells);
  }
};

static_assert(std::atomic<std::uint32_t>::is_always_lock_free);

} // namespace rt
