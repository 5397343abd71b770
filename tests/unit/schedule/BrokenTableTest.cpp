//===- BrokenTableTest.cpp - the judge of tables refuses what is unsound ---===//

#include "compiler/schedule/CheckTable.h"
#include "compiler/schedule/Schedules.h"

#include <gtest/gtest.h>

#include <random>

using namespace shardc::pipeline;

namespace {
struct Case {
  Kind kind;
  Pipeline pipeline;
  Table table;
  std::vector<int> limits;
};

class Draw {
public:
  explicit Draw(unsigned seed) : engine(seed) {}
  int below(int n) { return std::uniform_int_distribution(0, n - 1)(engine); }

  Case sound(int leastStages = 2) {
    const std::vector<std::string_view> names = kindNames();
    const Kind kind = *kindNamed(names[below(static_cast<int>(names.size()))]);
    const int stages = leastStages + below(12);
    const int microbatches = kind == Kind::interleaved ? stages * (1 + below(4)) : 2 + below(40);
    Case c{kind, pipelineFor(kind, stages, microbatches, 2 + below(3)), {}, {}};
    c.table = makeTable(kind, c.pipeline);
    for (int stage = 0; stage < stages; ++stage)
      c.limits.push_back(mostHeld(kind, c.pipeline, stage));
    return c;
  }

private:
  std::mt19937 engine;
};

std::optional<std::string> judge(const Case &c) {
  return faultOf(c.pipeline, c.table, Transport::buffered, c.limits);
}

void expectFault(const Case &c, const std::string &part) {
  const std::optional<std::string> fault = judge(c);
  ASSERT_TRUE(fault.has_value());
  EXPECT_NE(fault->find(part), std::string::npos) << *fault;
}

int indexOf(const std::vector<Task> &tasks, const Task &task) {
  return static_cast<int>(std::ranges::find(tasks, task) - tasks.begin());
}

/// The table of two stages and two micro-batches under 1F1B, for faults that are spelt out.
Case small() {
  Case c{Kind::oneForwardOneBackward, pipelineFor(Kind::oneForwardOneBackward, 2, 2), {}, {2, 1}};
  c.table = makeTable(c.kind, c.pipeline);
  return c;
}
} // namespace

TEST(BrokenTable, soundOnesPass) {
  Draw draw(1);
  for (int i = 0; i < 1000; ++i) {
    const Case c = draw.sound(1);
    ASSERT_EQ(judge(c), std::nullopt)
        << nameOf(c.kind) << " " << c.pipeline.stages << " " << c.pipeline.microbatches;
  }
}

TEST(BrokenTable, aTaskIsMissing) {
  Draw draw(2);
  for (int i = 0; i < 20; ++i) {
    Case c = draw.sound();
    std::vector<Task> &tasks = c.table[draw.below(c.pipeline.stages)];
    tasks.erase(tasks.begin() + draw.below(static_cast<int>(tasks.size())));
    expectFault(c, "never does");
  }
}

TEST(BrokenTable, aTaskIsDoneTwice) {
  Draw draw(3);
  for (int i = 0; i < 20; ++i) {
    Case c = draw.sound();
    std::vector<Task> &tasks = c.table[draw.below(c.pipeline.stages)];
    tasks.push_back(tasks[draw.below(static_cast<int>(tasks.size()))]);
    expectFault(c, "twice");
  }
}

TEST(BrokenTable, aTaskIsOnAnotherStage) {
  Draw draw(4);
  for (int i = 0; i < 20; ++i) {
    Case c = draw.sound();
    const int from = draw.below(c.pipeline.stages), to = (from + 1) % c.pipeline.stages;
    c.table[to].push_back(c.table[from].back());
    c.table[from].pop_back();
    expectFault(c, "whose chunk is on stage");
  }
}

TEST(BrokenTable, aForwardComesTooEarlyForTheMemory) {
  Draw draw(5);
  for (int broken = 0; broken < 20;) {
    Case c = draw.sound();
    std::vector<Task> &tasks = c.table[0];
    int held = 0, full = -1;
    for (int i = 0; full < 0 && i < static_cast<int>(tasks.size()); ++i)
      if ((held += (tasks[i].pass == Pass::forward) - (tasks[i].pass == c.pipeline.lastPass())) ==
          c.limits[0])
        full = i;
    const auto more = std::find_if(tasks.begin() + full + 1, tasks.end(),
                                   [](const Task &task) { return task.pass == Pass::forward; });
    if (more == tasks.end())
      continue; // it never holds less than all
    std::rotate(tasks.begin() + full + 1, more, more + 1);
    expectFault(c, "is its limit");
    ++broken;
  }
}

