//===- Trace.h - when a rank began and ended its tasks, and waited ----------===//
//
// Off unless --trace asks for it: then a rank notes each step, each task of its stage in it, and each time
// that it had to wait for another rank. Nothing is written before the run ends.
//
//   step 3   |--------------------------------------------------|
//   tasks    |--F0--|--F1--|-----B0-----|--F2--| ... |--update--|
//   waits                   |--|                        a message, or the other ranks of a group
//
// The file is in Chrome's trace format, an event a line: ui.perfetto.dev and chrome://tracing draw it, and
// `shardc trace` measures the bubble. A process is a stage, a thread a rank; times are microseconds.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "runtime/comm/Sync.h"
#include "runtime/core/Context.h"
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace rt {

struct Operation;

class Trace final : public TaskListener, public Waits {
public:
  enum class Kind : std::uint8_t { step, task, message, meeting };
  struct Span {
    std::int64_t begin, end; // nanoseconds, as `now` has them
    std::int32_t step;
    std::int32_t operation; // of a wait: what waited, of Program::operations
    Kind kind;
    Task task; // of a task
  };

  /// Of the first `steps` steps.
  Trace(const Context &context, std::int64_t steps) : context(context), steps(steps), origin(now()) {}

  void beginStep(std::int64_t step);
  void endStep();
  void begin(const Task &task) override;
  void waited(Wait kind, std::int64_t begin, std::int64_t end) override;

  const std::vector<Span> &spans() const { return noted; }
  /// When the trace began. Ranks of other machines have clocks of their own: theirs begin together.
  std::int64_t start() const { return origin; }

private:
  void endTask(std::int64_t time);

  const Context &context;
  std::int64_t steps, origin;
  std::int64_t stepBegan = 0, taskBegan = 0;
  std::int32_t step = -1; // at hand; -1: none that is noted
  bool inTask = false;
  Task task;
  std::vector<Span> noted;
};

/// What one rank has noted, in nanoseconds since the trace began.
struct RankTrace {
  int rank, stage;
  std::vector<Trace::Span> spans;
};

/// Throws Error when the file cannot be written.
void writeTrace(const std::string &path, std::span<const RankTrace> ranks,
                std::span<const Operation> operations);

} // namespace rt
