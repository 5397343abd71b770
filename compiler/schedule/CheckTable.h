//===- CheckTable.h - whether a table of tasks is sound ---------------------===//
//
// Judges any table, made or written by hand. Shares no code with what makes tables.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/schedule/Pipeline.h"

namespace shardc::pipeline {

/// How results travel to other stages. Buffered: a sender goes on at once. Blocking: what a stage sends after
/// a task and what it receives for its next one is one exchange, which lasts until both sides have come to
/// it.
enum class Transport : uint8_t { buffered, blocking };

/// What is wrong with a table: the rule that is broken, and the task at fault, a stage and the number of the
/// task there, or -1.
struct Fault {
  enum class Rule : uint8_t { tasks, held, messages, waiting };
  Rule rule = Rule::tasks;
  std::string what;
  int stage = -1, index = -1;
};

/// What is wrong with the table, or nothing:
/// - a task that is missing, done twice, on a stage that has not its chunk, or none of the pipeline;
/// - a stage that holds more micro-batches (begun forward, not through the last pass) than `mostHeld[stage]`,
/// if given;
/// - messages of one chunk that are sent in one order and received in another;
/// - stages that wait for each other in a circle, or a stage for itself.
std::optional<Fault> findFault(const Pipeline &pipeline, const Table &table, Transport transport,
                               const std::vector<int> &mostHeld = {});
/// The same in words alone.
std::optional<std::string> faultOf(const Pipeline &pipeline, const Table &table, Transport transport,
                                   const std::vector<int> &mostHeld = {});

/// For each stage, the most micro-batches of its chunks that it holds at once.
std::vector<int> peakHeld(const Pipeline &pipeline, const Table &table);

} // namespace shardc::pipeline