TEST(BrokenTable, aBackwardComesBeforeItsForward) {
  Draw draw(6);
  for (int i = 0; i < 20; ++i) {
    Case c = draw.sound();
    const int chunk = draw.below(c.pipeline.chunks()), microbatch = draw.below(c.pipeline.microbatches);
    std::vector<Task> &tasks = c.table[c.pipeline.stageOf(chunk)];
    const int backward = indexOf(tasks, {Pass::backward, chunk, microbatch});
    const int forward = indexOf(tasks, {Pass::forward, chunk, microbatch});
    std::rotate(tasks.begin() + forward, tasks.begin() + backward, tasks.begin() + backward + 1);
    ASSERT_TRUE(judge(c).has_value());
  }
}

// Gradients of weights wait for nothing but their own stage's backward, and nobody waits for them: no message
// would tell.
TEST(BrokenTable, aGradientOfWeightsComesBeforeItsBackward) {
  Draw draw(8);
  for (int broken = 0; broken < 20;) {
    Case c = draw.sound();
    if (!c.pipeline.splitsBackward)
      continue;
    c.limits = {};
    const int chunk = draw.below(c.pipeline.chunks()), microbatch = draw.below(c.pipeline.microbatches);
    std::vector<Task> &tasks = c.table[c.pipeline.stageOf(chunk)];
    std::swap(tasks[indexOf(tasks, {Pass::backward, chunk, microbatch})],
              tasks[indexOf(tasks, {Pass::backwardWeight, chunk, microbatch})]);
    ASSERT_TRUE(judge(c).has_value());
    ++broken;
  }
}

TEST(BrokenTable, messagesCrossEachOther) {
  Draw draw(7);
  for (int i = 0; i < 20; ++i) {
    Case c = draw.sound();
    const int chunk = 1 + draw.below(c.pipeline.chunks() - 1),
              microbatch = draw.below(c.pipeline.microbatches - 1);
    if (c.pipeline.stageOf(chunk) == c.pipeline.stageOf(chunk - 1))
      continue; // nothing is sent
    std::vector<Task> &tasks = c.table[c.pipeline.stageOf(chunk)];
    std::swap(tasks[indexOf(tasks, {Pass::forward, chunk, microbatch})],
              tasks[indexOf(tasks, {Pass::forward, chunk, microbatch + 1})]);
    expectFault(c, "wants them the other way");
  }
}

TEST(BrokenTable, theReasonIsSpeltOut) {
  Case c = small(); // F0 F1 B0 B1 and F0 B0 F1 B1
  c.table[0] = {{Pass::forward, 0, 0}, {Pass::backward, 0, 0}, {Pass::forward, 0, 1}, {Pass::backward, 0, 1}};
  c.table[1] = {{Pass::forward, 1, 0}, {Pass::forward, 1, 1}, {Pass::backward, 1, 0}, {Pass::backward, 1, 1}};
  c.limits = {};
  EXPECT_EQ(judge(c),
            "nobody can go on: stage 0 waits before B0 for B0 of stage 1; stage 1 waits before F1 for F1 of "
            "stage 0");
  c = small();
  c.table[1][0].chunk = 7;
  EXPECT_EQ(judge(c),
            "stage 1 does 7:F0, which is no task of 2 chunks and 2 micro-batches whose backward is one task");
  c = small();
  c.table[0].pop_back();
  EXPECT_EQ(judge(c), "stage 0 never does B1");
  c = {Kind::zeroBubbleH1, pipelineFor(Kind::zeroBubbleH1, 1, 1), {}, {}};
  c.table = {{{Pass::forward, 0, 0}, {Pass::backward, 0, 0}}};
  EXPECT_EQ(judge(c), "stage 0 never does W0");
  c.table = {{{Pass::forward, 0, 0}, {Pass::backwardWeight, 0, 0}, {Pass::backward, 0, 0}}};
  EXPECT_EQ(judge(c), "nobody can go on: stage 0 waits before W0 for B0 of stage 0");
  c = small();
  c.limits = {1, 1};
  EXPECT_EQ(judge(c), "stage 0 holds 2 micro-batches when it does F1, 1 is its limit");
}

// Both first send, then receive: with no buffer between them neither send ends.
TEST(BrokenTable, whatOnlyABufferedTransportBears) {
  const Pipeline interleaved = pipelineFor(Kind::interleaved, 2, 4, 2);
  const Table table = makeTable(Kind::interleaved, interleaved);
  EXPECT_EQ(faultOf(interleaved, table, Transport::buffered), std::nullopt);
  EXPECT_EQ(faultOf(interleaved, table, Transport::blocking),
            "nobody can go on: stage 0 waits before 0:F3 for 1:B0 of stage 1; stage 1 waits before 1:F2 for "
            "2:B1 of "
            "stage 0");
}
