//===- Measured.cpp - what a trace says of a pipeline's run -----------------===//

#include "compiler/schedule/Measured.h"
#include "compiler/schedule/CheckTable.h"
#include "compiler/schedule/Schedules.h"

#include <algorithm>
#include <fmt/format.h>
#include <set>

using namespace shardc::pipeline;

namespace {
using Tasks = std::vector<const TracedTask *>;

/// Stages, chunks and micro-batches that the tasks are of; false where chunks lie as no pipeline has them.
bool readShape(const Tasks &tasks, Pipeline &p) {
  int chunks = 0;
  for (const TracedTask *one : tasks) {
    p.stages = std::max(p.stages, one->stage + 1);
    chunks = std::max(chunks, one->task.chunk + 1);
    p.microbatches = std::max(p.microbatches, one->task.microbatch + 1);
    p.splitsBackward |= one->task.pass == Pass::backwardWeight;
  }
  p.chunksPerStage = chunks / p.stages;
  for (Placement placement : {Placement::loop, Placement::vee}) {
    p.placement = placement;
    if (chunks % p.stages == 0 && std::ranges::all_of(tasks, [&](const TracedTask *one) {
          return p.stageOf(one->task.chunk) == one->stage;
        }))
      return true;
  }
  return false;
}

/// What each rank did in one step, in order.
std::map<int, Tasks> byRank(const Tasks &tasks, int64_t step) {
  std::map<int, Tasks> result;
  for (const TracedTask *one : tasks)
    if (one->step == step)
      result[one->rank].push_back(one);
  for (auto &[rank, own] : result)
    std::ranges::sort(own, {}, &TracedTask::begin);
  return result;
}

/// Ranks of a stage do the same.
Table tableOf(const Pipeline &p, const std::map<int, Tasks> &ranks) {
  Table table(p.stages);
  for (const auto &[rank, own] : ranks)
    if (std::vector<Task> &list = table[own.front()->stage]; list.empty())
      for (const TracedTask *one : own)
        list.push_back(one->task);
  return table;
}
} // namespace

std::variant<Measured, std::string> shardc::pipeline::measure(const std::vector<TracedTask> &all,
                                                              int64_t first) {
  Tasks tasks;
  std::set<int64_t> steps;
  for (const TracedTask &one : all)
    if (one.step >= first) {
      tasks.push_back(&one);
      steps.insert(one.step);
    }
  if (tasks.empty())
    return fmt::format("there is no task of a pipeline in it, of step {} or later", first);
  Measured m;
  if (!readShape(tasks, m.pipeline))
    return std::string("the chunks of its tasks do not lie on stages as a pipeline's do");

  m.steps = static_cast<int64_t>(steps.size());
  m.waited.resize(m.pipeline.stages);
  std::map<std::pair<Pass, int>, std::pair<double, int64_t>> sums;
  std::vector<int64_t> turns(m.pipeline.stages, 0); // steps of ranks
  double work = 0, time = 0;                        // of all ranks
  for (int64_t step : steps) {
    const std::map<int, Tasks> ranks = byRank(tasks, step);
    const Table table = tableOf(m.pipeline, ranks);
    if (std::optional<std::string> fault = faultOf(m.pipeline, table, Transport::buffered))
      return fmt::format("step {}: {}", step, *fault);
    if (!m.table.empty() && table != m.table)
      return fmt::format("step {} has another order of tasks than the steps before", step);
    m.table = table;
    double begin = ranks.begin()->second.front()->begin, end = begin;
    for (const auto &[rank, own] : ranks) {
      ++turns[own.front()->stage];
      begin = std::min(begin, own.front()->begin);
      for (const TracedTask *one : own) {
        end = std::max(end, one->end);
        work += one->work();
        m.waited[one->stage] += one->waited;
        auto &[sum, count] = sums[{one->task.pass, one->task.chunk}];
        sum += one->work();
        ++count;
      }
    }
    m.seconds += (end - begin) / static_cast<double>(m.steps);
    time += (end - begin) * static_cast<double>(ranks.size());
  }
  for (const auto &[key, sum] : sums)
    m.length[key] = sum.first / static_cast<double>(sum.second);
  for (int stage = 0; stage < m.pipeline.stages; ++stage)
    m.waited[stage] /= static_cast<double>(std::max<int64_t>(turns[stage], 1));
  m.bubble = 1 - work / time;
  Costs costs; // a backward that is not split takes its second part too: it has none
  costs.chunks.resize(m.pipeline.chunks(), {0, 0, 0});
  for (const auto &[key, seconds] : m.length)
    costs.chunks[key.second][static_cast<int>(key.first)] = seconds;
  m.predicted = timelineOf(m.pipeline, m.table, costs).bubble();
  return m;
}

std::string shardc::pipeline::scheduleOf(const Pipeline &p, const Table &table) {
  for (std::string_view name : kindNames()) {
    const Kind kind = *kindNamed(name);
    const Pipeline like = pipelineFor(kind, p.stages, p.microbatches, p.chunksPerStage);
    if (like.chunksPerStage == p.chunksPerStage && like.placement == p.placement &&
        like.splitsBackward == p.splitsBackward && !whyNot(kind, like) && makeTable(kind, like) == table)
      return std::string(name);
  }
  return {};
}
