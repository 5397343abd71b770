//===- Timeline.h - when a table's tasks begin and end ----------------------===//
#pragma once

#include "compiler/schedule/Pipeline.h"

#include <array>

namespace shardc::pipeline {

/// How long tasks take, in any one unit. A backward that is not split takes both its parts.
struct Costs {
  double forward = 1, backward = 1, backwardWeight = 1;
  double transfer = 0;                       // of a result to another stage
  std::vector<std::array<double, 3>> chunks; // of each chunk by pass, in place of the first three; or empty

  double of(const Pipeline &pipeline, const Task &task) const;
};

struct Span {
  double begin = 0, end = 0;
};

struct Timeline {
  std::vector<std::vector<Span>> spans; // of each stage's tasks, as the table has them
  double end = 0;                       // of the last task
  double work = 0;                      // of all tasks
  /// The share of the stages' time, until the last task has ended, in which they are idle.
  double bubble() const { return 1 - work / (end * static_cast<double>(spans.size())); }
};

/// Each task as early as its stage and its inputs allow. The table must be sound for buffered transport.
Timeline timelineOf(const Pipeline &pipeline, const Table &table, const Costs &costs = {});

} // namespace shardc::pipeline
