//===- CheckTable.cpp - whether a table of tasks is sound -------------------===//

#include "compiler/schedule/CheckTable.h"

#include <algorithm>
#include <fmt/format.h>
#include <map>

using namespace shardc::pipeline;

namespace {
struct Place {
  int stage = 0, index = 0;
};

class Checker {
public:
  Checker(const Pipeline &p, const Table &table, Transport transport)
      : p(p), table(table), transport(transport), at(p.stages, 0) {}

  std::optional<Fault> fault(const std::vector<int> &mostHeld) {
    if (std::optional<Fault> wrong = countTasks())
      return wrong;
    if (std::optional<Fault> wrong = checkHeld(mostHeld))
      return wrong;
    if (std::optional<Fault> wrong = checkOrderOfMessages())
      return wrong;
    return run();
  }

private:
  std::string name(const Task &task) const { return toString(task, p.chunksPerStage > 1); }

  //===-- each task once, where its chunk is -----------------------------===//

  std::optional<std::string> checkTask(int stage, const Task &task) const {
    const bool isKnown = task.chunk >= 0 && task.chunk < p.chunks() && task.microbatch >= 0 &&
                         task.microbatch < p.microbatches &&
                         (task.pass != Pass::backwardWeight || p.splitsBackward);
    if (!isKnown)
      return fmt::format("stage {} does {}, which is no task of {} chunks and {} micro-batches{}", stage,
                         toString(task, true), p.chunks(), p.microbatches,
                         p.splitsBackward ? "" : " whose backward is one task");
    if (const int home = p.stageOf(task.chunk); home != stage)
      return fmt::format("stage {} does {}, whose chunk is on stage {}", stage, toString(task, true), home);
    return std::nullopt;
  }

  std::optional<Fault> countTasks() {
    if (static_cast<int>(table.size()) != p.stages)
      return Fault{Fault::Rule::tasks,
                   fmt::format("the table has {} stages, the pipeline {}", table.size(), p.stages)};
    for (int stage = 0; stage < p.stages; ++stage)
      for (int index = 0; index < static_cast<int>(table[stage].size()); ++index) {
        const Task &task = table[stage][index];
        if (std::optional<std::string> wrong = checkTask(stage, task))
          return Fault{Fault::Rule::tasks, *wrong, stage, index};
        if (!places.try_emplace(task, Place{stage, index}).second)
          return Fault{Fault::Rule::tasks, fmt::format("stage {} does {} twice", stage, name(task)), stage,
                       index};
      }
    for (int chunk = 0; chunk < p.chunks(); ++chunk)
      for (int microbatch = 0; microbatch < p.microbatches; ++microbatch)
        for (int pass = 0; pass <= static_cast<int>(p.lastPass()); ++pass)
          if (const Task task{static_cast<Pass>(pass), chunk, microbatch}; !places.contains(task))
            return Fault{Fault::Rule::tasks,
                         fmt::format("stage {} never does {}", p.stageOf(chunk), name(task)),
                         p.stageOf(chunk)};
    return std::nullopt;
  }

  //===-- memory -----------------------------------------------------------===//

  std::optional<Fault> checkHeld(const std::vector<int> &mostHeld) const {
    for (int stage = 0; stage < std::min<int>(p.stages, mostHeld.size()); ++stage) {
      int held = 0, index = 0;
      for (const Task &task : table[stage]) {
        held += task.pass == Pass::forward;
        if (held > mostHeld[stage])
          return Fault{Fault::Rule::held,
                       fmt::format("stage {} holds {} micro-batches when it does {}, {} is its limit", stage,
                                   held, name(task), mostHeld[stage]),
                       stage, index};
        ++index;
        held -= task.pass == p.lastPass();
      }
    }
    return std::nullopt;
  }

  //===-- messages ---------------------------------------------------------===//

  /// Whose result the task gets from another stage.
  std::optional<Task> received(const Task &task) const {
    std::optional<Task> from = p.producer(task);
    return from && p.stageOf(from->chunk) != p.stageOf(task.chunk) ? from : std::nullopt;
  }

  /// A chunk's messages of one pass come one after the other: the receiver has to want them in the order in
  /// which they are sent.
  std::optional<Fault> checkOrderOfMessages() const {
    std::map<std::pair<Pass, int>, Place> last; // of a receiving chunk, where its latest message was made
    for (const std::vector<Task> &tasks : table)
      for (const Task &task : tasks) {
        std::optional<Task> from = received(task);
        if (!from)
          continue;
        const Place made = places.at(*from);
        auto [before, isFirst] = last.try_emplace({task.pass, task.chunk}, made);
        if (!isFirst && before->second.index > made.index)
          return Fault{Fault::Rule::messages,
                       fmt::format("stage {} sends {} before {}, stage {} wants them the other way",
                                   made.stage, name(*from), name(table[made.stage][before->second.index]),
                                   p.stageOf(task.chunk)),
                       places.at(task).stage, places.at(task).index};
        before->second = made;
      }
    return std::nullopt;
  }

