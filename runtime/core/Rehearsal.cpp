//===- Rehearsal.cpp - how long a pause is -----------------------------------===//
#include "runtime/core/Rehearsal.h"
#include "runtime/comm/Sync.h"
#include <algorithm>
#include <ctime>

namespace rt {

void Rehearsal::pause(double operations) {
  if (forwardSeconds == 0)
    sleep(operations / gflops);
  else if (task.operations > 0)
    sleep(secondsOf(task) * 1e9 * operations / task.operations);
}

double Rehearsal::secondsOf(const Task &task) const {
  if (task.pass == Pass::update)
    return 0;
  const int parts = task.pass == Pass::backward && !pipeline.splitsBackward ? 2 : 1;
  return parts * forwardSeconds / pipeline.chunksPerStage;
}

void Rehearsal::sleep(double nanoseconds) {
  const std::int64_t began = now();
  const std::int64_t end = began + static_cast<std::int64_t>(std::max(0.0, nanoseconds - overslept));
  const timespec until{end / 1'000'000'000, end % 1'000'000'000};
  while (end > began && clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr) != 0)
    ;
  overslept = std::max(0.0, overslept - nanoseconds) + static_cast<double>(now() - std::max(began, end));
}

} // namespace rt
