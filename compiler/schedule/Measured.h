//===- Measured.h - what a trace says of a pipeline's run --------------------===//
//
// A traced task takes from its begin to the next one's. In it the rank may have waited for messages; the rest
// is work. The bubble of a step is the share of all ranks' time, from the first task's begin to the last
// one's end, in which they do not work. Beside it stands what the timetable predicts: the tasks in the order
// in which they were done, each as long as its like were on average, none later than it must.
//
//   rank 0   F0 | F1 | ~~~~B0 | F2 | ~B1 ...          ~ waits
//   rank 1   ~~F0 | B0 | F1 | B1 ...
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/schedule/Timeline.h"

#include <map>
#include <variant>

namespace shardc::pipeline {

/// One task of one rank, in seconds.
struct TracedTask {
  int rank = 0, stage = 0;
  int64_t step = 0;
  Task task;
  double begin = 0, end = 0;
  double waited = 0; // for messages, in between
  double work() const { return end - begin - waited; }
};

struct Measured {
  Pipeline pipeline;
  Table table;                                   // of each stage's first rank, in each step alike
  int64_t steps = 0;                             // that were counted
  double seconds = 0;                            // of a step, first task to last
  double bubble = 0, predicted = 0;              // shares
  std::map<std::pair<Pass, int>, double> length; // mean work of a task by pass and chunk, seconds
  std::vector<double> waited;                    // for messages, by stage: in a step of one rank, seconds
};

/// Or why the tasks are none of a pipeline's run. Steps before `first` are left out.
std::variant<Measured, std::string> measure(const std::vector<TracedTask> &tasks, int64_t first);

/// The name of the schedule whose table it is; empty: of none.
std::string scheduleOf(const Pipeline &pipeline, const Table &table);

} // namespace shardc::pipeline
