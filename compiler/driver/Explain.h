//===- Explain.h - what `shardc explain` reports ---------------------------===//
//
// The plan as the compiler understood it: rules as they were read, what its pipeline came to, and of each
// program (the one that all ranks run, or each stage's) the parameters' layouts, a rank's memory and what a
// step moves.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/analysis/Bytes.h"
#include "compiler/analysis/Communication.h"
#include "compiler/analysis/Layouts.h"
#include "compiler/analysis/MemoryPeak.h"
#include "compiler/driver/Commands.h"
#include "compiler/driver/MeshNames.h"
#include "compiler/transforms/pipe/Timetable.h"

#include "nlohmann/json.hpp"
#include <map>

namespace shardc {

/// What ranks run: all of them the same, or those of one stage.
struct ProgramReport {
  std::vector<ParameterLayout> parameters;
  MemoryPeak memory;
  std::vector<Movement> step, eval; ///< collectives
  std::vector<Movement> messages;   ///< of a step, to other stages

  std::map<std::string, std::string> paddings; ///< by axis: `257 to 260`
  int64_t globalElements = 0;                  ///< without padding and copies
  int64_t elementsPerRank = 0;
};

struct Explanation {
  std::string identity;
  MeshNames meshNames;
  std::vector<std::string> rules, rulesAtRest;
  int64_t microbatchSize = 0; ///< sequences of all data ranks
  std::optional<pipes::Timetable> timetable;
  std::vector<ProgramReport> programs; ///< by stage, or one

  /// What is needed of a program that is placed; memory and movements come with exec.
  static ProgramReport reportOf(mlir::ModuleOp placed);
};

/// `embed, h.0-3`: of a stage, by parts where it has several.
std::string holdsText(const pipes::Timetable &timetable, int stage);
/// The cut: what each stage holds, computes, and holds back for backward.
void printPipeline(const Explanation &e);
/// How many tensors, and bytes, go to which stage in a step.
void printMessages(const ProgramReport &program);
nlohmann::ordered_json pipelineJson(const pipes::Timetable &timetable);

nlohmann::ordered_json explanationJson(const Explanation &e);

} // namespace shardc
