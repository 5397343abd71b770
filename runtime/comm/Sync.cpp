//===- Sync.cpp - where ranks of one node meet -----------------------------===//
#include "runtime/comm/Sync.h"
#include <climits>
#include <ctime>
#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace rt {

void (*afterMeetingForTests)() = nullptr;

namespace {

constexpr int yields = 50;
constexpr long sleepNanoseconds = 100'000'000; // how often a sleeping rank looks for failures

void pauseCore() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

void futex(std::atomic<std::uint32_t> &word, int operation, std::uint32_t value, const timespec *timeout) {
  syscall(SYS_futex, reinterpret_cast<std::uint32_t *>(&word), operation, value, timeout, nullptr, 0);
}

void waitPast(SyncCell &cell, std::uint32_t generation, Watch &watch) {
  auto passed = [&] { return cell.generation.load(std::memory_order_acquire) != generation; };
  for (int i = 0; i < watch.spins; ++i) {
    if (passed())
      return;
    pauseCore();
  }
  for (int i = 0; i < yields; ++i) {
    if (passed())
      return;
    sched_yield();
  }
  // The last to arrive reads `sleepers` after it has moved `generation`; we read `generation` (inside the
  // futex) after we have moved `sleepers`: one of the two sees the other.
  cell.sleepers.fetch_add(1);
  while (!passed()) {
    const timespec timeout{0, sleepNanoseconds};
    futex(cell.generation, FUTEX_WAIT, generation, &timeout);
    if (!passed())
      watch.look();
  }
  cell.sleepers.fetch_sub(1);
}

} // namespace

void meet(SyncCell &cell, int members, Watch &watch) {
  if (members > 1) {
    // Cannot move before this rank has arrived.
    std::uint32_t generation = cell.generation.load(std::memory_order_relaxed);
    bool last =
        cell.arrived.fetch_add(1, std::memory_order_acq_rel) + 1 == static_cast<std::uint32_t>(members);
    if (last) {
      cell.arrived.store(0, std::memory_order_relaxed);
      cell.generation.store(generation + 1);
      if (cell.sleepers.load() != 0)
        futex(cell.generation, FUTEX_WAKE, INT_MAX, nullptr);
    } else {
      waitPast(cell, generation, watch);
    }
  }
  if (afterMeetingForTests)
    afterMeetingForTests();
}

} // namespace rt
