#include "compiler/frontend/ScopedAxes.h"
#include "tests/unit/frontend/Frontend.h"

namespace shardc::frontend {
namespace {

TEST(ScopedAxes, PatternsHoldForModulesAndWhatIsBelow) {
  EXPECT_TRUE(holdsAt("layers.*.mlp", "layers.3.mlp"));
  EXPECT_TRUE(holdsAt("layers.*.mlp", "layers.3.mlp.gate"));
  EXPECT_TRUE(holdsAt("layers", "layers.12"));
  EXPECT_TRUE(holdsAt("*.0", "layers.0.self_attn"));
  EXPECT_FALSE(holdsAt("layers.*.mlp", "layers.3"));
  EXPECT_FALSE(holdsAt("layers.*.mlp", "layers.3.mlp2"));
  EXPECT_FALSE(holdsAt("layers.1", "layers.12"));
  EXPECT_FALSE(holdsAt("layers.*", "norm"));
  EXPECT_FALSE(holdsAt("*", "")); // main itself has no path
}

TEST(ScopedAxes, AnAxisIsCalledByTheLevelsThatHold) {
  const TestFolder folder;
  Diagnostics diags;
  const std::string path =
      folder.write("job.yaml", "model: llama\n"
                               "plan:\n"
                               "  mesh: {a: 2, b: 2}\n"
                               "  shard:\n"
                               "    - {at: layers.0, heads: a}\n"
                               "    - {mlp: a, heads: a}\n"
                               "    - {at: [\"layers.*.mlp\", \"*.*.self_attn\"], mlp: b, heads: b}\n"
                               "train: {seq_len: 8, global_batch_size: 8, steps: 1}\n");
  const std::optional<Job> loaded = loadJob(path, withPlans(), diags);
  ASSERT_TRUE(loaded) << diags.str();
  const Job &job = *loaded;
  const ScopedAxes names(job.plan, job.model);
  ASSERT_FALSE(names.empty());
  EXPECT_EQ(names.nameAt("layers.0.mlp", "mlp"), "mlp.3");
  EXPECT_EQ(names.nameAt("layers.0.self_attn", "group"), "group.1.3"); // a part of heads
  EXPECT_EQ(names.nameAt("layers.1.self_attn", "group"), "group.3");
  EXPECT_EQ(names.nameAt("layers.1", "group"), "group");
  EXPECT_EQ(names.nameAt("layers.0.mlp", "embed"), "embed");

  const std::vector<Level> &levels = job.plan.shard;
  EXPECT_TRUE(speaksOf(1, levels[0], "group.1.3"));
  EXPECT_FALSE(speaksOf(1, levels[0], "group.3"));
  EXPECT_FALSE(speaksOf(1, levels[0], "group"));
  EXPECT_TRUE(speaksOf(2, levels[1], "group"));
  EXPECT_TRUE(speaksOf(2, levels[1], "group.1.3"));
  EXPECT_FALSE(speaksOf(3, levels[2], "group.13"));
  EXPECT_FALSE(speaksOf(1, levels[0], "group.13"));
}

} // namespace
} // namespace shardc::frontend
