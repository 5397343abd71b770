//===- MeasuredTest.cpp - the bubble of a run, from its tasks -----------------===//

#include "compiler/schedule/Measured.h"
#include "compiler/schedule/Schedules.h"

#include <gtest/gtest.h>

using namespace shardc::pipeline;

namespace {
/// A run by the book: each task of a stage begins when the one before ends and waits for its inputs first. In
/// each step all is `stretch` times as long as in the first.
std::vector<TracedTask> runOf(const Pipeline &p, const Table &table, const Costs &costs, int steps,
                              double stretch = 1) {
  const Timeline timeline = timelineOf(p, table, costs);
  std::vector<TracedTask> tasks;
  double scale = 1, start = 5;
  for (int step = 1; step <= steps; ++step, start += scale * timeline.end + 1, scale *= stretch)
    for (int stage = 0; stage < p.stages; ++stage) {
      double freeAt = 0;
      for (size_t i = 0; i < table[stage].size(); ++i) {
        const Span &span = timeline.spans[stage][i];
        tasks.push_back({.rank = stage,
                         .stage = stage,
                         .step = step,
                         .task = table[stage][i],
                         .begin = start + scale * freeAt,
                         .end = start + scale * span.end,
                         .waited = scale * (span.begin - freeAt)});
        freeAt = span.end;
      }
    }
  return tasks;
}

Measured measured(const std::vector<TracedTask> &tasks, int64_t first = 1) {
  auto result = measure(tasks, first);
  EXPECT_TRUE(std::holds_alternative<Measured>(result)) << std::get<std::string>(result);
  return std::get<Measured>(result);
}

std::string refusal(const std::vector<TracedTask> &tasks, int64_t first = 1) {
  auto result = measure(tasks, first);
  EXPECT_TRUE(std::holds_alternative<std::string>(result));
  return std::get<std::string>(result);
}
} // namespace

TEST(Measured, isWhatTheTimetableSays) {
  for (std::string_view name : kindNames()) {
    const Kind kind = *kindNamed(name);
    const Pipeline p = pipelineFor(kind, 4, 8, 2);
    const Table table = makeTable(kind, p);
    Costs costs;
    for (int chunk = 0; chunk < p.chunks(); ++chunk)
      costs.chunks.push_back({1.0 + chunk % 3, 2.0 + chunk % 3, 3.0 + chunk % 2});
    const Measured m = measured(runOf(p, table, costs, 3));
    const Timeline timeline = timelineOf(p, table, costs);
    EXPECT_NEAR(m.bubble, timeline.bubble(), 1e-12) << name;
    EXPECT_NEAR(m.predicted, timeline.bubble(), 1e-12) << name;
    EXPECT_NEAR(m.seconds, timeline.end, 1e-12) << name;
    EXPECT_EQ(m.table, table) << name;
    EXPECT_EQ(scheduleOf(m.pipeline, m.table), name);
    EXPECT_EQ(m.steps, 3);
    for (const auto &[key, length] : m.length)
      EXPECT_NEAR(length, costs.of(p, {key.first, key.second, 0}), 1e-12);
  }
}

TEST(Measured, ranksOfAStageCountAlike) {
  const Pipeline p = pipelineFor(Kind::oneForwardOneBackward, 2, 4);
  const Table table = makeTable(Kind::oneForwardOneBackward, p);
  const std::vector<TracedTask> one = runOf(p, table, {}, 2);
  std::vector<TracedTask> two = one;
  for (TracedTask task : one) {
    task.rank += 2;
    two.push_back(task);
  }
  EXPECT_NEAR(measured(two).bubble, measured(one).bubble, 1e-12);
  EXPECT_NEAR(measured(two).waited[0], measured(one).waited[0], 1e-12);
}

/// What a late task costs is measured; the prediction only knows how long tasks are.
TEST(Measured, aStallIsNoPartOfThePrediction) {
  const Pipeline p = pipelineFor(Kind::oneForwardOneBackward, 2, 4);
  const Table table = makeTable(Kind::oneForwardOneBackward, p);
  std::vector<TracedTask> tasks = runOf(p, table, {}, 1);
  const double predicted = measured(tasks).bubble;
  tasks[table[0].size() - 1].end += 4; // the first stage's last task hears of its message late
  tasks[table[0].size() - 1].waited += 4;
  EXPECT_NEAR(measured(tasks).predicted, predicted, 1e-12);
  EXPECT_GT(measured(tasks).bubble, predicted + 0.1);
}

TEST(Measured, firstStepsAreLeftOut) {
  const Pipeline p = pipelineFor(Kind::gpipe, 2, 2);
  const Table table = makeTable(Kind::gpipe, p);
  const std::vector<TracedTask> tasks = runOf(p, table, {}, 3, 0.5);
  EXPECT_EQ(measured(tasks, 3).steps, 1);
  EXPECT_NEAR(measured(tasks, 3).seconds, timelineOf(p, table, {}).end / 4, 1e-12);
}

TEST(Measured, refusesWhatIsNoRun) {
  const Pipeline p = pipelineFor(Kind::oneForwardOneBackward, 2, 2);
  const Table table = makeTable(Kind::oneForwardOneBackward, p);
  const std::vector<TracedTask> tasks = runOf(p, table, {}, 2);
  EXPECT_EQ(refusal({}), "there is no task of a pipeline in it, of step 1 or later");
  EXPECT_EQ(refusal(tasks, 3), "there is no task of a pipeline in it, of step 3 or later");

  std::vector<TracedTask> broken = tasks;
  broken[0].stage = 1;
  EXPECT_EQ(refusal(broken), "the chunks of its tasks do not lie on stages as a pipeline's do");
  broken = tasks;
  broken[0].task.microbatch = 1; // two tasks are F1, none is F0
  EXPECT_EQ(refusal(broken).substr(0, 8), "step 1: ");
  broken = tasks;
  const auto second = static_cast<std::ptrdiff_t>(tasks.size() / 2); // of step 2
  std::swap(broken[second + 2].task, broken[second + 1].task);       // B0 before F1 on the first stage
  EXPECT_EQ(refusal(broken), "step 2 has another order of tasks than the steps before");
}
