//===- ScheduleTest.cpp - schedules against their closed forms -------------===//
//
// Bubbles and memory are those of the papers that Schedules.cpp names, with tasks of length one (a whole
// backward: two).
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/CheckTable.h"
#include "compiler/schedule/DrawTable.h"
#include "compiler/schedule/Schedules.h"
#include "compiler/schedule/Timeline.h"

#include <gtest/gtest.h>

#include <map>

using namespace shardc::pipeline;

namespace {
std::vector<int> limits(Kind kind, const Pipeline &p) {
  std::vector<int> most;
  for (int stage = 0; stage < p.stages; ++stage)
    most.push_back(mostHeld(kind, p, stage));
  return most;
}

/// Every pipeline of up to 16 stages and 64 micro-batches on which the schedule runs.
template <typename Body> void forEach(Kind kind, int chunksPerStage, Body body) {
  int tried = 0;
  for (int stages = 1; stages <= 16; ++stages)
    for (int microbatches = 1; microbatches <= 64; ++microbatches) {
      const Pipeline p = pipelineFor(kind, stages, microbatches, chunksPerStage);
      if (whyNot(kind, p))
        continue;
      SCOPED_TRACE(testing::Message()
                   << nameOf(kind) << ", " << stages << " stages, " << microbatches << " micro-batches");
      const Table table = makeTable(kind, p);
      ASSERT_EQ(faultOf(p, table, Transport::buffered, limits(kind, p)), std::nullopt);
      body(p, table);
      if (testing::Test::HasFailure())
        return;
      ++tried;
    }
  EXPECT_GT(tried, 100);
}
} // namespace

TEST(Schedule, gpipeHoldsEverything) {
  forEach(Kind::gpipe, 1, [](const Pipeline &p, const Table &table) {
    const int s = p.stages, m = p.microbatches;
    EXPECT_EQ(timelineOf(p, table).end, 3 * (m + s - 1));
    EXPECT_NEAR(timelineOf(p, table).bubble(), double(s - 1) / (m + s - 1), 1e-12);
    EXPECT_EQ(peakHeld(p, table), std::vector<int>(s, m));
    EXPECT_EQ(faultOf(p, table, Transport::blocking), std::nullopt);
  });
}

TEST(Schedule, oneForwardOneBackwardHoldsOneForEachStageAhead) {
  forEach(Kind::oneForwardOneBackward, 1, [](const Pipeline &p, const Table &table) {
    const int s = p.stages, m = p.microbatches;
    EXPECT_EQ(timelineOf(p, table).end, 3 * (m + s - 1));
    const std::vector<int> held = peakHeld(p, table);
    for (int stage = 0; stage < s; ++stage)
      EXPECT_EQ(held[stage], std::min(m, s - stage));
    EXPECT_EQ(faultOf(p, table, Transport::blocking), std::nullopt);
  });
}

TEST(Schedule, interleavedDividesTheBubbleByItsChunks) {
  for (int v : {2, 3, 4})
    forEach(Kind::interleaved, v, [&](const Pipeline &p, const Table &table) {
      const int s = p.stages, m = p.microbatches;
      EXPECT_EQ(timelineOf(p, table).end, 3 * (m * v + s - 1));
      const std::vector<int> held = peakHeld(p, table);
      for (int stage = 0; stage < s; ++stage)
        EXPECT_EQ(held[stage], std::min(m * v, 2 * (s - stage - 1) + (v - 1) * s + 1));
    });
}

TEST(Schedule, zeroBubbleH1TakesAThirdOfTheBubbleAndTheSameMemory) {
  forEach(Kind::zeroBubbleH1, 1, [](const Pipeline &p, const Table &table) {
    const int s = p.stages, m = p.microbatches;
    if (m >= s) {
      EXPECT_EQ(timelineOf(p, table).end, 3 * m + s - 1);
    }
    EXPECT_EQ(peakHeld(p, table), std::vector<int>(s, std::min(m, s)));
    EXPECT_EQ(faultOf(p, table, Transport::blocking), std::nullopt);
  });
}

