//===- Schedules.cpp - GPipe, 1F1B, interleaved, zero bubble ---------------===//
//
// Pictures: 4 stages, 8 micro-batches, time to the right, all tasks as long as each other. A digit is a
// forward, a letter the backward of the same micro-batch (a of 0), - a gradient of weights.
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/Schedules.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>

using namespace shardc::pipeline;

namespace {
/// What makes a schedule. Both limits count forwards that a stage has begun.
struct Rule {
  int beforeBackward; // fewer than this whose backward has not begun
  int held;           // fewer than this whose last pass has not begun
  bool
      inGroups; // chunk after chunk for as many micro-batches as there are stages; else the chunk furthest on
};

Rule ruleOf(Kind kind, const Pipeline &p, int stage) {
  const int all = p.microbatches * p.chunksPerStage;
  const int toEnd = p.stages - stage; // stages from here to the last, this one included
  switch (kind) {
  // Everything forward, everything back (Huang et al. 2019).
  //   01234567......abcdefgh
  //   .01234567....abcdefgh.
  //   ..01234567..abcdefgh..
  //   ...01234567abcdefgh...
  case Kind::gpipe:
    return {all, all, false};
  // As few in flight as keep the next stage busy (PipeDream-Flush, Narayanan et al. 2021).
  //   0123...a4b5c6d7e.f.g.h
  //   .012..a3b4c5d6e7f.g.h.
  //   ..01.a2b3c4d5e6f7g.h..
  //   ...0a1b2c3d4e5f6g7h...
  case Kind::oneForwardOneBackward:
    return {toEnd, all, false};
  // Several chunks a stage: a stage is idle for as many tasks, but these are shorter (Narayanan et al. 2021).
  // Here two chunks.
  //   01230123456a7b.c4d5a6b7c.d.e.f.g.hefgh
  //   .012301234a5b6c7d4a5b6c7d.e.f.g.hefgh.
  //   ..0123012a3b4c5d6a7b4c5d6e7f.g.hefgh..
  //   ...01230a1b2c3d4a5b6c7d4e5f6g7hefgh...
  case Kind::interleaved:
    return {2 * (toEnd - 1) + (p.chunksPerStage - 1) * p.stages + 1, all, true};
  // Gradients of weights fill what 1F1B leaves idle at the end, in 1F1B's memory (Qi et al. 2023, ZB-H1).
  //   0123...a-4b-5c-6d-7e-f-g-h-
  //   .012..a3b-4c-5d-6e-7f-g-h--
  //   ..01.a2b3c-4d-5e-6f-7g-h---
  //   ...0a1b2c3d-4e-5f-6g-7h----
  case Kind::zeroBubbleH1:
    return {toEnd, p.stages, false};
  // With twice the memory forwards fill the beginning too: from its first task to its last no stage is idle
  // (ZB-H2).
  //   0123456a-7bc--de--fg--h-...
  //   .01234a5b6c-7de--fg--h---..
  //   ..012a3b4c5d6e-7fg--h-----.
  //   ...0a1b2c3d4e5f6g-7h-------
  case Kind::zeroBubble:
    return {2 * toEnd - 1, 2 * p.stages - 1, false};
  // Two chunks a stage, there and back: the first stage has the last chunk too, so nobody waits for the first
  // backward, and each stage holds 1F1B's memory (ZB-V).
  //   01234560a-1b-2c-3ad-7b-4ce-d--5f-e-6g--f-7hg--...h-
  //   .01234051a-2b-3ac-6bd-4c-7de-5--ef6--gf-7-gh---.h-.
  //   ..01203142a-3ab-5bc-4cd-6d-5e-7e-6f--fg7-g--h--h--.
  //   ...00112233aa-4bb-4cc-5dd-5-6ee-6-7ff-7gg----hh----
  case Kind::zeroBubbleV:
    return {all, 2 * p.stages, false};
  }
  return {};
}

/// One stage while its tasks are laid out.
struct Stage {
  Rule rule;
  std::vector<int> chunks;               // in the model's order
  std::vector<std::array<int, 3>> begun; // of each of its chunks, by pass
  std::array<int, 3> total = {0, 0, 0};  // of all its chunks
  int freeAt = 0;
};

class Generator {
public:
  Generator(Kind kind, const Pipeline &p)
      : p(p), endOf(3 * p.chunks() * p.microbatches, never), table(p.stages) {
    for (int stage = 0; stage < p.stages; ++stage)
      stages.push_back({ruleOf(kind, p, stage), {}, {}});
    for (int chunk = 0; chunk < p.chunks(); ++chunk)
      stages[p.stageOf(chunk)].chunks.push_back(chunk);
    for (Stage &stage : stages)
      stage.begun.resize(stage.chunks.size());
  }

  Table run() {
    int left = p.chunks() * p.microbatches * (p.splitsBackward ? 3 : 2);
    for (int now = 0; left > 0; ++now)
      for (int stage = 0; stage < p.stages; ++stage)
        if (std::optional<Task> task = choose(stages[stage], now)) {
          begin(stages[stage], *task, now);
          table[stage].push_back(*task);
          --left;
        }
    return std::move(table);
  }

private:
  static constexpr int never = 1 << 30;