  //===-- waiting ----------------------------------------------------------===//

  /// Whether the stage has begun to wait for its task number `index`, or is past it.
  bool hasComeTo(const Place &place) const { return at[place.stage] >= place.index; }
  bool isDone(const Place &place) const { return at[place.stage] > place.index; }

  /// The task on which this stage's next one depends and which is not done, or, blocking, which takes what
  /// the one before sent and is not yet waited for.
  std::optional<Task> waitsFor(int stage) const {
    const int index = at[stage];
    if (transport == Transport::blocking && index > 0)
      for (const Task &taker : takersOf(table[stage][index - 1]))
        if (!hasComeTo(places.at(taker)))
          return taker;
    if (index < static_cast<int>(table[stage].size()))
      if (std::optional<Task> from = p.producer(table[stage][index]); from && !isDone(places.at(*from)))
        return from;
    return std::nullopt;
  }

  /// The tasks of other stages that take a task's result: at most one.
  std::vector<Task> takersOf(const Task &task) const {
    std::vector<Task> takers;
    for (const int chunk : {task.chunk - 1, task.chunk + 1})
      if (const Task taker{task.pass, chunk, task.microbatch};
          chunk >= 0 && chunk < p.chunks() && received(taker) == task)
        takers.push_back(taker);
    return takers;
  }

  std::optional<Fault> run() {
    for (bool moved = true; moved;) {
      moved = false;
      for (int stage = 0; stage < p.stages; ++stage)
        while (at[stage] < static_cast<int>(table[stage].size()) && !waitsFor(stage)) {
          ++at[stage];
          moved = true;
        }
    }
    for (int stage = 0; stage < p.stages; ++stage)
      if (at[stage] < static_cast<int>(table[stage].size()))
        return circleFrom(stage);
    return std::nullopt;
  }

  Fault circleFrom(int stage) const {
    std::vector<int> chain;
    while (std::ranges::find(chain, stage) == chain.end()) {
      chain.push_back(stage);
      stage = p.stageOf(waitsFor(stage)->chunk);
    }
    std::vector<std::string> links;
    for (auto each = std::ranges::find(chain, stage); each != chain.end(); ++each) {
      const std::vector<Task> &tasks = table[*each];
      const Task wanted = *waitsFor(*each);
      const std::string where = at[*each] < static_cast<int>(tasks.size())
                                    ? "before " + name(tasks[at[*each]])
                                    : "after its last task";
      links.push_back(fmt::format("stage {} waits {} for {} of stage {}", *each, where, name(wanted),
                                  p.stageOf(wanted.chunk)));
    }
    // Where a stage has come to its end it waits for what it sent to be taken.
    const int last = static_cast<int>(table[stage].size()) - 1;
    return {Fault::Rule::waiting, fmt::format("nobody can go on: {}", fmt::join(links, "; ")), stage,
            std::min(at[stage], last)};
  }

  const Pipeline &p;
  const Table &table;
  Transport transport;
  std::map<Task, Place> places;
  std::vector<int> at; // of each stage, the task that it waits to begin
};
} // namespace

std::optional<Fault> shardc::pipeline::findFault(const Pipeline &pipeline, const Table &table,
                                                 Transport transport, const std::vector<int> &mostHeld) {
  return Checker(pipeline, table, transport).fault(mostHeld);
}

std::optional<std::string> shardc::pipeline::faultOf(const Pipeline &pipeline, const Table &table,
                                                     Transport transport, const std::vector<int> &mostHeld) {
  std::optional<Fault> fault = findFault(pipeline, table, transport, mostHeld);
  return fault ? std::optional(fault->what) : std::nullopt;
}

std::vector<int> shardc::pipeline::peakHeld(const Pipeline &pipeline, const Table &table) {
  std::vector<int> peaks;
  for (const std::vector<Task> &tasks : table) {
    int held = 0, peak = 0;
    for (const Task &task : tasks) {
      held += task.pass == Pass::forward;
      peak = std::max(peak, held);
      held -= task.pass == pipeline.lastPass();
    }
    peaks.push_back(peak);
  }
  return peaks;
}
