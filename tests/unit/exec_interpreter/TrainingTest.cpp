//===- TrainingTest.cpp - whole training steps as rank programs, against one device ===//
//
// Tiny models of odd sizes go down to exec, are run on all ranks, and must be what the one-device program is
// within 1e-12: initial weights, loss, gradients and moments after one step, weights and moments after 3
// steps of AdamW with clipping, evaluation. Of a pipeline all stages run, and their messages are judged
// (exec-verify-stages). Without a memory plan (exec-lower alone) and with it. Adam's eps
// is 1e-3: a gradient that is zero but for rounding would be divided by a small one.
//
//===----------------------------------------------------------------------===//

#include "compiler/Pipelines.h"
#include "compiler/interpreter/exec/CompareExec.h"
#include "compiler/interpreter/exec/ExecStages.h"
#include "dialects/pipe/Pipe.h"
#include "tests/unit/interpreter/JobSupport.h"

#include <gtest/gtest.h>

#include <map>

using namespace mlir;
using namespace shardc;
using namespace shardc::interpreter;
using namespace shardc::interpreter::test;

namespace {

struct PlanCase {
  std::string name, text;
  int64_t data = 1, tensor = 1; // degrees that divide batch; heads, mlp, vocab and seq
  int64_t padding = 0;          // rows that vocab lacks
  int64_t copies = 0;           // of weights, in stages that don't own them
  int64_t layers = 2;
};
std::ostream &operator<<(std::ostream &stream, const PlanCase &plan) {
  return stream << plan.name;
}

const std::string megatron = "{heads: tp, mlp: tp, vocab: tp}";
const PlanCase plans[] = {
    {"single", "mesh: {}"},
    {"ddp", "mesh: {dp: 2}, shard: [{batch: dp}]", 2},
    {"tp", "mesh: {tp: 2}, shard: [" + megatron + "]", 1, 2},
    {"tpSp", "mesh: {tp: 2}, shard: [" + megatron + ", {seq: tp}]", 1, 2},
    {"dpTpSp", "mesh: {dp: 2, tp: 2}, shard: [{batch: dp}, " + megatron + ", {seq: tp}]", 2, 2},
    {"tpSpPadded", "mesh: {tp: 2}, shard: [" + megatron + ", {seq: tp}]", 1, 2, 1},
};
const PlanCase atRest[] = {
    {"zero1", "mesh: {dp: 3}, shard: [{batch: dp}], zero: 1", 3},
    {"zero3", "mesh: {dp: 3}, shard: [{batch: dp}], zero: 3", 3},
    {"hybrid",
     "mesh: {r: 2, s: 3}, shard: [{batch: [r, s]}], parameters: {at_rest: {auto: s}, prefetch: 2, gather: "
     "module}",
     6},
};
const PlanCase threeWays[] = {
    {"mlp3", "mesh: {tp: 3}, shard: [{mlp: tp}]"},
    {"embed3", "mesh: {tp: 3}, shard: [{embed: tp}]"},
    {"mlp3Embed3", "mesh: {a: 3, b: 3}, shard: [{mlp: a}, {embed: [b, a]}]"},
};
/// Stages whose weights are tied, shared out over data ranks, padded; with parts that are no neighbours.
const PlanCase pipeline = {
    "pp2Zero3", "mesh: {dp: 3, pp: 2}, shard: [{batch: dp}], zero: 3, pipeline: {axis: pp}", 3, 1, 0, 1, 3};
const PlanCase interleaved = {"pp2TpSpInterleaved",
                              "mesh: {pp: 2, tp: 2}, shard: [" + megatron +
                                  ", {seq: tp}], pipeline: {axis: pp, schedule: interleaved}",
                              1,
                              2,
                              1,
                              1,
                              5};
const PlanCase untied = {"pp3Gpipe", "mesh: {pp: 3}, pipeline: {axis: pp, schedule: gpipe}", 1, 1, 0, 0, 3};
/// Backward in two. GPT-2's tied weight is copied to the stage of the head, unless the vee has that on the
/// first.
const PlanCase split = {"pp2TpSpZeroBubble",
                        "mesh: {pp: 2, tp: 2}, shard: [" + megatron +
                            ", {seq: tp}], pipeline: {axis: pp, schedule: zero_bubble}",
                        1,
                        2,
                        0,
                        1,
                        3};
const PlanCase vee = {
    "pp2ZeroBubbleV", "mesh: {pp: 2}, pipeline: {axis: pp, schedule: zero_bubble_v}", 1, 1, 0, 0, 5};
/// Dropout in a layer where batch is placed otherwise: its samples count as they do elsewhere.
const PlanCase scoped = {"scoped",
                         "mesh: {dp: 2, tp: 2}, shard: [{batch: dp}, {at: '*.1', batch: tp}, "
                         "{at: '*.0.mlp', mlp: tp}, {seq: tp}]",
                         2, 2};

std::string number(int64_t value) {
  return std::to_string(value);
}

std::string configOf(const std::string &model, const PlanCase &plan) {
  int64_t tp = plan.tensor, heads = tp == 1 ? 3 : tp;
  std::string common =
      "num_hidden_layers: " + number(plan.layers) + ", vocab_size: " + number(11 * tp - plan.padding);
  if (model == "gpt2")
    return "{" + common + ", hidden_size: " + number(9 * heads) + ", num_attention_heads: " + number(heads) +
           ", intermediate_size: " + number(9 * tp) +
           ", max_position_embeddings: 17, embd_pdrop: 0.2, attn_pdrop: 0.2, resid_pdrop: 0.2}";
  std::string grouped = common + ", num_attention_heads: " + number(3 * heads) +
                        ", num_key_value_heads: " + number(heads) + ", head_dim: 6, hidden_size: 9" +
                        ", intermediate_size: " + number(9 * tp);
  if (model == "llama")
    return "{" + grouped +
           ", qkv_bias: true, sliding_window: 3, rope_scaling: {rope_type: llama3, factor: 8.0, "
           "low_freq_factor: 1.0, high_freq_factor: 4.0, original_max_position_embeddings: 64}}";
  if (model == "gemma")
    return "{" + grouped +
           ", sliding_window: 2, sliding_window_pattern: 2, attn_logit_softcapping: 2.0, "
           "final_logit_softcapping: 3.0}";
  return "{" + grouped + ", tie_word_embeddings: true}";
}

/// Both have two states.
std::string optimizerOf(const std::string &model) {
  if (model == "gemma")
    return "{name: sgd, lr: 1.0e-2, momentum: 0.9, weight_decay: 0.1}, ema: {decay: 0.75}";
  return "{name: adamw, lr: 1.0e-2, eps: 1.0e-3, weight_decay: 0.1}";
}

std::string jobText(const std::string &model, const PlanCase &plan, int64_t microbatches) {
  int64_t seq = plan.tensor == 1 ? 5 : 6;
  return "model: " + model + "\nconfig: " + configOf(model, plan) + "\nplan: {" + plan.text +
         ", microbatches: " + number(microbatches) + "}\ntrain: {seq_len: " + number(seq) +
         ", global_batch_size: " + number(microbatches * plan.data * 2) +
         ", steps: 20, optimizer: " + optimizerOf(model) +
         ", "
         "lr_schedule: {name: cosine, warmup_steps: 2, min_lr: 1.0e-3}, max_grad_norm: 0.5, seed: 7}\n";
}

/// Tokens, and labels of which some are to be ignored.
double inputValue(StringRef name, int64_t sample, int64_t index) {
  int64_t place = sample * 31 + index * 7;
  if (name == "labels" && place % 5 == 0)
    return -100;
  return static_cast<double>((place * 13 + (name == "labels")) % 11);
}

const char *const planning =
    ",exec-bucket,exec-last-microbatch,exec-prefetch,exec-order,exec-plan-memory,exec-verify";

/// A job as one device runs it, and as its ranks do.
struct Programs {
  Programs(const std::string &model, const PlanCase &plan, int64_t microbatches, bool isPlanned)
      : job(jobText(model, plan, microbatches)) {
    registerPasses();
    job.context.printOpOnDiagnostic(false);
    job.context.loadDialect<exec::ExecDialect>();
    global = job.build();
    if (!global)
      return;
    exec = global->clone();
    isValid = succeeded(runPipeline(*global, Stage::Step)) && succeeded(runPipeline(*exec, Stage::Dist)) &&
              succeeded(lower(isPlanned));
  }

