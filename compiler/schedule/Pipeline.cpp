//===- Pipeline.cpp - stages, chunks, micro-batches and the order of their tasks ===//

#include "compiler/schedule/Pipeline.h"

#include <fmt/format.h>

using namespace shardc::pipeline;

std::string shardc::pipeline::toString(const Task &task, bool withChunk) {
  const char letter = "FBW"[static_cast<int>(task.pass)];
  return withChunk ? fmt::format("{}:{}{}", task.chunk, letter, task.microbatch)
                   : fmt::format("{}{}", letter, task.microbatch);
}

int Pipeline::stageOf(int chunk) const {
  const int turn = chunk / stages, place = chunk % stages;
  return placement == Placement::vee && turn % 2 == 1 ? stages - 1 - place : place;
}

std::optional<Task> Pipeline::producer(const Task &task) const {
  switch (task.pass) {
  case Pass::forward:
    if (task.chunk == 0)
      return std::nullopt;
    return Task{Pass::forward, task.chunk - 1, task.microbatch};
  case Pass::backward:
    if (task.chunk == chunks() - 1)
      return Task{Pass::forward, task.chunk, task.microbatch};
    return Task{Pass::backward, task.chunk + 1, task.microbatch};
  case Pass::backwardWeight:
    return Task{Pass::backward, task.chunk, task.microbatch};
  }
  return std::nullopt;
}
