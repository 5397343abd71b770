//===- PaddingTest.cpp - a padded vocabulary is no part of the model -------===//
//
// The program of one device with a vocabulary padded for a plan, against the same job without a plan: weights
// and moments are the same where the vocabulary is, and zero, to the bit, where it is padding.
//
//===----------------------------------------------------------------------===//

#include "tests/unit/interpreter/JobSupport.h"

#include "compiler/interpreter/Training.h"

#include "llvm/Support/xxhash.h"

#include <cmath>
#include <gtest/gtest.h>

using namespace mlir;
using namespace shardc::interpreter;
using namespace shardc::interpreter::test;

namespace {

constexpr int64_t vocabulary = 17;

struct Case {
  std::string name, model, plan, optimizer;
};

std::ostream &operator<<(std::ostream &stream, const Case &test) {
  return stream << test.name;
}

std::string jobText(const Case &test, const std::string &plan) {
  return "model: " + test.model +
         "\nconfig: {num_hidden_layers: 1, hidden_size: 12, num_attention_heads: 2, intermediate_size: 8, "
         "vocab_size: " +
         std::to_string(vocabulary) + (test.model == "gpt2" ? "" : ", num_key_value_heads: 1") +
         "}\nplan: {" + plan +
         "}\ntrain: {seq_len: 4, global_batch_size: 2, steps: 20, optimizer: " + test.optimizer +
         ", lr_schedule: {name: constant, warmup_steps: 1}, max_grad_norm: 0.5, seed: 7}\n";
}

double input(StringRef name, int64_t sample, int64_t index) {
  std::string place = name.str() + "/" + std::to_string(sample) + "/" + std::to_string(index);
  uint64_t drawn = llvm::xxh3_64bits(place);
  return name == "labels" && drawn % 5 == 0 ? -100.0 : static_cast<double>(drawn % vocabulary);
}

/// The first weights and what they and the moments are after three steps.
struct Trained {
  JobUnderTest test;
  NamedValues values;

  explicit Trained(const std::string &text) : test(text) {}
  void train() {
    OwningOpRef<ModuleOp> module = test.isValid() ? test.build() : nullptr;
    ASSERT_TRUE(module && succeeded(test.toStep(*module))) << test.errors;
    Training training(*module, Mesh(), Options{.seed = 7, .inputs = input});
    FailureOr<Data> state = training.init();
    NamedValues scalars;
    values = training.namesOf(*state, nn::kindParameter);
    for (int64_t step = 0; step < 3 && succeeded(state); ++step)
      state = training.step(step, *state, scalars);
    ASSERT_TRUE(succeeded(state)) << test.errors;
    for (StringRef kind : {nn::kindParameter, nn::kindOptimizerState})
      llvm::append_range(values, training.namesOf(*state, kind));
    llvm::append_range(values, scalars);
  }
};

void expectPaddingChangesNothing(Trained &padded, Trained &plain) {
  padded.train();
  plain.train();
  ASSERT_EQ(padded.values.size(), plain.values.size());
  int longer = 0;
  for (auto [one, other] : llvm::zip(padded.values, plain.values)) {
    const std::vector<double> &with = *one.value.values, &without = *other.value.values;
    ASSERT_EQ(one.name, other.name);
    ASSERT_GE(with.size(), without.size());
    longer += with.size() > without.size();
    double largest = 0;
    for (double value : without)
      largest = std::max(largest, std::abs(value));
    for (size_t i = 0; i < with.size(); ++i) {
      if (i < without.size())
        EXPECT_NEAR(with[i], without[i], Comparison::bar * largest) << one.name << " " << i;
      else
        EXPECT_TRUE(with[i] == 0 && !std::signbit(with[i])) << one.name << " " << i << ": " << with[i];
    }
  }
  EXPECT_GE(longer, 2) << "no tensor was padded";
}

struct Padding : testing::TestWithParam<Case> {};

TEST_P(Padding, isZeroAndChangesNothing) {
  Trained padded(jobText(GetParam(), GetParam().plan)), plain(jobText(GetParam(), "mesh: {}"));
  expectPaddingChangesNothing(padded, plain);
}

/// Every valid logit is about -1200, far below where `exp` of 1200 has a number; what is divided by and what
/// is a logarithm's argument is zero in the padding.
TEST(PaddingOfFunctions, hasFiniteSlopes) {
  const std::string model = R"(
  model: cold
  config: {hidden_size: 12, vocab_size: 17, initializer_range: 0.1}
  axes: {embed: hidden_size, vocab: vocab_size}
  inputs: {tokens: {axes: [batch, seq], dtype: i32}, labels: {axes: [batch, seq], dtype: i32, shift: 1, ignore: -100}}
  modules:
    main:
      weights:
        embed_tokens: {axes: [vocab, embed], init: ones}
        lm_head: {axes: [vocab, embed], init: ones}
        scale: {axes: [vocab], init: ones}
      forward(tokens, labels): |
        x = gather(embed_tokens, tokens, axis=vocab)
        logits = (x @ lm_head) * -100.0 / scale + log(scale) + scale ** 1.5
        return cross_entropy(logits, labels, over=vocab))";
  auto text = [&](const std::string &plan) {
    return "model: " + model + "\nplan: {" + plan +
           "}\ntrain: {seq_len: 4, global_batch_size: 2, steps: 20, optimizer: {name: adamw, lr: 1.0e-2, "
           "eps: "
           "1.0e-3}, seed: 7}\n";
  };
  Trained padded(text("mesh: {tp: 4}, shard: [{vocab: tp}]")), plain(text("mesh: {}"));
  expectPaddingChangesNothing(padded, plain);
}

const std::string adamw = "{name: adamw, lr: 1.0e-2, eps: 1.0e-3, weight_decay: 0.1}",
                  sgd = "{name: sgd, lr: 0.1, momentum: 0.9, weight_decay: 0.1}, ema: {decay: 0.75}";

INSTANTIATE_TEST_SUITE_P(
    Models, Padding,
    testing::Values(Case{"gpt2Over2", "gpt2", "mesh: {tp: 2}, shard: [{vocab: tp}]", adamw},
                    Case{"gpt2Over8", "gpt2", "mesh: {a: 2, b: 4}, shard: [{vocab: [a, b]}]", adamw},
                    Case{"llamaOver4", "llama", "mesh: {tp: 4}, shard: [{vocab: tp}]", adamw},
                    Case{"qwen3Sgd", "qwen3", "mesh: {tp: 4}, shard: [{vocab: tp}]", sgd},
                    Case{"gemmaOver4", "gemma", "mesh: {tp: 4}, shard: [{vocab: tp}]", adamw}),
    [](const testing::TestParamInfo<Case> &info) { return info.param.name; });

} // namespace
