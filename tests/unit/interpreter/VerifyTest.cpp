//===- VerifyTest.cpp - shrinking a job and checking its plan -------------===//

#include "compiler/frontend/Diagnostics.h"
#include "tests/unit/interpreter/JobSupport.h"

#include <gtest/gtest.h>

using namespace shardc;
using namespace shardc::interpreter;
using namespace shardc::interpreter::test;

namespace {

const char *const llama70b = R"(
model: llama
config: {hidden_size: 8192, num_hidden_layers: 80, num_attention_heads: 64, num_key_value_heads: 8,
         intermediate_size: 28672, vocab_size: 128256}
plan: {mesh: {dp: 4, tp: 8}, shard: [{batch: dp}, {heads: tp, mlp: tp, vocab: tp}, {seq: tp}], microbatches: 16}
train: {seq_len: 8192, global_batch_size: 512, steps: 10}
)";

TEST(Shrink, keepsWhatThePlanDivides) {
  JobUnderTest test(llama70b);
  ASSERT_TRUE(test.isValid()) << test.errors;
  frontend::Diagnostics diags;
  std::optional<ShrunkJob> shrunk = shrink(*test.job, diags);
  ASSERT_TRUE(shrunk) << diags.str();
  std::map<std::string, int64_t> to;
  for (const Shrunk &change : shrunk->changes)
    to[change.key] = static_cast<int64_t>(change.to);
  EXPECT_EQ(to["num_key_value_heads"], 0); // 8 over tp 8: unchanged
  EXPECT_EQ(to["num_hidden_layers"], 2);
  EXPECT_EQ(to["intermediate_size"] % 16, 0);
  EXPECT_LE(to["intermediate_size"], 64);
  EXPECT_LE(to["vocab_size"], 64);
  EXPECT_EQ(to["seq_len"] % 8, 0);
  EXPECT_LE(to["seq_len"], 64);
  EXPECT_EQ(to["microbatches"], 2);
}

TEST(Verify, passesAndPrintsATable) {
  JobUnderTest test(llama70b);
  ASSERT_TRUE(test.isValid()) << test.errors;
  std::optional<Verification> verification = test.verify();
  ASSERT_TRUE(verification) << test.errors;
  std::string text;
  llvm::raw_string_ostream stream(text);
  verification->print(stream);
  EXPECT_TRUE(verification->passes()) << text;
  EXPECT_EQ(text.find("32 ranks in f64 against one device; changed for it: "), 0u) << text;
  EXPECT_NE(text.find("the placed program computes what one device computes"), std::string::npos) << text;
}

TEST(Verify, pointsAtTheLineOfEachWeight) {
  JobUnderTest test(R"(
model: gpt2
plan: single
train: {seq_len: 8, global_batch_size: 2, steps: 1}
)");
  ASSERT_TRUE(test.isValid()) << test.errors;
  std::optional<Verification> verification = test.verify();
  ASSERT_TRUE(verification) << test.errors;
  frontend::Position declared = test.job->model.module("mlp")->weight("c_proj.bias")->name.at;
  std::string what;
  for (const Difference &difference : verification->comparison.all())
    if (difference.name.ends_with("h.1.mlp.c_proj.bias")) {
      EXPECT_EQ(placeOf(difference.place), declared.str()) << difference.name;
      what += difference.what + "; ";
    }
  EXPECT_EQ(what, "weight at the start; state at the start; state at the start; gradient; "
                  "weight after 3 steps; state after 3 steps; state after 3 steps; ");
}

TEST(Verify, growsTheMeshBeyondTheMachine) {
  JobUnderTest test(R"(
model: gpt2
plan: {mesh: {dp: 2, tp: 4}, shard: [{batch: dp}, {heads: tp, mlp: tp}, {seq: tp}]}
train: {seq_len: 256, global_batch_size: 8, steps: 10}
)");
  ASSERT_TRUE(test.isValid()) << test.errors;
  std::optional<Verification> verification = test.verify(256);
  ASSERT_TRUE(verification) << test.errors;
  EXPECT_EQ(verification->world, 256);
  EXPECT_TRUE(verification->passes());
  EXPECT_FALSE(test.verify(255));
  EXPECT_NE(test.errors.find("error: 255 ranks are not a multiple of the 4 that the mesh has without 'dp'"),
            std::string::npos)
      << test.errors;
}

} // namespace
