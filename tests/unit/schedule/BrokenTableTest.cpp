//===- BrokenTableTest.cpp - the judge of tables refuses what is unsound ---===//

#include "compiler/schedule/ReadTable.h"
#include "compiler/schedule/Schedules.h"

#include <gtest/gtest.h>

#include <iterator>
#include <random>
#include <set>
#include <sstream>

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

/// A thousand pipelines, schedules and limits, none twice: sound, but for a limit that is one too low.
TEST(BrokenTable, soundOnesPass) {
  Draw draw(1);
  std::set<std::tuple<Kind, int, int, int>> seen;
  while (seen.size() < 1000) {
    Case c = draw.sound(1);
    if (!seen.insert({c.kind, c.pipeline.stages, c.pipeline.microbatches, c.pipeline.chunksPerStage}).second)
      continue;
    SCOPED_TRACE(testing::Message() << nameOf(c.kind) << " " << c.pipeline.stages << " "
                                    << c.pipeline.microbatches);
    ASSERT_EQ(judge(c), std::nullopt);
    const int stage = draw.below(c.pipeline.stages);
    ASSERT_EQ(peakHeld(c.pipeline, c.table)[stage], c.limits[stage]);
    --c.limits[stage];
    expectFault(c, "is its limit");
  }
  EXPECT_EQ(seen.size(), 1000u);
}

namespace {
/// Breaks a sound table and says how the fault must be told; nothing where the table can't be broken so.
struct Corruption {
  const char *name;
  std::optional<std::string> (*apply)(Draw &draw, Case &c);
};

std::vector<Task> &anyStage(Draw &draw, Case &c) {
  return c.table[draw.below(c.pipeline.stages)];
}
Task &anyTask(Draw &draw, std::vector<Task> &tasks) {
  return tasks[draw.below(static_cast<int>(tasks.size()))];
}

std::optional<std::string> loseTask(Draw &draw, Case &c) {
  std::vector<Task> &tasks = anyStage(draw, c);
  tasks.erase(tasks.begin() + draw.below(static_cast<int>(tasks.size())));
  return "never does";
}

std::optional<std::string> repeatTask(Draw &draw, Case &c) {
  std::vector<Task> &tasks = anyStage(draw, c);
  tasks.push_back(anyTask(draw, tasks));
  return "twice";
}

std::optional<std::string> moveTask(Draw &draw, Case &c) {
  const int from = draw.below(c.pipeline.stages), to = (from + 1) % c.pipeline.stages;
  c.table[to].push_back(c.table[from].back());
  c.table[from].pop_back();
  return "whose chunk is on stage";
}

std::optional<std::string> inventMicrobatch(Draw &draw, Case &c) {
  anyTask(draw, anyStage(draw, c)).microbatch += c.pipeline.microbatches;
  return "which is no task of";
}

std::optional<std::string> inventChunk(Draw &draw, Case &c) {
  anyTask(draw, anyStage(draw, c)).chunk += c.pipeline.chunks();
  return "which is no task of";
}

std::optional<std::string> addStage(Draw &, Case &c) {
  c.table.emplace_back();
  return "the table has";
}

/// A forward right after the one with which the stage is full.
std::optional<std::string> holdTooMany(Draw &, Case &c) {
  std::vector<Task> &tasks = c.table[0];
  int held = 0, full = -1;
  for (int i = 0; full < 0 && i < static_cast<int>(tasks.size()); ++i)
    if ((held += (tasks[i].pass == Pass::forward) - (tasks[i].pass == c.pipeline.lastPass())) == c.limits[0])
      full = i;
  const auto more = std::find_if(tasks.begin() + full + 1, tasks.end(),
                                 [](const Task &task) { return task.pass == Pass::forward; });
  if (more == tasks.end())
    return std::nullopt; // it never holds less than all
  std::rotate(tasks.begin() + full + 1, more, more + 1);
  return "is its limit";
}

/// The backward of the first micro-batch before its forward: nobody else's order changes.
std::optional<std::string> backwardFirst(Draw &draw, Case &c) {
  const int chunk = draw.below(c.pipeline.chunks());
  std::vector<Task> &tasks = c.table[c.pipeline.stageOf(chunk)];
  const int backward = indexOf(tasks, {Pass::backward, chunk, 0});
  const int forward = indexOf(tasks, {Pass::forward, chunk, 0});
  std::rotate(tasks.begin() + forward, tasks.begin() + backward, tasks.begin() + backward + 1);
  return "nobody can go on";
}

/// A gradient of weights before that of its input.
std::optional<std::string> weightsFirst(Draw &draw, Case &c) {
  if (!c.pipeline.splitsBackward)
    return std::nullopt;
  const int chunk = draw.below(c.pipeline.chunks()), microbatch = draw.below(c.pipeline.microbatches);
  std::vector<Task> &tasks = c.table[c.pipeline.stageOf(chunk)];
  const int weights = indexOf(tasks, {Pass::backwardWeight, chunk, microbatch});
  const int input = indexOf(tasks, {Pass::backward, chunk, microbatch});
  std::rotate(tasks.begin() + input, tasks.begin() + weights, tasks.begin() + weights + 1);
  return "nobody can go on";
}

std::optional<std::string> crossMessages(Draw &draw, Case &c) {
  const int chunk = 1 + draw.below(c.pipeline.chunks() - 1),
            microbatch = draw.below(c.pipeline.microbatches - 1);
  if (c.pipeline.stageOf(chunk) == c.pipeline.stageOf(chunk - 1))
    return std::nullopt; // nothing is sent
  std::vector<Task> &tasks = c.table[c.pipeline.stageOf(chunk)];
  std::swap(tasks[indexOf(tasks, {Pass::forward, chunk, microbatch})],
            tasks[indexOf(tasks, {Pass::forward, chunk, microbatch + 1})]);
  return "wants them the other way";
}

constexpr Corruption corruptions[] = {{"loseTask", loseTask},         {"repeatTask", repeatTask},
                                      {"moveTask", moveTask},         {"inventChunk", inventChunk},
                                      {"holdTooMany", holdTooMany},   {"inventMicrobatch", inventMicrobatch},
                                      {"addStage", addStage},         {"backwardFirst", backwardFirst},
                                      {"weightsFirst", weightsFirst}, {"crossMessages", crossMessages}};
} // namespace

