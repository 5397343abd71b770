//===- ExplainPipeline.cpp - a plan's pipeline, as `shardc explain` shows it ===//

#include "compiler/driver/Explain.h"
#include "compiler/schedule/CheckTable.h"
#include "compiler/schedule/DrawTable.h"

#include "fmt/format.h"
#include <iostream>

using namespace shardc;
using Json = nlohmann::ordered_json;
using pipes::Timetable;

namespace {
/// `embed, h.0-3`
std::string rangesText(const std::vector<std::string> &names) {
  std::vector<std::string> texts;
  for (size_t i = 0; i < names.size(); ++i) {
    auto first = splitIndex(names[i]);
    auto after = [&](size_t other) { return std::pair(first->first, first->second + int64_t(other - i)); };
    size_t last = i;
    while (first && last + 1 < names.size() && splitIndex(names[last + 1]) == after(last + 1))
      ++last;
    texts.push_back(last == i ? names[i] : fmt::format("{}-{}", names[i], after(last).second));
    i = last;
  }
  return fmt::format("{}", fmt::join(texts, ", "));
}

/// 1.2e9 as `1.2 G`.
std::string countText(double count) {
  const char *units[] = {"", " k", " M", " G", " T", " P"};
  int unit = 0;
  for (; count >= 1000 && unit < 5; ++unit)
    count /= 1000;
  return fmt::format("{:.{}f}{}", count, unit == 0 ? 0 : 1, units[unit]);
}

double bubbleOf(const Timetable &timetable) {
  return pipeline::timelineOf(timetable.shape, timetable.table, timetable.costs()).bubble();
}

/// `1f1b on 2 stages along pp, 4 micro-batches`
std::string titleOf(const Timetable &t) {
  return fmt::format("{} on {} stages{} along {}, {} micro-batches",
                     t.schedule == "table" ? "a table of the plan's own" : t.schedule, t.shape.stages,
                     t.shape.chunksPerStage > 1 ? fmt::format(" of {} parts", t.shape.chunksPerStage) : "",
                     t.axis, t.shape.microbatches);
}
} // namespace

std::string shardc::holdsText(const Timetable &timetable, int stage) {
  const pipeline::Pipeline &p = timetable.shape;
  std::vector<std::string> texts;
  for (int chunk = 0; chunk < p.chunks(); ++chunk)
    if (p.stageOf(chunk) == stage) {
      const std::string text = rangesText(timetable.parts[chunk].holds);
      texts.push_back(p.chunksPerStage > 1 ? fmt::format("{}: {}", chunk, text) : text);
    }
  return fmt::format("{}", fmt::join(texts, "; "));
}

void shardc::printPipeline(const Explanation &e) {
  const Timetable &t = *e.timetable;
  fmt::print("\npipeline: {} of {} sequences; predicted bubble {:.1f} %\n", titleOf(t),
             withCommas(e.microbatchSize), 100 * bubbleOf(t));
  double longest = 0;
  for (int stage = 0; stage < t.shape.stages; ++stage)
    longest = std::max(longest, t.loadOf(stage).time);
  const std::vector<int> held = pipeline::peakHeld(t.shape, t.table);
  std::vector<std::vector<std::string>> rows = {
      {"stage", "holds", "FLOPs", "moves", "load", "in flight", "memory", "sends"}};
  for (int stage = 0; stage < t.shape.stages; ++stage) {
    const Load load = t.loadOf(stage);
    double sent = 0;
    for (const Movement &message : e.programs[stage].messages)
      sent += message.bytes;
    rows.push_back({std::to_string(stage), holdsText(t, stage), countText(load.flops), bytesText(load.bytes),
                    fmt::format("{:.0f} %", longest > 0 ? 100 * load.time / longest : 100),
                    std::to_string(held[stage]),
                    bytesText(static_cast<double>(e.programs[stage].memory.arenaBytes)), bytesText(sent)});
  }
  fmt::print("{}", table(rows, 2));
  fmt::print("  FLOPs and bytes moved: of a step, on all ranks of the stage. load: their time, beside the "
             "longest stage's;\n  in flight: micro-batches{} held at once. memory and bytes sent to other "
             "stages in a step: of a rank\n",
             t.shape.chunksPerStage > 1 ? " of a part" : "");
}

void shardc::printMessages(const ProgramReport &program) {
  fmt::print("\nmessages of a step\n");
  if (program.messages.empty())
    fmt::print("  none\n");
  std::vector<std::vector<std::string>> rows = {{"to", "tensors", "ahead", "sent by a rank"}};
  for (const Movement &m : program.messages)
    rows.push_back(
        {fmt::format("stage {}", m.peer), withCommas(m.count), withCommas(m.ahead), bytesText(m.bytes)});
  if (!program.messages.empty())
    fmt::print("{}", table(rows, 1));
}

