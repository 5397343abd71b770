//===- Sync.h - where ranks of one node meet, and wait for each other ------===//
//
// A rank that waits spins a little if it has a core of its own, then yields, then sleeps on a futex: ranks
// may outnumber cores, and a spinning rank would take the core that it waits for. While it sleeps it looks
// around for failures (Watch), so that no rank waits forever for one that is gone.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "runtime/comm/ControlBlock.h"

namespace rt {

/// What a waiting rank looks at from time to time.
class Watch {
public:
  virtual ~Watch() = default;
  /// Throws Aborted when another rank has failed, Error when this one is the first to notice a rank that is
  /// gone.
  virtual void look() = 0;

  int spins = 0; // before the first yield: 0 when ranks outnumber cores
};

/// Returns when all `members` have called it; what they wrote before is visible to all after.
void meet(SyncCell &cell, int members, Watch &watch);

/// Returns when `word` no longer holds `value`; what was written before it changed is visible then.
void waitWhile(std::atomic<std::uint32_t> &word, std::uint32_t value, std::atomic<std::uint32_t> &sleepers,
               Watch &watch);
/// Sets `word`, and wakes who waits for that.
void change(std::atomic<std::uint32_t> &word, std::uint32_t value, std::atomic<std::uint32_t> &sleepers);

/// Called after each meeting and each message, if set: tests slow ranks down here to find a sync that is
/// missing.
extern void (*afterMeetingForTests)();

} // namespace rt
