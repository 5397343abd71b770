// The architectures that come with shardc, as typed specs.
#include "compiler/frontend/ConfigEval.h"
#include "tests/unit/frontend/Frontend.h"
#include <functional>

namespace shardc::frontend {
namespace {

ModelSpec load(const std::string &name) {
  TestFolder folder;
  Diagnostics diags;
  const std::string text = "model: " + name + "\ntrain: {seq_len: 8, global_batch_size: 2, steps: 1}\n";
  std::optional<Job> job = loadJob(folder.write("job.yaml", text), withPlans(), diags);
  EXPECT_TRUE(job) << diags.str();
  return job ? std::move(job->model) : ModelSpec();
}

TEST(ModelSpec, HoldsGpt2) {
  ModelSpec model = load("gpt2");
  EXPECT_EQ(model.hf.prefix, "transformer.");
  EXPECT_EQ(model.hf.types[0].name.value, "gpt2");
  EXPECT_EQ(model.hf.renames[0].first.value, "n_embd");
  EXPECT_EQ(model.hf.ignore[1].value, "attn.masked_bias");
  EXPECT_EQ(model.input("labels")->shift, 1);
  EXPECT_EQ(model.input("labels")->ignore, -100);
  EXPECT_FALSE(model.input("tokens")->ignore);

  const ModuleSpec &attention = *model.module("attention");
  const WeightSpec &fused = *attention.weight("c_attn.weight");
  ASSERT_EQ(fused.dims.size(), 2u);
  EXPECT_EQ(fused.dims[0].axes[0].value, "embed");
  ASSERT_EQ(fused.dims[1].axes.size(), 3u);
  EXPECT_EQ(fused.dims[1].axes[2].value, "head_dim");
  EXPECT_EQ(fused.init.kind, InitSpec::Kind::Normal);
  EXPECT_EQ(toString(*fused.init.std), "initializer_range");
  EXPECT_EQ(toString(*attention.weight("c_proj.weight")->init.std),
            "initializer_range / (2 * num_hidden_layers) ** 0.5");
  EXPECT_EQ(attention.weight("c_attn.bias")->init.kind, InitSpec::Kind::Zeros);
  EXPECT_EQ(attention.forward.body[0].targets.size(), 3u);

  const ModuleSpec &main = *model.module("main");
  EXPECT_EQ(toString(*main.child("h")->repeat), "num_hidden_layers");
  EXPECT_EQ(main.child("ln_f")->repeat, nullptr);
  const WeightSpec &head = *main.weight("lm_head.weight");
  EXPECT_EQ(head.tie->to.value, "wte.weight");
  EXPECT_EQ(toString(*head.tie->when), "tie_word_embeddings");
  EXPECT_EQ(head.hf->value, "/lm_head.weight");
  EXPECT_EQ(main.forward.params[1].value, "labels");
}

TEST(ModelSpec, HoldsTheLibraryOfFunctions) {
  ModelSpec model = load("llama");
  const Function *norm = model.function("layer_norm");
  ASSERT_TRUE(norm);
  EXPECT_EQ(norm->params.size(), 5u);
  EXPECT_TRUE(norm->at.file->name.ends_with("functions.yaml"));
  EXPECT_EQ(model.function("sum"), nullptr); // built in
}

TEST(ModelSpec, HoldsWhatLayersOverride) {
  ModelSpec model = load("gemma");
  const ModuleSpec &main = *model.module("main");
  Diagnostics diags;
  Scope root(model, {});
  std::string locals;
  for (int64_t layer = 0; layer < 4; ++layer)
    locals += root.child(*main.child("layers"), layer, diags)->get("local", {}, diags)->str() + " ";
  EXPECT_EQ(locals, "true false true false ");
  EXPECT_EQ(root.present(*model.module("attention")->child("q_norm"), std::nullopt, diags), false);
}

TEST(ModelSpec, CountsParametersAsPublished) {
  // whole models, tied heads counted once: GPT-2 124M, Llama-3-8B, Qwen3-0.6B
  for (auto [name, expected] :
       {std::pair("gpt2", 124439808LL), {"llama", 8030261248LL}, {"qwen3", 596049920LL}}) {
    ModelSpec model = load(name);
    if (model.name.value == "llama") {
      Diagnostics diags;
      Node eight;
      eight.text = "8";
      resolveScalar(eight);
      model.setConfig(*decodeConfigEntry({"num_key_value_heads", {}, eight}, diags), diags);
    }
    Diagnostics diags;
    std::function<int64_t(const ModuleSpec &, const Scope &)> count = [&](const ModuleSpec &module,
                                                                          const Scope &scope) {
      int64_t total = 0;
      for (const WeightSpec &weight : module.weights) {
        if (!*scope.holds(weight.when, diags) || (weight.tie && *scope.holds(weight.tie->when, diags)))
          continue;
        int64_t size = 1;
        for (const Dimension &dimension : weight.dims)
          for (const Name &axis : dimension.axes)
            size *= *scope.size(axis.value, axis.at, diags);
        total += size;
      }
      for (const ChildSpec &child : module.children)
        for (int64_t layer = 0; layer < *scope.repeats(child, diags); ++layer)
          if (*scope.present(child, layer, diags))
            total += count(*scope.moduleOf(child, layer, diags), *scope.child(child, layer, diags));
      return total;
    };
    EXPECT_EQ(count(*model.module("main"), Scope(model, {})), expected) << name;
    EXPECT_TRUE(diags.empty()) << diags.str();
  }
}

} // namespace
} // namespace shardc::frontend