Json shardc::pipelineJson(const Timetable &t) {
  const pipeline::Pipeline &p = t.shape;
  const pipeline::Costs costs = t.costs();
  const pipeline::Timeline timeline = pipeline::timelineOf(p, t.table, costs);
  const std::vector<int> held = pipeline::peakHeld(p, t.table);
  Json parts = Json::array(), stages = Json::array();
  for (auto [chunk, part] : llvm::enumerate(t.parts)) {
    Json entry = {{"stage", p.stageOf(static_cast<int>(chunk))}, {"holds", part.holds}};
    for (size_t pass = 0; pass <= static_cast<size_t>(p.lastPass()); ++pass)
      entry[pipeline::passNames[pass]] = {{"flops", part.loads[pass].flops},
                                          {"bytes", part.loads[pass].bytes},
                                          {"time", part.loads[pass].time}};
    parts.push_back(std::move(entry));
  }
  for (int stage = 0; stage < p.stages; ++stage) {
    Json tasks = Json::array();
    for (auto [task, span] : llvm::zip(t.table[stage], timeline.spans[stage]))
      tasks.push_back({{"task", pipeline::toString(task, p.chunksPerStage > 1)},
                       {"begin", span.begin},
                       {"end", span.end}});
    const Load load = t.loadOf(stage);
    stages.push_back({{"flops", load.flops},
                      {"bytes", load.bytes},
                      {"time", load.time},
                      {"most_held", held[stage]},
                      {"tasks", tasks}});
  }
  return {{"axis", t.axis},
          {"schedule", t.schedule},
          {"microbatches", p.microbatches},
          {"bubble", timeline.bubble()},
          {"time", timeline.end},
          {"parts", parts},
          {"timetable", stages}};
}

static void printTimetable(const Timetable &t, const pipeline::Costs &costs) {
  const pipeline::Pipeline &p = t.shape;
  const pipeline::Timeline timeline = pipeline::timelineOf(p, t.table, costs);
  const double column = pipeline::columnOf(p, costs);
  fmt::print("{}; a column is {}FLOP\n", titleOf(t), countText(column));
  std::vector<std::vector<std::string>> rows = {{"part", "stage", "holds", "forward", "backward"}};
  if (p.splitsBackward)
    rows[0].push_back("of weights");
  for (int chunk = 0; chunk < p.chunks(); ++chunk) {
    std::vector<std::string> &row = rows.emplace_back(std::vector{
        std::to_string(chunk), std::to_string(p.stageOf(chunk)), rangesText(t.parts[chunk].holds)});
    for (int pass = 0; pass <= static_cast<int>(p.lastPass()); ++pass)
      row.push_back(
          fmt::format("{:.2f}", costs.of(p, {static_cast<pipeline::Pass>(pass), chunk, 0}) / column));
  }
  fmt::print("{}\n{}", table(rows, 3), pipeline::drawText(p, t.table, costs));
  fmt::print("bubble {:.1f} %: idle until the last task has ended, {:.2f} columns\n", 100 * timeline.bubble(),
             timeline.end / column);
  fmt::print("held at most: {} micro-batches{}, by stage\n", fmt::join(pipeline::peakHeld(p, t.table), ", "),
             p.chunksPerStage > 1 ? " of a part" : "");
}

int shardc::explainScheduleCommand(const JobOptions &options, const std::string &svg) {
  auto compiled = compileJob(options, Stage::Pipe);
  if (!compiled)
    return 1;
  std::optional<Timetable> timetable = Timetable::of(*compiled->module);
  if (!timetable) {
    fmt::print(stderr,
               "{}: error: the plan has no pipeline, so there is no timetable to draw\n{}: note: "
               "'pipeline: {{axis: pp}}' makes one\n",
               options.path, options.path);
    return 1;
  }
  const pipeline::Costs costs = timetable->costs();
  if (options.json) {
    fmt::print(
        "{}\n",
        Json({{"identity", identityLine(compiled->job)}, {"pipeline", pipelineJson(*timetable)}}).dump(2));
  } else {
    fmt::print("{}\n", identityLine(compiled->job));
    printTimetable(*timetable, costs);
  }
  return svg.empty() || writeText(svg, pipeline::drawSvg(timetable->shape, timetable->table, costs)) ? 0 : 1;
}
