//===- Sync.h - where ranks of one node meet -------------------------------===//
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

/// Called after each meeting, if set: tests slow ranks down here to find a sync that is missing.
extern void (*afterMeetingForTests)();

} // namespace rt
