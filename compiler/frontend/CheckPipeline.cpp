//===- CheckPipeline.cpp - a pipeline against the step's micro-batches ------===//
//
// A schedule that can't run so, and a table that is unsound, are told here, where it is known how many
// micro-batches a step has.
//
//===----------------------------------------------------------------------===//
#include "compiler/frontend/DecodeJob.h"
#include "compiler/schedule/ReadTable.h"
#include "compiler/schedule/Schedules.h"
#include <fmt/format.h>

namespace shardc::frontend {

/// Reads the plan's table, and points into it if it can't be.
static std::optional<pipeline::Pipeline> judgeTable(const Pipeline &written, int stages, int microbatches,
                                                    Diagnostics &diags) {
  std::vector<std::vector<std::string>> rows;
  for (const std::vector<Name> &row : written.table) {
    std::vector<std::string> &words = rows.emplace_back();
    for (const Name &word : row)
      words.push_back(word.value);
  }
  auto read = pipeline::readTable(rows, stages, microbatches);
  const auto *fault = std::get_if<pipeline::WrittenFault>(&read);
  if (!fault)
    return std::get<pipeline::WrittenTable>(read).pipeline;
  const int row = fault->at.stage, word = fault->at.index;
  Position at = written.schedule.at;
  if (row >= 0 && !written.table[row].empty())
    at = written.table[row][word < 0 ? 0 : word].at;
  Diagnostic &error = diags.error(at, fault->at.what);
  if (!fault->hint.empty())
    error.note(fault->hint);
  return std::nullopt;
}

void checkPipeline(Plan &plan, Diagnostics &diags) {
  if (!plan.pipeline)
    return;
  Pipeline &written = *plan.pipeline;
  const auto stages = static_cast<int>(plan.meshAxis(written.axis.value)->size.value);
  if (plan.microbatches.value > pipeline::mostMicrobatches) {
    diags
        .error(plan.microbatches.at, fmt::format("a pipeline has at most {} micro-batches, not {}",
                                                 pipeline::mostMicrobatches, plan.microbatches.value))
        .note(written.at, "a stage's program has a task for each of them");
    return;
  }
  const auto microbatches = static_cast<int>(plan.microbatches.value);
  std::optional<pipeline::Pipeline> shape;
  if (written.schedule.value == tableName) {
    shape = judgeTable(written, stages, microbatches, diags);
  } else {
    const pipeline::Kind kind = *pipeline::kindNamed(written.schedule.value);
    shape = pipeline::pipelineFor(kind, stages, microbatches, static_cast<int>(written.chunksPerStage.value));
    if (std::optional<std::string> why = pipeline::whyNot(kind, *shape)) {
      diags.error(plan.microbatches.at, *why).note(written.schedule.at, "the schedule is named here");
      return;
    }
  }
  if (!shape)
    return;
  written.chunksPerStage.value = shape->chunksPerStage;
  const size_t chunks = shape->chunks();
  if (!written.layers.empty() && written.layers.size() != chunks)
    diags.error(written.stagesAt, fmt::format("'stages' has {} numbers, but {} stages have {} parts",
                                              written.layers.size(), stages, chunks));
  if (written.isCutByNames && written.cutBefore.size() + 1 != chunks)
    diags
        .error(written.stagesAt,
               fmt::format("'cut_before' has {} names, which make {} parts, but {} stages "
                           "have {} parts",
                           written.cutBefore.size(), written.cutBefore.size() + 1, stages, chunks))
        .note(chunks == 2
                  ? "name the layer that the second part begins with"
                  : fmt::format("name the layers that the {} parts behind the first begin with", chunks - 1));
}

} // namespace shardc::frontend