  int &end(const Task &task) {
    return endOf[(static_cast<int>(task.pass) * p.chunks() + task.chunk) * p.microbatches + task.microbatch];
  }
  bool mayBegin(const Task &task, int now) {
    std::optional<Task> producer = p.producer(task);
    return !producer || end(*producer) <= now;
  }

  std::optional<Task> choose(const Stage &stage, int now) {
    const std::array<int, 3> &total = stage.total;
    const int held = total[0] - total[static_cast<int>(p.lastPass())];
    if (total[0] - total[1] < stage.rule.beforeBackward && held < stage.rule.held)
      if (std::optional<Task> task = next(stage, Pass::forward, now))
        return task;
    if (std::optional<Task> task = next(stage, Pass::backward, now))
      return task;
    return p.splitsBackward ? next(stage, Pass::backwardWeight, now) : std::nullopt;
  }

  /// Forwards of the last chunk first, backwards of the first: what is furthest on. In groups the order is
  /// fixed.
  std::optional<Task> next(const Stage &stage, Pass pass, int now) {
    const int count = static_cast<int>(stage.chunks.size()), which = static_cast<int>(pass);
    if (stage.rule.inGroups) {
      const int number = stage.total[which], group = number / (p.stages * count),
                rest = number % (p.stages * count);
      if (number == count * p.microbatches)
        return std::nullopt;
      const int turn = rest / p.stages, chunk = stage.chunks[pass == Pass::forward ? turn : count - 1 - turn];
      const Task task{pass, chunk, group * p.stages + rest % p.stages};
      return mayBegin(task, now) ? std::optional(task) : std::nullopt;
    }
    for (int i = 0; i < count; ++i) {
      const int place = pass == Pass::forward ? count - 1 - i : i;
      const Task task{pass, stage.chunks[place], stage.begun[place][which]};
      if (task.microbatch < p.microbatches && mayBegin(task, now))
        return task;
    }
    return std::nullopt;
  }

  void begin(Stage &stage, const Task &task, int now) {
    const auto place = std::ranges::find(stage.chunks, task.chunk) - stage.chunks.begin();
    ++stage.begun[place][static_cast<int>(task.pass)];
    ++stage.total[static_cast<int>(task.pass)];
    end(task) = now + 1;
  }

  const Pipeline &p;
  std::vector<int> endOf;
  std::vector<Stage> stages;
  Table table;
};

struct Entry {
  Kind kind;
  std::string_view name;
};
constexpr std::array<Entry, 6> entries = {{{Kind::gpipe, "gpipe"},
                                           {Kind::oneForwardOneBackward, "1f1b"},
                                           {Kind::interleaved, "interleaved"},
                                           {Kind::zeroBubbleH1, "zero_bubble_h1"},
                                           {Kind::zeroBubble, "zero_bubble"},
                                           {Kind::zeroBubbleV, "zero_bubble_v"}}};
} // namespace

std::string_view shardc::pipeline::nameOf(Kind kind) {
  return std::ranges::find(entries, kind, &Entry::kind)->name;
}

std::optional<Kind> shardc::pipeline::kindNamed(std::string_view name) {
  const auto found = std::ranges::find(entries, name, &Entry::name);
  return found == entries.end() ? std::nullopt : std::optional(found->kind);
}

std::vector<std::string_view> shardc::pipeline::kindNames() {
  std::vector<std::string_view> names;
  for (const Entry &entry : entries)
    names.push_back(entry.name);
  return names;
}

Pipeline shardc::pipeline::pipelineFor(Kind kind, int stages, int microbatches, int chunksPerStage) {
  Pipeline p{.stages = stages, .microbatches = microbatches};
  p.chunksPerStage = kind == Kind::interleaved ? chunksPerStage : kind == Kind::zeroBubbleV ? 2 : 1;
  p.placement = kind == Kind::zeroBubbleV ? Placement::vee : Placement::loop;
  p.splitsBackward = kind >= Kind::zeroBubbleH1;
  return p;
}

std::optional<std::string> shardc::pipeline::whyNot(Kind kind, const Pipeline &p) {
  if (kind == Kind::interleaved && p.microbatches % p.stages != 0)
    return fmt::format(
        "interleaved takes micro-batches in groups of as many as there are stages: {} stages need {}, {} or "
        "another multiple, not {}",
        p.stages, p.stages, 2 * p.stages, p.microbatches);
  if (kind == Kind::interleaved && p.chunksPerStage < 2)
    return "interleaved needs two virtual stages or more; with one it is 1f1b";
  return std::nullopt;
}

int shardc::pipeline::mostHeld(Kind kind, const Pipeline &p, int stage) {
  const Rule rule = ruleOf(kind, p, stage);
  const int most = p.splitsBackward ? rule.held : std::min(rule.beforeBackward, rule.held);
  return std::min(most, p.microbatches * p.chunksPerStage);
}

Table shardc::pipeline::makeTable(Kind kind, const Pipeline &pipeline) {
  return Generator(kind, pipeline).run();
}
