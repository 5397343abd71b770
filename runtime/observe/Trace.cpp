//===- Trace.cpp - when a rank began and ended its tasks, and waited --------===//
#include "runtime/observe/Trace.h"
#include "runtime/core/Error.h"
#include "runtime/core/Program.h"
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <map>
#include <set>

namespace rt {

//===-- noting -------------------------------------------------------------===//

void Trace::beginStep(std::int64_t number) {
  if (number >= steps)
    return;
  step = static_cast<std::int32_t>(number);
  stepBegan = now();
}

void Trace::endStep() {
  if (step < 0)
    return;
  const std::int64_t time = now();
  endTask(time);
  noted.push_back({stepBegan, time, step, 0, Kind::step, {}});
  step = -1;
}

void Trace::begin(const Task &next) {
  if (step < 0)
    return;
  const std::int64_t time = now();
  endTask(time);
  taskBegan = time;
  task = next;
  inTask = true;
}

void Trace::endTask(std::int64_t time) {
  if (inTask)
    noted.push_back({taskBegan, time, step, 0, Kind::task, task});
  inTask = false;
}

void Trace::waited(Wait kind, std::int64_t begin, std::int64_t end) {
  if (step >= 0)
    noted.push_back(
        {begin, end, step, *context.operation, kind == Wait::message ? Kind::message : Kind::meeting, {}});
}

//===-- the file -----------------------------------------------------------===//

namespace {

std::string inQuotes(const std::string &text) {
  std::string result = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\')
      result += '\\';
    result += static_cast<unsigned char>(c) < ' ' ? ' ' : c;
  }
  return result + '"';
}

/// F3, B3, W3; with the chunk in front where a stage has several: 5:F3.
std::string nameOf(const Task &task, bool withChunk) {
  if (task.pass == Pass::update)
    return "update";
  constexpr char letters[] = {'F', 'B', 'W'};
  return (withChunk ? std::to_string(task.chunk) + ":" : "") + letters[static_cast<int>(task.pass)] +
         std::to_string(task.microbatch);
}

class Writer {
public:
  Writer(std::FILE *file, std::span<const Operation> operations) : file(file) {
    for (const Operation &operation : operations)
      known[operation.id] = &operation;
  }

  void write(std::span<const RankTrace> ranks) {
    std::fputs("{\"displayTimeUnit\": \"ms\", \"traceEvents\": [", file);
    std::set<int> stages;
    for (const RankTrace &rank : ranks) {
      if (stages.insert(rank.stage).second)
        meta("process_name", rank, "stage " + std::to_string(rank.stage));
      meta("thread_name", rank, "rank " + std::to_string(rank.rank));
    }
    for (const RankTrace &rank : ranks) {
      std::set<int> chunks;
      for (const Trace::Span &span : rank.spans)
        if (span.kind == Trace::Kind::task && span.task.pass != Pass::update)
          chunks.insert(span.task.chunk);
      for (const Trace::Span &span : rank.spans)
        write(rank, span, chunks.size() > 1);
    }
    std::fputs("\n]}\n", file);
  }

private:
  void separate() {
    std::fputs(isFirst ? "\n" : ",\n", file);
    isFirst = false;
  }

  void meta(const char *what, const RankTrace &rank, const std::string &name) {
    separate();
    std::fprintf(file, R"({"ph": "M", "name": "%s", "pid": %d, "tid": %d, "args": {"name": "%s"}})", what,
                 rank.stage, rank.rank, name.c_str());
  }

  void write(const RankTrace &rank, const Trace::Span &span, bool withChunk) {
    constexpr const char *categories[] = {"step", "task", "message", "meeting"};
    constexpr const char *passes[] = {"forward", "backward", "backward_weight", "update"};
    std::string name, more;
    switch (span.kind) {
    case Trace::Kind::step:
      name = "step " + std::to_string(span.step + 1);
      break;
    case Trace::Kind::task:
      name = nameOf(span.task, withChunk);
      more = std::string(R"(, "pass": ")") + passes[static_cast<int>(span.task.pass)] + '"';
      if (span.task.pass != Pass::update)
        more += R"(, "microbatch": )" + std::to_string(span.task.microbatch) + R"(, "chunk": )" +
                std::to_string(span.task.chunk);
      break;
    default:
      const auto found = known.find(span.operation);
      name = found == known.end() ? "wait" : found->second->name;
      if (found != known.end() && found->second->place)
        more = R"(, "place": )" + inQuotes(found->second->place);
    }
    separate();
    std::fprintf(file,
                 R"({"ph": "X", "cat": "%s", "name": %s, "pid": %d, "tid": %d, "ts": %.3f, "dur": %.3f, )"
                 R"("args": {"step": %d%s}})",
                 categories[static_cast<int>(span.kind)], inQuotes(name).c_str(), rank.stage, rank.rank,
                 static_cast<double>(span.begin) / 1000, static_cast<double>(span.end - span.begin) / 1000,
                 span.step + 1, more.c_str());
  }

  std::FILE *file;
  std::map<std::int32_t, const Operation *> known;
  bool isFirst = true;
};

} // namespace

void writeTrace(const std::string &path, std::span<const RankTrace> ranks,
                std::span<const Operation> operations) {
  std::FILE *file = std::fopen(path.c_str(), "w");
  if (!file)
    throw Error(path + ": cannot be written: " + std::strerror(errno));
  Writer(file, operations).write(ranks);
  const bool isWhole = !std::ferror(file);
  if (std::fclose(file) != 0 || !isWhole)
    throw Error(path + ": cannot be written: " + std::strerror(errno));
}

} // namespace rt