/// A hundred, ten of each kind; each is refused with its reason.
TEST(BrokenTable, corruptedOnesAreRefusedWithTheReason) {
  Draw draw(2);
  int refused = 0;
  for (const Corruption &corruption : corruptions)
    for (int broken = 0; broken < 10;) {
      Case c = draw.sound();
      const std::optional<std::string> reason = corruption.apply(draw, c);
      if (!reason)
        continue;
      ++broken;
      SCOPED_TRACE(corruption.name);
      if (corruption.apply != holdTooMany)
        c.limits.clear(); // so that nothing else is told
      expectFault(c, *reason);
      ++refused;
    }
  EXPECT_EQ(refused, 100);
}

/// What was written is read again, and all that follows from a table with it.
TEST(BrokenTable, tablesAreReadAsTheyAreWritten) {
  Draw draw(3);
  for (int i = 0; i < 200; ++i) {
    const Case c = draw.sound();
    std::vector<std::vector<std::string>> rows;
    for (const std::string &row : toRows(c.pipeline, c.table)) {
      std::istringstream words(row);
      rows.emplace_back(std::istream_iterator<std::string>(words), std::istream_iterator<std::string>());
    }
    auto read = readTable(rows, c.pipeline.stages, c.pipeline.microbatches);
    ASSERT_TRUE(std::holds_alternative<WrittenTable>(read)) << std::get<WrittenFault>(read).at.what;
    const WrittenTable &written = std::get<WrittenTable>(read);
    EXPECT_EQ(written.table, c.table);
    EXPECT_EQ(written.pipeline.chunksPerStage, c.pipeline.chunksPerStage);
    EXPECT_EQ(written.pipeline.placement, c.pipeline.placement);
    EXPECT_EQ(written.pipeline.splitsBackward, c.pipeline.splitsBackward);
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