/// From its first task to its last a stage is never idle: all that is left of the bubble is that stages begin
/// one after the other.
static void expectNoStageIsIdle(const Pipeline &p, const Table &table) {
  const Timeline timeline = timelineOf(p, table);
  const int work = 3 * p.microbatches * p.chunksPerStage;
  EXPECT_EQ(timeline.end, work + p.stages - 1);
}

TEST(Schedule, zeroBubbleTakesTwiceTheMemory) {
  forEach(Kind::zeroBubble, 1, [](const Pipeline &p, const Table &table) {
    const int s = p.stages, m = p.microbatches;
    if (m >= 2 * s - 1) {
      expectNoStageIsIdle(p, table);
      for (const std::vector<Span> &spans : timelineOf(p, table).spans)
        EXPECT_EQ(spans.back().end - spans.front().begin, 3 * m);
    }
    EXPECT_EQ(peakHeld(p, table), std::vector<int>(s, std::min(m, 2 * s - 1)));
  });
}

TEST(Schedule, zeroBubbleVTakesTheMemoryOfOneForwardOneBackward) {
  forEach(Kind::zeroBubbleV, 2, [](const Pipeline &p, const Table &table) {
    const int s = p.stages, m = p.microbatches;
    if (m >= 2 * s) {
      expectNoStageIsIdle(p, table);
    }
    EXPECT_EQ(peakHeld(p, table), std::vector<int>(s, std::min(2 * m, 2 * s))); // of half a stage each
  });
}

TEST(Schedule, gradientsAreAddedInOneOrder) {
  for (std::string_view name : kindNames()) {
    const Kind kind = *kindNamed(name);
    const Pipeline p = pipelineFor(kind, 4, 8, 3);
    for (const std::vector<Task> &tasks : makeTable(kind, p)) {
      std::map<std::pair<Pass, int>, int> next;
      for (const Task &task : tasks)
        EXPECT_EQ(task.microbatch, (next[{task.pass, task.chunk}]++)) << name;
    }
  }
}

TEST(Schedule, longerBackwardsAndTransfersOnlyMoveTasks) {
  const Pipeline p = pipelineFor(Kind::oneForwardOneBackward, 4, 8);
  const Table table = makeTable(Kind::oneForwardOneBackward, p);
  const Timeline timeline =
      timelineOf(p, table, {.forward = 2, .backward = 3, .backwardWeight = 2, .transfer = 0});
  EXPECT_EQ(timeline.end, (8 + 3) * 7);
  const Timeline slow =
      timelineOf(p, table, {.forward = 2, .backward = 3, .backwardWeight = 2, .transfer = 1});
  EXPECT_GT(slow.end, timeline.end);
  EXPECT_EQ(slow.work, timeline.work);
}

TEST(Schedule, saysWhatItNeeds) {
  EXPECT_EQ(whyNot(Kind::interleaved, pipelineFor(Kind::interleaved, 4, 6)),
            "interleaved takes micro-batches in groups of as many as there are stages: 4 stages need 4, 8 or "
            "another "
            "multiple, not 6");
  EXPECT_EQ(whyNot(Kind::interleaved, pipelineFor(Kind::interleaved, 4, 8, 1)),
            "interleaved needs two virtual stages or more; with one it is 1f1b");
}

TEST(Schedule, isDrawn) {
  const Pipeline p = pipelineFor(Kind::zeroBubbleH1, 2, 3);
  EXPECT_EQ(drawText(p, makeTable(Kind::zeroBubbleH1, p), {}), "stage 0   F0 F1 .  B0 W0 F2 B1 W1 B2 W2\n"
                                                               "stage 1   .  F0 B0 F1 B1 W0 F2 B2 W1 W2\n");
  const Pipeline whole = pipelineFor(Kind::gpipe, 2, 2);
  EXPECT_EQ(drawText(whole, makeTable(Kind::gpipe, whole), {}), "stage 0   F0 F1 .  .  .  B0 -  B1 -\n"
                                                                "stage 1   .  F0 F1 B0 -  B1 -  .  .\n");
}
