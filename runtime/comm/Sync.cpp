//===- Sync.cpp - where ranks of one node meet, and wait for each other ----===//
#include "runtime/comm/Sync.h"
#include <climits>
#include <ctime>
#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace rt {

void (*afterMeeting)() = nullptr;

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

} // namespace

std::int64_t now() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * std::int64_t(1'000'000'000) + time.tv_nsec;
}

void waitWhile(std::atomic<std::uint32_t> &word, std::uint32_t value, std::atomic<std::uint32_t> &sleepers,
               Watch &watch, Wait kind) {
  auto passed = [&] { return word.load(std::memory_order_acquire) != value; };
  if (passed())
    return;
  const Waiting waiting(watch, kind);
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
  // Who changes the word reads `sleepers` after that; we read the word (inside the futex) after we have moved
  // `sleepers`: one of the two sees the other.
  sleepers.fetch_add(1);
  while (!passed()) {
    const timespec timeout{0, sleepNanoseconds};
    futex(word, FUTEX_WAIT, value, &timeout);
    if (!passed())
      watch.look();
  }
  sleepers.fetch_sub(1);
}

void change(std::atomic<std::uint32_t> &word, std::uint32_t value, std::atomic<std::uint32_t> &sleepers) {
  word.store(value);
  if (sleepers.load() != 0)
    futex(word, FUTEX_WAKE, INT_MAX, nullptr);
}

void meet(SyncCell &cell, int members, Watch &watch) {
  if (members > 1) {
    // Cannot move before this rank has arrived.
    std::uint32_t generation = cell.generation.load(std::memory_order_relaxed);
    bool last =
        cell.arrived.fetch_add(1, std::memory_order_acq_rel) + 1 == static_cast<std::uint32_t>(members);
    if (last) {
      cell.arrived.store(0, std::memory_order_relaxed);
      change(cell.generation, generation + 1, cell.sleepers);
    } else {
      waitWhile(cell.generation, generation, cell.sleepers, watch, Wait::meeting);
    }
  }
  metOrPassed();
}

} // namespace rt
