// config.json as config: what is read, renamed, expected, harmless and refused.
#include "compiler/frontend/HfConfig.h"
#include "compiler/frontend/ConfigEval.h"
#include "tests/unit/frontend/Frontend.h"

namespace shardc::frontend {
namespace {

/// The model that comes with shardc, with this config.json put into its config.
ModelSpec import(const std::string &json) {
  TestFolder folder;
  folder.write("hub/config.json", json);
  Diagnostics diags;
  std::optional<Job> job =
      loadJob(folder.write("job.yaml", "model: ./hub\ntrain: {seq_len: 8, global_batch_size: 2, steps: 1}\n"),
              withPlans(), diags);
  EXPECT_TRUE(job) << diags.str();
  return job ? std::move(job->model) : ModelSpec();
}

std::string valueOf(const ModelSpec &model, const char *key) {
  Diagnostics diags;
  std::optional<Value> value = Scope(model, {}).get(key, {}, diags);
  return value ? value->str() : diags.str();
}

TEST(HfConfig, ReadsGpt2) {
  ModelSpec model = import(R"({
  "activation_function": "gelu_new", "architectures": ["GPT2LMHeadModel"], "attn_pdrop": 0.1,
  "bos_token_id": 50256, "embd_pdrop": 0.1, "eos_token_id": 50256, "initializer_range": 0.02,
  "layer_norm_epsilon": 1e-05, "model_type": "gpt2", "n_ctx": 1024, "n_embd": 1280, "n_head": 20, "n_inner": null,
  "n_layer": 36, "n_positions": 1024, "resid_pdrop": 0.0, "summary_activation": null, "summary_use_proj": true,
  "task_specific_params": {"text-generation": {"do_sample": true, "max_length": 50}}, "vocab_size": 50257,
  "is_decoder": false, "pruned_heads": {}
})");
  EXPECT_EQ(model.name.value, "gpt2");
  EXPECT_EQ(valueOf(model, "hidden_size"), "1280");
  EXPECT_EQ(valueOf(model, "intermediate_size"), "5120"); // null: the default here
  EXPECT_EQ(valueOf(model, "layer_norm_epsilon"), "1e-05");
  EXPECT_EQ(valueOf(model, "resid_pdrop"), "0");
}

TEST(HfConfig, ReadsLlama31) {
  ModelSpec model = import(R"({
  "architectures": ["LlamaForCausalLM"], "attention_bias": false, "attention_dropout": 0.0, "bos_token_id": 128000,
  "eos_token_id": [128001, 128008], "hidden_act": "silu", "hidden_size": 4096, "initializer_range": 0.02,
  "intermediate_size": 14336, "max_position_embeddings": 131072, "mlp_bias": false, "model_type": "llama",
  "num_attention_heads": 32, "num_hidden_layers": 32, "num_key_value_heads": 8, "pretraining_tp": 1,
  "rms_norm_eps": 1e-05, "rope_scaling": {"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
  "original_max_position_embeddings": 8192, "rope_type": "llama3"}, "rope_theta": 500000.0,
  "tie_word_embeddings": false, "torch_dtype": "bfloat16", "transformers_version": "4.43.0", "use_cache": true,
  "vocab_size": 128256
})");
  EXPECT_EQ(valueOf(model, "num_key_value_heads"), "8");
  EXPECT_EQ(valueOf(model, "rope_scaling"), "{factor: 8.0, low_freq_factor: 1.0, high_freq_factor: 4.0, "
                                            "original_max_position_embeddings: 8192, rope_type: llama3}");
}

TEST(HfConfig, KnowsWhatAnOldLlamaLeavesUnsaid) {
  ModelSpec model = import(R"({"model_type": "llama", "hidden_size": 4096, "num_attention_heads": 32})");
  EXPECT_EQ(valueOf(model, "rope_theta"), "10000");
  EXPECT_EQ(valueOf(model, "num_key_value_heads"), "32");
}

