//===- PlanParityTest.cpp - every model under every plan, against one device ===//
//
// Tiny models of odd sizes; the initial weights, loss and each gradient of the first step, and weights and
// moments after 3 steps of AdamW with clipping must be those of one device within 1e-12; and removing all
// placements must give the global program back, byte for byte.
//
// Adam's eps is 1e-3: the gradient of the keys' bias is zero but for rounding (1e-18), and would be divided
// by 1e-8 otherwise.
//
//===----------------------------------------------------------------------===//

#include "tests/unit/interpreter/JobSupport.h"

#include "dialects/dist/Dist.h"

#include <gtest/gtest.h>
#include <numeric>

using namespace mlir;
using namespace shardc::interpreter;
using namespace shardc::interpreter::test;

namespace {

struct PlanCase {
  std::string name, text;
  int64_t data = 1, tensor = 1; // degrees that divide batch; heads, mlp, vocab and seq
  int64_t extraTokens = 0;      // that no mesh axis divides: the vocabulary is padded
  int64_t keyHeads = 0; // where not as many as `tensor`: it is then cut between heads of keys and groups
};

std::ostream &operator<<(std::ostream &stream, const PlanCase &plan) {
  return stream << plan.name;
}

const std::vector<PlanCase> &plans() {
  static const std::string megatron = "{heads: tp, mlp: tp, vocab: tp}";
  static const std::vector<PlanCase> all = {
      {"single", "mesh: {}"},
      {"ddp2", "mesh: {dp: 2}, shard: [{batch: dp}]", 2},
      {"ddp4", "mesh: {dp: 4}, shard: [{batch: dp}]", 4},
      {"tp2", "mesh: {tp: 2}, shard: [" + megatron + "]", 1, 2},
      {"tp2Sp", "mesh: {tp: 2}, shard: [" + megatron + ", {seq: tp}]", 1, 2},
      {"dp2Tp2Sp", "mesh: {dp: 2, tp: 2}, shard: [{batch: dp}, " + megatron + ", {seq: tp}]", 2, 2},
      {"mlp3", "mesh: {tp: 3}, shard: [{mlp: tp}]"},
      {"embed3", "mesh: {tp: 3}, shard: [{embed: tp}]"},
      {"mlp3Embed3", "mesh: {a: 3, b: 3}, shard: [{mlp: a}, {embed: [b, a]}]"},
      {"zero1", "mesh: {dp: 3}, shard: [{batch: dp}], zero: 1", 3},
      {"zero2", "mesh: {dp: 3}, shard: [{batch: dp}], zero: 2", 3},
      {"zero3", "mesh: {dp: 3}, shard: [{batch: dp}], zero: 3", 3},
      {"zero3Kept",
       "mesh: {dp: 3}, shard: [{batch: dp}], parameters: {at_rest: {embed: dp}, gradients: in_use, "
       "reshard_after_forward: false}",
       3},
      {"hsdp",
       "mesh: {replicate: 2, shard: 3}, shard: [{batch: [replicate, shard]}], parameters: {at_rest: {auto: "
       "shard}}",
       6},
      {"hsdpBothModules",
       "mesh: {replicate: 2, shard: 2}, shard: [{batch: [replicate, shard]}], zero: 3, "
       "parameters: {gather: module}",
       4, 2},
      {"dp2Tp2SpZero3", "mesh: {dp: 2, tp: 2}, shard: [{batch: dp}, " + megatron + ", {seq: tp}], zero: 3", 2,
       2},
      {"dp8Tp8Sp", "mesh: {dp: 8, tp: 8}, shard: [{batch: dp}, " + megatron + ", {seq: tp}]", 8, 8},
      {"tp4Kv2", "mesh: {tp: 4}, shard: [" + megatron + "]", 1, 4, 0, 2},
      {"tp4Kv2Sp", "mesh: {tp: 4}, shard: [" + megatron + ", {seq: tp}]", 1, 4, 0, 2},
      {"dp2Tp6Kv4Sp", "mesh: {dp: 2, tp: 6}, shard: [{batch: dp}, " + megatron + ", {seq: tp}]", 2, 6, 0, 4},
      {"tp4Padded", "mesh: {tp: 4}, shard: [" + megatron + ", {seq: tp}]", 1, 4, 1},
      {"scopedLayers",
       "mesh: {a: 2, tp: 2}, shard: [{at: ['*.0', '*.2'], heads: tp}, {at: '*.1.mlp', mlp: tp, seq: a}, "
       "{seq: tp}]",
       1, 4},
      {"scopedBatch",
       "mesh: {dp: 2, tp: 2}, shard: [{batch: dp}, {at: '*.2', batch: tp}, " + megatron +
           ", {seq: tp}], zero: 3",
       4, 2},
      {"vocabPadded", "mesh: {dp: 2, a: 2, b: 3}, shard: [{batch: dp}, {vocab: [b, a]}]", 2, 1, 2},
  };
  return all;
}

std::string number(int64_t value) {
  return std::to_string(value);
}

/// Sizes have a factor 3 or 9 (for the three-way plans) and the plan's degree, and are odd otherwise.
std::string configOf(const std::string &model, const PlanCase &plan) {
  int64_t tp = plan.tensor, heads = tp == 1 ? 3 : tp, keyHeads = plan.keyHeads ? plan.keyHeads : heads;
  std::string common = "num_hidden_layers: 3, vocab_size: " + number(11 * tp + plan.extraTokens);
  if (model == "gpt2")
    return "{" + common + ", hidden_size: " + number(9 * heads) + ", num_attention_heads: " + number(heads) +
           ", intermediate_size: " + number(9 * tp) + ", max_position_embeddings: 17}";
  std::string grouped = common +
                        ", num_attention_heads: " + number(3 * keyHeads * heads / std::gcd(keyHeads, heads)) +
                        ", num_key_value_heads: " + number(keyHeads) + ", head_dim: 6, hidden_size: 9" +
                        ", intermediate_size: " + number(9 * tp);
  if (model == "llama")
    return "{" + grouped +
           ", qkv_bias: true, sliding_window: 3, rope_scaling: {rope_type: llama3, factor: 8.0, "
           "low_freq_factor: 1.0, "
           "high_freq_factor: 4.0, original_max_position_embeddings: 64}}";
  if (model == "gemma") // windows in every other layer
    return "{" + grouped + ", sliding_window: 2, query_pre_attn_scalar: 6}";
  return "{" + grouped + ", tie_word_embeddings: true}";
}

/// Both have two states.
std::string optimizerOf(const std::string &model) {
  if (model == "gemma")
    return "{name: sgd, lr: 1.0e-2, momentum: 0.9, weight_decay: 0.1}, ema: {decay: 0.75}";
  return "{name: adamw, lr: 1.0e-2, eps: 1.0e-3, weight_decay: 0.1}";
}

std::string jobText(const std::string &model, const PlanCase &plan, int64_t microbatches) {
  int64_t seq = plan.tensor == 1 ? 5 : plan.tensor == 2 ? 6 : plan.tensor;
  return "model: " + model + "\nconfig: " + configOf(model, plan) + "\nplan: {" + plan.text +
         ", microbatches: " + number(microbatches) + "}\ntrain: {seq_len: " + number(seq) +
         ", global_batch_size: " + number(microbatches * plan.data) +
         ", steps: 20, optimizer: " + optimizerOf(model) +
         ", "
         "lr_schedule: {name: cosine, warmup_steps: 2, min_lr: 1.0e-3}, max_grad_norm: 0.5, seed: 7}\n";
}

using Parameters = std::tuple<std::string, PlanCase, int64_t>;
struct PlanParity : testing::TestWithParam<Parameters> {};

TEST_P(PlanParity, isOneDevice) {
  auto [model, plan, microbatches] = GetParam();
  JobUnderTest test(jobText(model, plan, microbatches));
  OwningOpRef<ModuleOp> global = test.isValid() ? test.build() : nullptr;
  ASSERT_TRUE(global && succeeded(test.toStep(*global))) << test.errors;
  OwningOpRef<ModuleOp> placed = test.place(*global);
  ASSERT_TRUE(placed) << test.errors;
  std::optional<Comparison> comparison = test.compare(*global, *placed, 3);
  ASSERT_TRUE(comparison) << test.errors;
  EXPECT_TRUE(comparison->passes()) << textOf(*comparison);
  EXPECT_GT(comparison->all().size(), 60u); // 20 parameters or more, each as weight, gradient and moments
}

INSTANTIATE_TEST_SUITE_P(Models, PlanParity,
                         testing::Combine(testing::Values("gpt2", "llama", "qwen3", "gemma"),
                                          testing::ValuesIn(plans()), testing::Values(1, 3)),
                         [](const testing::TestParamInfo<Parameters> &info) {
                           return std::get<0>(info.param) + "_" + std::get<1>(info.param).name + "_micro" +
                                  number(std::get<2>(info.param));
                         });

} // namespace
