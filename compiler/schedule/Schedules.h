//===- Schedules.h - GPipe, 1F1B, interleaved, zero bubble -----------------===//
//
// One generator makes them all. Time goes in steps of one task. A stage that is free takes the first of these
// that may begin:
//
//   1. a forward, if the stage holds fewer micro-batches than its limits say,
//   2. a backward,
//   3. a gradient of weights.
//
// A schedule is then two limits for each stage, and the order in which it takes the forwards and backwards of
// its chunks. Each is a predicate over (stage, what it has begun), with its picture, in Schedules.cpp.
// Backwards and gradients of weights of a chunk go by micro-batch, in every schedule: all of them add up
// gradients in one order.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/schedule/Pipeline.h"

#include <string_view>

namespace shardc::pipeline {

enum class Kind : uint8_t {
  gpipe,
  oneForwardOneBackward,
  interleaved,
  zeroBubbleH1,
  zeroBubble,
  zeroBubbleV
};

/// As in a plan: `gpipe`, `1f1b`, `interleaved`, `zero_bubble_h1`, `zero_bubble`, `zero_bubble_v`.
std::string_view nameOf(Kind kind);
std::optional<Kind> kindNamed(std::string_view name);
std::vector<std::string_view> kindNames();

/// The pipeline that a schedule runs on: how chunks lie, whether backward is split. `chunksPerStage` is that
/// of interleaved; others have their own.
Pipeline pipelineFor(Kind kind, int stages, int microbatches, int chunksPerStage = 2);

/// Why the schedule can't run so, and what would; nothing if it can.
std::optional<std::string> whyNot(Kind kind, const Pipeline &pipeline);

/// The most micro-batches of its chunks that a stage holds at once: begun forward, not yet through the last
/// pass.
int mostHeld(Kind kind, const Pipeline &pipeline, int stage);

/// The table; `whyNot` must have nothing to say.
Table makeTable(Kind kind, const Pipeline &pipeline);

} // namespace shardc::pipeline
