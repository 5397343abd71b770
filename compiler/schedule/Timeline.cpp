//===- Timeline.cpp - when a table's tasks begin and end --------------------===//

#include "compiler/schedule/Timeline.h"

#include <algorithm>
#include <map>

using namespace shardc::pipeline;

static double lengthOf(const Pipeline &p, Pass pass, const Costs &costs) {
  switch (pass) {
  case Pass::forward:
    return costs.forward;
  case Pass::backward:
    return costs.backward + (p.splitsBackward ? 0 : costs.backwardWeight);
  case Pass::backwardWeight:
    return costs.backwardWeight;
  }
  return 0;
}

Timeline shardc::pipeline::timelineOf(const Pipeline &p, const Table &table, const Costs &costs) {
  Timeline timeline;
  timeline.spans.resize(table.size());
  std::map<Task, double> endOf;
  std::vector<double> freeAt(table.size(), 0);
  for (bool moved = true; moved;) {
    moved = false;
    for (size_t stage = 0; stage < table.size(); ++stage)
      for (std::vector<Span> &spans = timeline.spans[stage]; spans.size() < table[stage].size();
           moved = true) {
        const Task &task = table[stage][spans.size()];
        double begin = freeAt[stage];
        if (std::optional<Task> from = p.producer(task)) {
          auto found = endOf.find(*from);
          if (found == endOf.end())
            break;
          const bool travels = p.stageOf(from->chunk) != static_cast<int>(stage);
          begin = std::max(begin, found->second + (travels ? costs.transfer : 0));
        }
        const double length = lengthOf(p, task.pass, costs);
        spans.push_back({begin, begin + length});
        endOf[task] = freeAt[stage] = begin + length;
        timeline.work += length;
      }
  }
  timeline.end = *std::ranges::max_element(freeAt);
  return timeline;
}
