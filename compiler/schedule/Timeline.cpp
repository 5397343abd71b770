//===- Timeline.cpp - when a table's tasks begin and end --------------------===//

#include "compiler/schedule/Timeline.h"

#include <algorithm>
#include <map>

using namespace shardc::pipeline;

double Costs::of(const Pipeline &p, const Task &task) const {
  const std::array<double, 3> all{forward, backward, backwardWeight};
  const std::array<double, 3> &costs = chunks.empty() ? all : chunks[task.chunk];
  const bool isWhole = task.pass == Pass::backward && !p.splitsBackward;
  return costs[static_cast<int>(task.pass)] + (isWhole ? costs[2] : 0);
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
        const double length = costs.of(p, task);
        spans.push_back({begin, begin + length});
        endOf[task] = freeAt[stage] = begin + length;
        timeline.work += length;
      }
  }
  timeline.end = *std::ranges::max_element(freeAt);
  return timeline;
}
