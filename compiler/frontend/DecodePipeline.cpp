//===- DecodePipeline.cpp - stages of layers along a mesh axis --------------===//
//
//   pipeline: {axis: pp, schedule: 1f1b, stages: auto}
//
// How many layers there are is known when the model is built: pipe-cut checks the stages against them.
//
//===----------------------------------------------------------------------===//
#include "compiler/frontend/DecodeJob.h"
#include "compiler/schedule/Schedules.h"
#include <fmt/format.h>

namespace shardc::frontend {

void decodePipeline(const Node &root, Plan &plan, Diagnostics &diags) {
  const Node *node = root.find("pipeline");
  if (!node)
    return;
  Pipeline pipeline{
      .at = node->at, .axis = {}, .schedule = {}, .layers = {}, .chunksPerStage = {1, node->at}};
  const Node &axis = *node->find("axis"), &schedule = *node->find("schedule"),
             &stages = *node->find("stages");
  pipeline.axis = {axis.text, axis.at};
  pipeline.schedule = {schedule.text, schedule.at};
  if (schedule.text == "interleaved")
    pipeline.chunksPerStage = {node->find("virtual_stages")->integer, node->find("virtual_stages")->at};
  else if (auto kind = shardc::pipeline::kindNamed(schedule.text))
    pipeline.chunksPerStage.value = shardc::pipeline::pipelineFor(*kind, 1, 1).chunksPerStage;
  const MeshAxis *size = plan.meshAxis(axis.text);
  if (!size) {
    auto &error = diags.error(axis.at, fmt::format("the mesh has no axis '{}'", axis.text));
    error.note(root.entry("mesh")->keyAt,
               "the axis of the pipeline is one of the mesh, such as mesh: {pp: 2, dp: 2}");
    return;
  }
  if (stages.kind == Node::Kind::Text && stages.text != "auto")
    diags.error(stages.at,
                fmt::format("'stages' must be auto or a list of numbers of layers, got '{}'", stages.text));
  for (const Node &item : stages.items)
    pipeline.layers.push_back({item.integer, item.at});
  const int64_t chunks = size->size.value * pipeline.chunksPerStage.value;
  if (!pipeline.layers.empty() && static_cast<int64_t>(pipeline.layers.size()) != chunks)
    diags.error(stages.at, fmt::format("'stages' has {} numbers, but {} stages have {} parts",
                                       pipeline.layers.size(), size->size.value, chunks));
  for (const Level &level : plan.shard)
    for (const AxisRule &rule : level.rules)
      for (const Name &meshAxis : rule.meshAxes)
        if (meshAxis.value == axis.text)
          diags
              .error(meshAxis.at,
                     fmt::format("mesh axis '{}' is the pipeline's: no rule can place by it", axis.text))
              .note(axis.at, "it is named here");
  plan.pipeline = pipeline;
}

} // namespace shardc::frontend
