// Jobs that are right: names, paths and inline parts, short forms, overrides, defaults.
#include "compiler/frontend/ConfigEval.h"
#include "tests/unit/frontend/Frontend.h"

namespace shardc::frontend {
namespace {

Job loadText(const std::string &text, std::vector<std::string> sets = {}) {
  TestFolder folder;
  Diagnostics diags;
  std::optional<Job> job = loadJob(folder.write("job.yaml", text), withPlans(std::move(sets)), diags);
  EXPECT_TRUE(job) << diags.str();
  return job ? std::move(*job) : Job();
}

const std::string recipe = "train: {seq_len: 64, global_batch_size: 16, steps: 10}\n";

TEST(LoadJob, ReadsTheExampleOfTheLanguagePage) {
  Job job = loadText(R"(
model: gpt2
config:
  hidden_size: 384
  num_hidden_layers: 6
  num_attention_heads: 6
plan: {mesh: {dp: 2, tp: 2}, shard: [{batch: dp}, {heads: tp, mlp: tp, vocab: tp}, {seq: tp}]}
train:
  data: {text: scripture.txt, tokenizer: bytes}
  seq_len: 256
  global_batch_size: 32
  steps: 300
  optimizer: {name: adamw, lr: 6.0e-4, betas: [0.9, 0.95], eps: 1.0e-8, weight_decay: 0.1}
  lr_schedule: {name: cosine, warmup_steps: 20, min_lr: 6.0e-5}
  max_grad_norm: 1.0
  seed: 1234
  eval: {every: 50, batches: 8}
target: cpu
)");
  EXPECT_EQ(job.name, "job");
  EXPECT_EQ(job.model.name.value, "gpt2");
  EXPECT_EQ(job.plan.worldSize(), 4);
  EXPECT_EQ(job.plan.dataRanks(), 2);
  ASSERT_EQ(job.plan.mesh.size(), 2u);
  EXPECT_EQ(job.plan.mesh[0].name.value, "dp");
  ASSERT_EQ(job.plan.shard.size(), 3u);
  ASSERT_EQ(job.plan.shard[1].rules.size(), 3u);
  EXPECT_EQ(job.plan.shard[1].rules[2].axis.value, "vocab");
  EXPECT_EQ(job.plan.shard[1].rules[2].meshAxes[0].value, "tp");
  EXPECT_EQ(job.plan.microbatches.value, 1);
  EXPECT_EQ(job.train.data->text->value, "scripture.txt");
  EXPECT_EQ(job.train.seqLen.value, 256);
  EXPECT_EQ(job.train.seqLen.at.line, 10);
  EXPECT_EQ(job.train.seqLen.at.column, 12);
  EXPECT_DOUBLE_EQ(job.train.optimizer.lr.value, 6e-4);
  EXPECT_DOUBLE_EQ(job.train.optimizer.beta2.value, 0.95);
  EXPECT_EQ(job.train.schedule.kind.value, LrSchedule::Kind::Cosine);
  EXPECT_DOUBLE_EQ(job.train.maxGradNorm->value, 1.0);
  EXPECT_EQ(job.train.eval->count.value, 8);

  Diagnostics diags;
  Scope scope(job.model, {32, 256});
  EXPECT_EQ(scope.size("embed", job.at, diags), 384);
  EXPECT_EQ(scope.size("mlp", job.at, diags), 4 * 384);
  EXPECT_EQ(scope.size("head_dim", job.at, diags), 64);
}

TEST(LoadJob, LoadsEveryModelUnderEveryPlan) {
  for (const char *model : {"gpt2", "llama", "qwen3", "gemma"})
    for (const char *plan :
         {"single", "ddp", "tp", "tp_sp", "dp_tp_sp", "zero1", "zero2", "zero3", "hsdp", "tp_sp_zero3"}) {
      Job job = loadText(std::string("model: ") + model + "\nplan: " + plan + "\n" + recipe);
      EXPECT_EQ(job.model.name.value, model);
      EXPECT_EQ(job.plan.name.value, plan);
    }
}

TEST(LoadJob, FillsInDefaults) {
  Job job = loadText("model: llama\n" + recipe);
  EXPECT_TRUE(job.plan.mesh.empty());
  EXPECT_EQ(job.plan.worldSize(), 1);
  EXPECT_EQ(job.plan.microbatches.value, 1);
  EXPECT_EQ(job.train.optimizer.kind.value, Optimizer::Kind::AdamW);
  EXPECT_DOUBLE_EQ(job.train.optimizer.beta1.value, 0.9);
  EXPECT_DOUBLE_EQ(job.train.optimizer.eps.value, 1e-8);
  EXPECT_EQ(job.train.schedule.kind.value, LrSchedule::Kind::Constant);
  EXPECT_FALSE(job.train.maxGradNorm);
  EXPECT_FALSE(job.train.data);
  EXPECT_FALSE(job.train.eval);
  EXPECT_EQ(job.target, Target::Cpu);
}

TEST(LoadJob, ExpandsDegrees) {
  Job job = loadText("model: llama\nplan: {data_parallel_replicate_degree: 2, data_parallel_shard_degree: 1, "
                     "tensor_parallel_degree: 4, pipeline_parallel_degree: 1}\n" +
                     recipe);
  ASSERT_EQ(job.plan.mesh.size(), 2u);
  EXPECT_EQ(job.plan.mesh[0].name.value, "dp");
  EXPECT_EQ(job.plan.mesh[1].name.value, "tp");
  EXPECT_EQ(job.plan.worldSize(), 8);
  ASSERT_EQ(job.plan.shard.size(), 3u);
  EXPECT_EQ(job.plan.shard[2].rules[0].axis.value, "seq");
}

TEST(LoadJob, ShardDegreesRest) {
  const std::string head =
      "model: llama\nplan: {tensor_parallel_degree: 2, enable_sequence_parallel: false, ";
  Plan hybrid =
      loadText(head + "data_parallel_replicate_degree: 2, data_parallel_shard_degree: 4}\n" + recipe).plan;
  ASSERT_EQ(hybrid.mesh.size(), 3u);
  EXPECT_EQ(hybrid.mesh[0].name.value, "replicate");
  EXPECT_EQ(hybrid.mesh[1].name.value, "shard");
  EXPECT_EQ(hybrid.dataRanks(), 8);
  EXPECT_EQ(hybrid.shard.size(), 2u); // no sequence parallel
  EXPECT_EQ(hybrid.atRest.stage, 3);
  ASSERT_EQ(hybrid.atRest.levels.size(), 1u);
  ASSERT_EQ(hybrid.atRest.levels[0].rules[0].meshAxes.size(), 1u);
  EXPECT_EQ(hybrid.atRest.levels[0].rules[0].meshAxes[0].value, "shard");
  EXPECT_TRUE(hybrid.atRest.reshardAfterForward);

  Plan kept =
      loadText(head + "data_parallel_shard_degree: 4, fsdp_reshard_after_forward: never}\n" + recipe).plan;
  EXPECT_EQ(kept.mesh[0].name.value, "dp");
  EXPECT_EQ(kept.atRest.stage, 3);
  EXPECT_FALSE(kept.atRest.reshardAfterForward);
}

TEST(LoadJob, ZeroSaysWhatRests) {
  const std::string head = "model: llama\nplan: {mesh: {a: 2, b: 2}, shard: [{batch: [a, b]}], ";
  for (int stage : {0, 1, 2, 3}) {
    AtRest rest = loadText(head + "zero: " + std::to_string(stage) + "}\n" + recipe).plan.atRest;
    EXPECT_EQ(rest.stage, stage);
    EXPECT_EQ(rest.levels.size(), stage ? 1u : 0u);
    EXPECT_EQ(rest.reduceLast, stage < 2);
  }
  AtRest rest = loadText(head + "zero: 3, parameters: {reduce_gradients: last}}\n" + recipe).plan.atRest;
  EXPECT_TRUE(rest.reduceLast);
  EXPECT_EQ(rest.levels[0].rules[0].meshAxes.size(), 2u); // all that divide the batch
  EXPECT_FALSE(rest.gatherModules);
  rest =
      loadText(head + "parameters: {at_rest: {auto: b, embed: a}, gather: module}}\n" + recipe).plan.atRest;
  EXPECT_EQ(rest.stage, 3);
  EXPECT_TRUE(rest.gatherModules);
  ASSERT_EQ(rest.levels.size(), 2u); // auto is the last
  EXPECT_EQ(rest.levels[1].rules[0].axis.value, autoAxis);
}

TEST(LoadJob, ReadsSizesOfBuckets) {
  auto bucket = [](const std::string &size) {
    return loadText("model: llama\nplan: {mesh: {dp: 2}, shard: [{batch: dp}]" + size + "}\n" + recipe)
        .plan.movements.bucketBytes;
  };
  EXPECT_EQ(bucket(""), 25 << 20);
  EXPECT_EQ(bucket(", parameters: {bucket: 0}"), 0);
  EXPECT_EQ(bucket(", parameters: {bucket: 512}"), 512);
  EXPECT_EQ(bucket(", parameters: {bucket: 64 KiB}"), 64 << 10);
  EXPECT_EQ(bucket(", parameters: {bucket: 2GiB}"), int64_t(2) << 30);
}

TEST(LoadJob, TakesMicroBatchesInThreeWays) {
  const std::string head = "model: llama\nplan: {mesh: {dp: 2}, shard: [{batch: dp}], ";
  EXPECT_EQ(loadText(head + "microbatches: 4}\n" + recipe).plan.microbatches.value, 4);
  EXPECT_EQ(loadText(head + "gradient_accumulation_steps: 2}\n" + recipe).plan.microbatches.value, 2);
  EXPECT_EQ(loadText(head + "micro_batch_size: 2}\n" + recipe).plan.microbatches.value, 4);
  EXPECT_EQ(
      loadText(head + "micro_batch_size: 2, microbatches: 4, gradient_accumulation_steps: 4}\n" + recipe)
          .plan.microbatches.value,
      4);
}

TEST(LoadJob, AppliesOverrides) {
  Job job = loadText("model: llama\nplan: ddp\n" + recipe,
                     {"train.steps=20", "train.optimizer.lr=1e-3", "plan.mesh.dp=4", "config.hidden_size=64",
                      "config.num_attention_heads=hidden_size / 8", "plan.microbatches=2",
                      "train.max_grad_norm=null", "target=cuda"});
  EXPECT_EQ(job.train.steps.value, 20);
  EXPECT_EQ(job.train.steps.at.str(), "--set train.steps=20");
  EXPECT_DOUBLE_EQ(job.train.optimizer.lr.value, 1e-3);
  EXPECT_EQ(job.plan.worldSize(), 4);
  EXPECT_EQ(job.plan.microbatches.value, 2);
  EXPECT_EQ(job.target, Target::Cuda);
  Diagnostics diags;
  EXPECT_EQ(Scope(job.model, {}).size("head_dim", job.at, diags), 8);
}

TEST(LoadJob, AppliesOverridesInsideListsAndOfWholeParts) {
  Job job = loadText("model: llama\n" + recipe,
                     {"plan=tp", "plan.shard.0={heads: tp, vocab: tp}", "train.data={text: a.txt}"});
  EXPECT_EQ(job.plan.name.value, "tp");
  EXPECT_EQ(job.plan.shard[0].rules.size(), 2u);
  EXPECT_EQ(job.train.data->text->value, "a.txt");
}

TEST(LoadJob, FindsPartsBesideTheJobFirst) {
  TestFolder folder;
  folder.write("mine.yaml", "mesh: {x: 3}\nshard: [{batch: x}]\n");
  folder.write("recipes/short.yaml", "seq_len: 8\nglobal_batch_size: 3\nsteps: 1\n");
  const std::string path = folder.write("job.yaml", "model: llama\nplan: mine\ntrain: recipes/short.yaml\n");
  Diagnostics diags;
  std::optional<Job> job = loadJob(path, withPlans(), diags);
  ASSERT_TRUE(job) << diags.str();
  EXPECT_EQ(job->plan.worldSize(), 3);
  EXPECT_EQ(job->train.name.value, "short");
  EXPECT_EQ(job->train.steps.value, 1);
}

TEST(LoadJob, MayBeCalledLikeItsModel) {
  TestFolder folder;
  Diagnostics diags;
  std::optional<Job> job =
      loadJob(folder.write("gpt2.yaml", "model: gpt2\nplan: single\n" + recipe), withPlans(), diags);
  ASSERT_TRUE(job) << diags.str();
  EXPECT_EQ(job->name, "gpt2");
  EXPECT_TRUE(job->model.module("block"));
}

TEST(LoadJob, TakesAHuggingFaceFolder) {
  TestFolder folder;
  folder.write("hub/config.json", R"({"architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2",
    "hidden_act": "silu", "hidden_size": 896, "num_attention_heads": 14, "num_key_value_heads": 2,
    "num_hidden_layers": 24, "intermediate_size": 4864, "rope_scaling": null, "max_position_embeddings": 32768,
    "use_sliding_window": false, "torch_dtype": "bfloat16", "vocab_size": 151936})");
  const std::string path = folder.write("job.yaml", "model: hub\nconfig: {num_hidden_layers: 2}\n" + recipe);
  Diagnostics diags;
  std::optional<Job> job = loadJob(path, withPlans(), diags);
  ASSERT_TRUE(job) << diags.str();
  EXPECT_EQ(job->model.name.value, "llama");
  Scope scope(job->model, {});
  EXPECT_EQ(scope.get("hidden_size", job->at, diags)->number, 896);
  EXPECT_EQ(scope.get("num_hidden_layers", job->at, diags)->number, 2);
  EXPECT_TRUE(scope.get("qkv_bias", job->at, diags)->truth());
}

TEST(LoadJob, RefusesFilesThatAreTooLarge) {
  TestFolder folder;
  const std::string padding = "# " + std::string(maxModelBytes, 'x') + "\n";
  const std::string large = folder.write("large.yaml", "model: llama\n" + recipe + padding);
  const std::string job = folder.write("job.yaml", "model: large.yaml\n" + recipe);
  Diagnostics diags;
  EXPECT_FALSE(loadJob(large, withPlans(), diags));
  EXPECT_FALSE(loadJob(job, withPlans(), diags));
  EXPECT_EQ(diags.str(), large + ": error: '" + large +
                             "' is larger than 64 KiB, the limit for this kind of file\n" + job +
                             ":1:8: error: '" + large +
                             "' is larger than 256 KiB, the limit for this kind of file\n");
}

TEST(LoadJob, RefusesWhatIsNoFile) {
  TestFolder folder;
  Diagnostics diags;
  EXPECT_FALSE(loadJob(folder.path("none.yaml"), withPlans(), diags));
  EXPECT_FALSE(loadJob(folder.path("."), withPlans(), diags));
  EXPECT_FALSE(loadJob("/dev/null", withPlans(), diags));
  EXPECT_FALSE(loadJob("", withPlans(), diags));
  const std::string none = folder.path("none.yaml"), here = folder.path(".");
  EXPECT_EQ(diags.str(),
            none + ": error: '" + none + "' does not exist\n" + here + ": error: '" + here +
                "' is a folder, not a file\n" +
                "/dev/null: error: '/dev/null' is not a regular file\n: error: '' does not exist\n");
}

TEST(LoadJob, ReadsFilesOfOtherSystems) {
  std::string text = "\xEF\xBB\xBFmodel: llama\n" + recipe;
  for (size_t at = 0; (at = text.find('\n', at)) != std::string::npos; at += 2)
    text.replace(at, 1, "\r\n");
  EXPECT_EQ(loadText(text).train.steps.value, 10);
}

TEST(LoadJob, DataRanksFollowTheOrderOfLevels) {
  Job job =
      loadText("model: llama\nplan: {mesh: {a: 2, b: 2}, shard: [{seq: a}, {batch: [a, b]}]}\n" + recipe);
  EXPECT_EQ(job.plan.dataRanks(), 2); // `seq` has taken `a`
}

} // namespace
} // namespace shardc::frontend
