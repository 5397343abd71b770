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

/// Nanoseconds, of a clock that all ranks of a machine share.
std::int64_t now();

/// What a rank waits for: a message, or the other ranks of a group.
enum class Wait : std::uint8_t { message, meeting };

/// Is told when this rank had to wait, from when to when (as `now` has it).
class Waits {
public:
  virtual void waited(Wait kind, std::int64_t begin, std::int64_t end) = 0;

protected:
  ~Waits() = default;
};

/// What a waiting rank looks at from time to time.
class Watch {
public:
  virtual ~Watch() = default;
  /// Throws Aborted when another rank has failed, Error when this one is the first to notice a rank that is
  /// gone.
  virtual void look() = 0;

  int spins = 0;          // before the first yield: 0 when ranks outnumber cores
  Waits *waits = nullptr; // null: nobody wants to know
};

/// For as long as it lives, this rank waits.
class Waiting {
public:
  Waiting(Watch &watch, Wait kind) : waits(watch.waits), kind(kind), began(waits ? now() : 0) {}
  ~Waiting() {
    if (waits)
      waits->waited(kind, began, now());
  }
  Waiting(const Waiting &) = delete;

private:
  Waits *waits;
  Wait kind;
  std::int64_t began;
};

/// Returns when all `members` have called it; what they wrote before is visible to all after.
void meet(SyncCell &cell, int members, Watch &watch);

/// Returns when `word` no longer holds `value`; what was written before it changed is visible then.
void waitWhile(std::atomic<std::uint32_t> &word, std::uint32_t value, std::atomic<std::uint32_t> &sleepers,
               Watch &watch, Wait kind);
/// Sets `word`, and wakes who waits for that.
void change(std::atomic<std::uint32_t> &word, std::uint32_t value, std::atomic<std::uint32_t> &sleepers);

/// Called after each meeting and each message, at both its ends, if set: ranks are slowed down here to find a
/// wait that is missing (Delays.h, tests).
extern void (*afterMeeting)();
inline void metOrPassed() {
  if (afterMeeting)
    afterMeeting();
}

} // namespace rt
