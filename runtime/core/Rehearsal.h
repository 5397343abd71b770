//===- Rehearsal.h - how long a pause is -------------------------------------===//
//
// A rehearsal does all that its trainer does but compute: ranks meet, send and wait in the same order. In
// place of work it sleeps, so ranks may be far more than cores. Either as planned, the operations of the work
// at a given speed; or all tasks alike, which is what closed forms of schedules speak of: the forward of a
// stage takes a given time, each of the two parts of its backward as long, all else nothing. A task's pauses
// share its time by what they cost.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "runtime/core/Context.h"
#include "runtime/core/Program.h"

namespace rt {

class Rehearsal final : public Pace {
public:
  /// `forwardSeconds` 0: as planned.
  Rehearsal(const Pipeline &pipeline, double gflops, double forwardSeconds)
      : pipeline(pipeline), gflops(gflops), forwardSeconds(forwardSeconds) {}

  void begin(const Task &next) override { task = next; }
  void pause(double operations) override;

private:
  double secondsOf(const Task &task) const;
  void sleep(double nanoseconds);

  Pipeline pipeline;
  double gflops, forwardSeconds;
  Task task;
  double overslept = 0; // nanoseconds by which the last sleep was too long: the next is shorter
};

} // namespace rt