TEST(HfConfig, ReadsQwen2WithItsUnusedWindow) {
  ModelSpec model = import(R"({"model_type": "qwen2", "hidden_act": "silu", "max_window_layers": 28,
  "sliding_window": 131072, "use_sliding_window": false, "attention_dropout": 0.0, "rope_theta": 1000000.0})");
  EXPECT_EQ(valueOf(model, "qkv_bias"), "true");
  EXPECT_EQ(valueOf(model, "use_sliding_window"), "false");
  EXPECT_EQ(valueOf(import(R"({"model_type": "mistral", "sliding_window": 4096})"), "use_sliding_window"),
            "true");
}

TEST(HfConfig, ReadsQwen3) {
  ModelSpec model =
      import(R"({"architectures": ["Qwen3ForCausalLM"], "attention_bias": false, "attention_dropout": 0.0,
  "bos_token_id": 151643, "eos_token_id": 151645, "head_dim": 128, "hidden_act": "silu", "hidden_size": 1024,
  "initializer_range": 0.02, "intermediate_size": 3072, "max_position_embeddings": 40960, "max_window_layers": 28,
  "model_type": "qwen3", "num_attention_heads": 16, "num_hidden_layers": 28, "num_key_value_heads": 8,
  "rms_norm_eps": 1e-06, "rope_scaling": null, "rope_theta": 1000000, "sliding_window": null,
  "tie_word_embeddings": true, "torch_dtype": "bfloat16", "transformers_version": "4.51.0", "use_cache": true,
  "use_sliding_window": false, "vocab_size": 151936})");
  EXPECT_EQ(model.name.value, "qwen3");
  EXPECT_EQ(valueOf(model, "rope_theta"), "1000000");
}

TEST(HfConfig, ReadsGemma2And3) {
  ModelSpec two = import(R"({"model_type": "gemma2", "attention_bias": false, "attention_dropout": 0.0,
  "attn_logit_softcapping": 50.0, "cache_implementation": "hybrid", "final_logit_softcapping": 30.0, "head_dim": 256,
  "hidden_act": "gelu_pytorch_tanh", "hidden_activation": "gelu_pytorch_tanh", "hidden_size": 2304,
  "query_pre_attn_scalar": 256, "sliding_window": 4096, "rope_theta": 20000.0})");
  EXPECT_EQ(valueOf(two, "qk_norm"), "false");
  EXPECT_EQ(valueOf(two, "rope_local_base_freq"), "20000"); // one theta for all layers
  ModelSpec three =
      import(R"({"model_type": "gemma3_text", "attn_logit_softcapping": null, "sliding_window": 512,
  "final_logit_softcapping": null, "rope_local_base_freq": 10000, "sliding_window_pattern": 6})");
  EXPECT_EQ(valueOf(three, "qk_norm"), "true");
  EXPECT_EQ(valueOf(three, "final_logit_softcapping"), "null");
}

TEST(Json, KnowsPlacesOfKeys) {
  Diagnostics diags;
  std::optional<Node> root = parseJson(
      sourceOf("{\n  \"a\\\"b\": [1, {\"c\": null}],\n  \"d\": -1.5e3, \"e\": \"x\"\n}\n", "c.json"), diags);
  ASSERT_TRUE(root) << diags.str();
  EXPECT_EQ(root->entries[0].key, "a\"b");
  EXPECT_EQ(root->entries[0].keyAt.str(), "c.json:2:3");
  EXPECT_EQ(root->entries[0].value.items[1].entries[0].keyAt.str(), "c.json:2:16");
  EXPECT_EQ(root->entries[1].keyAt.str(), "c.json:3:3");
  EXPECT_EQ(root->entries[1].value.number, -1500);
  EXPECT_EQ(root->entries[2].keyAt.str(), "c.json:3:16");
}

} // namespace
} // namespace shardc::frontend