  LogicalResult lower(bool isPlanned) {
    std::string each = std::string("exec-lower") + (isPlanned ? planning : "");
    bool isPipeline = pipes::stagesOf(*exec).front() != *exec;
    if (isPipeline)
      each = "builtin.module(" + each + "),exec-verify-stages";
    return job.runPasses(*exec, "exec-layout," + each);
  }

  FailureOr<Comparison> compare(ModuleOp program, int64_t steps) {
    return compareExecWithGlobal(*global, program, {.seed = 7, .steps = steps, .inputs = inputValue});
  }

  JobUnderTest job;
  OwningOpRef<ModuleOp> global, exec;
  bool isValid = false;
};

using Parameters = std::tuple<std::string, PlanCase, int64_t>;
struct ExecTraining : testing::TestWithParam<Parameters> {
  void expectOneDevice(bool isPlanned) {
    auto [model, plan, microbatches] = GetParam();
    Programs programs(model, plan, microbatches, isPlanned);
    ASSERT_TRUE(programs.isValid) << programs.job.errors;
    FailureOr<Comparison> comparison = programs.compare(*programs.exec, /*steps=*/3);
    ASSERT_TRUE(succeeded(comparison)) << programs.job.errors;
    std::string table;
    llvm::raw_string_ostream stream(table);
    comparison->print(stream);
    EXPECT_TRUE(comparison->passes()) << table;
    auto count = [&](StringRef what) {
      return llvm::count_if(comparison->all(), [&](const Difference &each) { return each.what == what; });
    };
    EXPECT_GT(count("gradient"), 20);
    EXPECT_EQ(count("gradient"), count("weight after 3 steps") - plan.copies);
    EXPECT_EQ(count("state after 1 step"), 2 * count("gradient"));
  }
};

TEST_P(ExecTraining, isOneDevice) {
  expectOneDevice(/*isPlanned=*/false);
}
TEST_P(ExecTraining, isOneDeviceWithPlannedMemory) {
  expectOneDevice(/*isPlanned=*/true);
}

/// What ranks hold after two steps, by name; of a weight that stages share, what its owner holds, the first
/// of them.
std::map<std::string, std::vector<double>> trained(const PlanCase &plan, const std::string &more) {
  PlanCase scheduled = plan;
  scheduled.text += ", " + more;
  Programs programs("gpt2", scheduled, /*microbatches=*/2, /*isPlanned=*/true);
  EXPECT_TRUE(programs.isValid) << programs.job.errors;
  std::map<std::string, std::vector<double>> values;
  ExecStages stages(*programs.exec, /*seed=*/7, inputValue);
  if (!programs.isValid || failed(stages.run("init")) || failed(stages.run("step", 0)) ||
      failed(stages.run("step", 1)))
    return values;
  for (ExecInterpreter &program : stages)
    for (StringRef kind : {"parameter", "optimizer_state"})
      if (FailureOr<NamedValues> tensors = program.tensors(kind); succeeded(tensors))
        for (const NamedValue &tensor : *tensors)
          values.try_emplace(kind.str() + " " + tensor.name, tensor.value.values->begin(),
                             tensor.value.values->end());
  return values;
}

TEST(Movements, scheduleChangesNoBit) {
  for (auto [plan, movements] : {std::pair(plans[1], "bucket: 2KiB"), std::pair(atRest[0], "bucket: 2KiB"),
                                 std::pair(atRest[1], "bucket: 2KiB, gather: module")}) {
    auto one = trained(plan, "parameters: {bucket: 0, prefetch: 0}"),
         other = trained(plan, std::string("parameters: {") + movements + "}");
    EXPECT_GT(one.size(), 60u) << plan;
    EXPECT_TRUE(one == other) << plan;
  }
}

/// The same sums, whichever stage adds them up and when: also where the model is cut into more parts, and
/// where two that share a weight are on one stage.
TEST(Pipelines, scheduleChangesNoBit) {
  PlanCase plan = {"pp2", "mesh: {pp: 2}"};
  plan.layers = 4;
  auto under = [&](const char *schedule) {
    return trained(plan, std::string("pipeline: {axis: pp, schedule: ") + schedule + "}");
  };
  const auto expected = under("1f1b");
  EXPECT_GT(expected.size(), 100u);
  for (const char *schedule : {"gpipe", "interleaved", "zero_bubble_h1", "zero_bubble", "zero_bubble_v"}) {
    auto values = under(schedule);
    EXPECT_EQ(values.size(), expected.size()) << schedule;
    for (auto &[name, value] : expected)
      EXPECT_TRUE(values[name] == value) << schedule << ": " << name;
  }
}

std::string nameOfCase(const testing::TestParamInfo<Parameters> &info) {
  auto [model, plan, microbatches] = info.param;
  return model + "_" + plan.name + "_micro" + number(microbatches);
}

INSTANTIATE_TEST_SUITE_P(Models, ExecTraining,
                         testing::Combine(testing::Values("gpt2", "llama"), testing::ValuesIn(plans),
                                          testing::Values(1, 3)),
                         nameOfCase);
INSTANTIATE_TEST_SUITE_P(OtherModels, ExecTraining,
                         testing::Combine(testing::Values("qwen3", "gemma"), testing::Values(plans[4]),
                                          testing::Values(2)),
                         nameOfCase);
INSTANTIATE_TEST_SUITE_P(AtRest, ExecTraining,
                         testing::Combine(testing::Values("gpt2"), testing::ValuesIn(atRest),
                                          testing::Values(2)),
                         nameOfCase);
INSTANTIATE_TEST_SUITE_P(ThreeWays, ExecTraining,
                         testing::Combine(testing::Values("gpt2", "llama"), testing::ValuesIn(threeWays),
                                          testing::Values(2)),
                         nameOfCase);
INSTANTIATE_TEST_SUITE_P(Pipeline, ExecTraining,
                         testing::Values(Parameters("gpt2", pipeline, 2), Parameters("qwen3", interleaved, 2),
                                         Parameters("llama", untied, 2), Parameters("gpt2", split, 2),
                                         Parameters("gpt2", vee, 2)),
                         nameOfCase);
INSTANTIATE_TEST_SUITE_P(Scoped, ExecTraining,
                         testing::Combine(testing::Values("gpt2", "llama"), testing::Values(scoped),
                                          testing::Values(2)),
                         nameOfCase);

} // namespace
