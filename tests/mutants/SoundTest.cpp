//===- SoundTest.cpp - no layer says anything of sound programs -----------===//
//
// Jobs drawn at random, taken down to dist and to exec. Whatever the frontend accepts is sound: the passes
// and the judges that see mutants must have nothing to say of it.
//
// 30 programs, with SHARDC_SLOW_TESTS 300; they are other ones than the property test's. A failing case
// prints its job.
//
//===----------------------------------------------------------------------===//

#include "tests/mutants/Judge.h"
#include "tests/unit/property/RandomJob.h"

#include <cstdlib>
#include <gtest/gtest.h>

using namespace mlir;
using namespace shardc::mutants;
using namespace shardc::interpreter::test;

namespace {

const int programs = std::getenv("SHARDC_SLOW_TESTS") ? 300 : 30;
constexpr uint64_t firstSeed = 1000000;

/// Programs are dealt out to a few tests, so that they run side by side.
constexpr int shares = 2;
struct Sound : testing::TestWithParam<int> {};

/// Whether the job is one that the frontend accepts.
bool judgeBoth(const std::string &text) {
  auto job = std::make_shared<JobUnderTest>(text);
  OwningOpRef<ModuleOp> built = job->isValid() ? job->build() : nullptr;
  if (!built)
    return false;
  std::optional<Program> program = compile("random", job, std::move(built));
  EXPECT_TRUE(program) << "the frontend accepts it, then: " << job->errors;
  for (Level level : {Level::dist, Level::exec})
    if (program) {
      Verdict verdict = judge(*program, level);
      EXPECT_EQ(verdict.layer, Layer::none)
          << (level == Level::dist ? "in dist: " : "in exec: ") << verdict.why;
    }
  return true;
}

TEST_P(Sound, nothingIsSaidOfIt) {
  uint64_t seed = firstSeed + uint64_t(GetParam());
  for (int judged = 0; judged < programs / shares; seed += shares) {
    std::string text = randomJob(seed);
    judged += judgeBoth(text);
    if (HasFailure())
      FAIL() << "the job that fails:\n" << text;
  }
}

/// A rank's heads are numbered for dropout by two axes, of which the plan splits the second.
TEST(SoundJob, dropoutNumbersHeadsOfTwoAxes) {
  EXPECT_TRUE(judgeBoth(R"(
model:
  model: fused
  config: {hidden_size: 8, num_key_value_heads: 3, group_size: 4, head_dim: 2, vocab_size: 12, initializer_range: 0.3}
  axes: {embed: hidden_size, vocab: vocab_size, head_dim: head_dim, qkv: 3, kv_heads: num_key_value_heads,
         group: group_size, heads: [kv_heads, group]}
  inputs: {tokens: {axes: [batch, seq], dtype: i32}, labels: {axes: [batch, seq], dtype: i32, shift: 1, ignore: -100}}
  modules:
    main:
      weights:
        embed_tokens: {axes: [vocab, embed]}
        c_attn: {axes: [embed, [qkv, heads, head_dim]]}
        o_proj: {axes: [embed, [heads, head_dim]]}
      forward(tokens, labels): |
        q, k, v = unstack(gather(embed_tokens, tokens, axis=vocab) @ c_attn, axis=qkv)
        x = attention(q, k, v, over=head_dim, causal=true, dropout=0.3) @ o_proj
        return cross_entropy(x @ embed_tokens, labels, over=vocab)
plan: {mesh: {tp: 4}, shard: [{heads: tp}]}
train: {seq_len: 6, global_batch_size: 2, steps: 5, optimizer: {name: adamw, lr: 1.0e-2, eps: 1.0e-3}, seed: 53}
)"));
}

INSTANTIATE_TEST_SUITE_P(Share, Sound, testing::Range(0, shares));

} // namespace
