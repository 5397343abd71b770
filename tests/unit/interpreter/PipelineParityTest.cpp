//===- PipelineParityTest.cpp - schedules that split the backward, against one device ===//
//
// Tiny models on two to four stages: weights, gradients of the first step, and weights and moments after two
// steps must be those of one device within 1e-12, and removing all placements must give the cut program back.
// A task that is left out must be seen by its values.
//
//===----------------------------------------------------------------------===//

#include "tests/unit/interpreter/JobSupport.h"

#include "compiler/Pipelines.h"
#include "dialects/pipe/Pipe.h"

#include <gtest/gtest.h>

using namespace mlir;
using namespace shardc;
using namespace shardc::interpreter;
using namespace shardc::interpreter::test;

namespace {

struct PipelineCase {
  const char *name, *model, *config, *plan;
};

std::ostream &operator<<(std::ostream &stream, const PipelineCase &pipeline) {
  return stream << pipeline.name;
}

/// Odd numbers of layers; tied weights, on one stage under the vee; weights at rest; a norm on heads.
const PipelineCase cases[] = {
    {"gpt2H1", "gpt2",
     "num_hidden_layers: 3, num_attention_heads: 2, hidden_size: 6, max_position_embeddings: 4",
     "mesh: {pp: 2, tp: 2}, shard: [{heads: tp, mlp: tp, vocab: tp}, {seq: tp}], pipeline: {axis: pp, "
     "schedule: zero_bubble_h1}"},
    {"llamaUnlimited", "llama",
     "num_hidden_layers: 5, num_attention_heads: 2, num_key_value_heads: 1, head_dim: 4, hidden_size: 6",
     "mesh: {pp: 4}, pipeline: {axis: pp, schedule: zero_bubble}"},
    {"qwen3Vee", "qwen3",
     "num_hidden_layers: 5, num_attention_heads: 2, num_key_value_heads: 1, head_dim: 4, hidden_size: 6, "
     "tie_word_embeddings: true",
     "mesh: {pp: 2, dp: 2}, shard: [{batch: dp}], zero: 3, pipeline: {axis: pp, schedule: zero_bubble_v}"},
};

class PipelineParity : public testing::TestWithParam<PipelineCase> {
protected:
  PipelineParity()
      : job(std::string("model: ") + GetParam().model + "\nconfig: {" + GetParam().config +
            ", intermediate_size: 4, vocab_size: 8}\nplan: {" + GetParam().plan +
            ", microbatches: 3}\ntrain: {seq_len: 4, global_batch_size: 6, steps: 20, optimizer: {name: "
            "adamw, "
            "lr: 1.0e-2, eps: 1.0e-3, weight_decay: 0.1}, max_grad_norm: 0.5, seed: 7}\n") {}

  void build() {
    global = job.isValid() ? job.build() : nullptr;
    ASSERT_TRUE(global && succeeded(job.toStep(*global))) << job.errors;
    cut = global->clone();
    PipelineOptions options;
    options.first = Stage::Pipe;
    ASSERT_TRUE(succeeded(runPipeline(*cut, Stage::Pipe, options))) << job.errors;
  }
  std::optional<Comparison> compare() {
    OwningOpRef<ModuleOp> placed = cut->clone();
    PipelineOptions options;
    options.first = Stage::Dist;
    if (failed(runPipeline(*placed, Stage::Dist, options)))
      return std::nullopt;
    return job.compare(*global, *placed, 2);
  }

  JobUnderTest job;
  OwningOpRef<ModuleOp> global, cut; // of one device, and those of the stages
};

TEST_P(PipelineParity, isOneDevice) {
  ASSERT_NO_FATAL_FAILURE(build());
  OwningOpRef<ModuleOp> stripped = cut->clone();
  EXPECT_TRUE(succeeded(job.runPasses(*stripped, "builtin.module(dist-place,dist-strip)"))) << job.errors;
  EXPECT_EQ(textOf(*stripped), textOf(*cut));
  std::optional<Comparison> comparison = compare();
  ASSERT_TRUE(comparison) << job.errors;
  EXPECT_TRUE(comparison->passes()) << textOf(*comparison);
}

/// A gradient of weights that is left out, of each stage one: what it would add to goes on as it is.
struct PlantedFault : PipelineParity {};
TEST_P(PlantedFault, aTaskLeftOutIsSeen) {
  ASSERT_NO_FATAL_FAILURE(build());
  OwningOpRef<ModuleOp> sound = cut->clone();
  const size_t stages = pipes::stagesOf(*cut).size();
  for (size_t stage : {size_t(0), stages - 1}) {
    cut = sound->clone();
    auto step = pipes::stagesOf(*cut)[stage].lookupSymbol<nn::FuncOp>("step");
    SmallVector<nn::CallOp> tasks;
    for (auto call : step.getBody().getOps<nn::CallOp>())
      if (call.getCallee().ends_with("_backward_weights"))
        tasks.push_back(call);
    ASSERT_GE(tasks.size(), 3u);
    nn::CallOp task = tasks[1];
    task->getResult(0).replaceAllUsesWith(task->getOperands().back());
    task->erase();
    std::optional<Comparison> comparison = compare();
    ASSERT_TRUE(comparison) << job.errors;
    EXPECT_FALSE(comparison->passes()) << "stage " << stage;
  }
}

INSTANTIATE_TEST_SUITE_P(Models, PipelineParity, testing::ValuesIn(cases),
                         [](const testing::TestParamInfo<PipelineCase> &info) { return info.param.name; });
INSTANTIATE_TEST_SUITE_P(Models, PlantedFault, testing::Values(cases[0]),
                         [](const testing::TestParamInfo<PipelineCase> &info) { return info.param.name; });

} // namespace
