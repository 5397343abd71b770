//===- TraceCommand.cpp - shardc trace ---------------------------------------===//
//
// Reads what `--trace FILE` of a trainer has written (runtime/observe/Trace.h).
//
//===----------------------------------------------------------------------===//

#include "compiler/driver/Commands.h"
#include "compiler/schedule/Measured.h"

#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"
#include <fmt/format.h>
#include <iostream>

using namespace shardc;
using namespace shardc::pipeline;
namespace json = llvm::json;

static int fail(const std::string &path, const std::string &what) {
  std::cerr << "error: " << path << ": " << what << "\n";
  return 1;
}

namespace {
/// An event of the file, in seconds.
struct Event {
  int rank = 0, stage = 0;
  int64_t step = 0;
  double begin = 0, end = 0;
};
} // namespace

static std::optional<Event> eventOf(const json::Object &object) {
  const json::Object *arguments = object.getObject("args");
  auto rank = object.getInteger("tid"), stage = object.getInteger("pid");
  auto begin = object.getNumber("ts"), length = object.getNumber("dur");
  auto step = arguments ? arguments->getInteger("step") : std::nullopt;
  if (!rank || !stage || !begin || !length || !step)
    return {};
  return Event{static_cast<int>(*rank), static_cast<int>(*stage), *step, *begin / 1e6,
               (*begin + *length) / 1e6};
}

/// Nothing for what is no task of a micro-batch.
static std::optional<Task> taskOf(const json::Object &arguments) {
  auto pass = arguments.getString("pass");
  auto microbatch = arguments.getInteger("microbatch"), chunk = arguments.getInteger("chunk");
  for (int i = 0; i < 3; ++i)
    if (pass && microbatch && chunk && *pass == llvm::StringRef(passNames[i]))
      return Task{static_cast<Pass>(i), static_cast<int>(*chunk), static_cast<int>(*microbatch)};
  return {};
}

/// The tasks in the file, and how long each waited for messages. False at what is no trace.
static bool readTasks(const json::Value &value, std::vector<TracedTask> &tasks) {
  const json::Object *root = value.getAsObject();
  const json::Array *events = root ? root->getArray("traceEvents") : nullptr;
  if (!events)
    return false;
  std::vector<Event> waits;
  for (const json::Value &one : *events) {
    const json::Object *object = one.getAsObject();
    auto category = object ? object->getString("cat") : std::nullopt;
    if (!category)
      continue;
    std::optional<Event> event = eventOf(*object);
    if (!event)
      return false;
    if (*category == "message")
      waits.push_back(*event);
    if (*category != "task")
      continue;
    if (std::optional<Task> task = taskOf(*object->getObject("args")))
      tasks.push_back({event->rank, event->stage, event->step, *task, event->begin, event->end});
  }
  auto inOrder = [](const auto &a, const auto &b) {
    return std::tie(a.rank, a.begin) < std::tie(b.rank, b.begin);
  };
  std::ranges::sort(tasks, inOrder);
  std::ranges::sort(waits, inOrder);
  // The last task that began before the wait; what was waited for behind all tasks is none's.
  for (const Event &wait : waits) {
    auto behind =
        std::ranges::upper_bound(tasks, std::pair(wait.rank, wait.begin), {},
                                 [](const TracedTask &task) { return std::pair(task.rank, task.begin); });
    if (behind == tasks.begin())
      continue;
    TracedTask &task = *std::prev(behind);
    if (task.rank == wait.rank && wait.begin < task.end)
      task.waited += wait.end - wait.begin;
  }
  return true;
}

static json::Object jsonOf(const Measured &m, const std::string &schedule) {
  json::Array lengths;
  for (const auto &[key, seconds] : m.length)
    lengths.push_back(json::Object{{"pass", llvm::StringRef(passNames[static_cast<int>(key.first)])},
                                   {"chunk", key.second},
                                   {"seconds", seconds}});
  return json::Object{{"schedule", schedule},
                      {"stages", m.pipeline.stages},
                      {"chunks_per_stage", m.pipeline.chunksPerStage},
                      {"microbatches", m.pipeline.microbatches},
                      {"steps", m.steps},
                      {"seconds", m.seconds},
                      {"bubble", m.bubble},
                      {"predicted_bubble", m.predicted},
                      {"tasks", std::move(lengths)}};
}

static std::string milliseconds(double seconds) {
  return fmt::format("{:.2f} ms", 1000 * seconds);
}

static void print(const Measured &m, const std::string &schedule, int64_t first) {
  const pipeline::Pipeline &p = m.pipeline;
  fmt::print("{} stages{}, {} micro-batches, {}; {} steps from step {} on\n", p.stages,
             p.chunksPerStage > 1 ? fmt::format(" of {} chunks", p.chunksPerStage) : "", p.microbatches,
             schedule.empty() ? "in an order of their own" : "in the order of " + schedule, m.steps, first);
  std::vector<std::vector<std::string>> rows = {{"stage", "forward", "backward"}};
  if (p.splitsBackward)
    rows[0].push_back("of weights");
  rows[0].push_back("waits for messages");
  for (int stage = 0; stage < p.stages; ++stage) {
    std::vector<std::string> &row = rows.emplace_back(std::vector<std::string>{std::to_string(stage)});
    for (Pass pass : {Pass::forward, Pass::backward, Pass::backwardWeight}) {
      if (pass == Pass::backwardWeight && !p.splitsBackward)
        continue;
      std::string text;
      for (const auto &[key, seconds] : m.length)
        if (key.first == pass && p.stageOf(key.second) == stage)
          text += (text.empty() ? "" : ", ") + milliseconds(seconds);
      row.push_back(text);
    }
    row.push_back(milliseconds(m.waited[stage]));
  }
  fmt::print("{}", table(rows, 1));
  fmt::print("all micro-batches of a step take {}\n", milliseconds(m.seconds));
  fmt::print("bubble: measured {:.1f} %, predicted {:.1f} %\n", 100 * m.bubble, 100 * m.predicted);
}

int shardc::traceCommand(const TraceOptions &options) {
  auto file = llvm::MemoryBuffer::getFile(options.path);
  if (!file)
    return fail(options.path, file.getError().message());
  llvm::Expected<json::Value> value = json::parse((*file)->getBuffer());
  std::vector<TracedTask> tasks;
  const bool isTrace = value && readTasks(*value, tasks);
  if (!value)
    llvm::consumeError(value.takeError());
  if (!isTrace)
    return fail(options.path, "is no trace: a trainer writes one with --trace FILE");
  std::variant<Measured, std::string> result = measure(tasks, options.first);
  if (const auto *why = std::get_if<std::string>(&result))
    return fail(options.path, *why);
  const Measured &measured = std::get<Measured>(result);
  const std::string schedule = scheduleOf(measured.pipeline, measured.table);
  if (options.json)
    llvm::outs() << llvm::formatv("{0:2}\n", json::Value(jsonOf(measured, schedule)));
  else
    print(measured, schedule, options.first);
  return 0;
}
