//===- Pipeline.h - stages, chunks, micro-batches and the order of their tasks ===//
//
// The model is cut into chunks, numbered as data flows; a stage holds one or several. A micro-batch goes
// forward through all chunks and then back. What a stage does when is a table: for each stage, its tasks in
// order.
//
//   loop, two chunks a stage     vee                         chunk -> stage
//   stage 0 | 0   4              stage 0 | 0   7
//   stage 1 | 1   5              stage 1 | 1   6
//   stage 2 | 2   6              stage 2 | 2   5
//   stage 3 | 3   7              stage 3 | 3   4
//
// Plain C++: no IR. Schedules.h makes tables, CheckTable.h judges any table and shares no code with it.
//
//===----------------------------------------------------------------------===//
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace shardc::pipeline {

/// `backward` is all of it, unless the pipeline splits it: then it is the gradient of the input, and
/// `backwardWeight` that of the weights, which nobody waits for.
enum class Pass : uint8_t { forward, backward, backwardWeight };

/// Of all passes, in their order.
inline constexpr std::string_view passNames[] = {"forward", "backward", "backward_weight"};

struct Task {
  Pass pass = Pass::forward;
  int chunk = 0, microbatch = 0;
  auto operator<=>(const Task &) const = default;
};

/// `F3`, `B3`, `W3`; with the chunk in front where a stage has several: `5:F3`.
std::string toString(const Task &task, bool withChunk = false);

enum class Placement : uint8_t { loop, vee };

/// In a step: a stage's program has each of its tasks in it.
inline constexpr int64_t mostMicrobatches = 4096;

struct Pipeline {
  int stages = 1, chunksPerStage = 1, microbatches = 1;
  Placement placement = Placement::loop;
  bool splitsBackward = false;

  int chunks() const { return stages * chunksPerStage; }
  int stageOf(int chunk) const;
  /// The pass after which nothing of a chunk's forward is needed any more.
  Pass lastPass() const { return splitsBackward ? Pass::backwardWeight : Pass::backward; }
  /// The task whose result `task` takes, if it takes one: of its own chunk or of a neighbour.
  std::optional<Task> producer(const Task &task) const;
};

/// For each stage its tasks, in order.
using Table = std::vector<std::vector<Task>>;

} // namespace shardc::pipeline
