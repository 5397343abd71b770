//===- Programs.cpp - the sound programs that are broken ------------------===//

#include "tests/mutants/Programs.h"

#include "compiler/Pipelines.h"
#include "compiler/frontend/Diagnostics.h"

#include "dialects/exec/Exec.h"

using namespace mlir;
using namespace shardc;
using namespace shardc::interpreter;
using namespace shardc::interpreter::test;

namespace {
struct Case {
  const char *name, *model, *config, *plan;
};

/// No weight of these has a gradient that is zero but for rounding: keys have no bias of their own.
const Case cases[] = {
    {"gpt2 dp_tp_sp", "gpt2", "num_hidden_layers: 2, vocab_size: 50256", "dp_tp_sp"},
    {"llama tp_sp", "llama", "num_hidden_layers: 2, num_attention_heads: 4, num_key_value_heads: 2", "tp_sp"},
    {"qwen3 pp2 ddp", "qwen3", "num_hidden_layers: 2, tie_word_embeddings: true",
     "{mesh: {pp: 2, dp: 2}, shard: [{batch: dp}], pipeline: {axis: pp}}"},
    {"gpt2 pp3", "gpt2", "num_hidden_layers: 3", "{mesh: {pp: 3}, pipeline: {axis: pp}}"},
    {"gpt2 three-way", "gpt2", "num_hidden_layers: 1", "{mesh: {tp: 3}, shard: [{mlp: tp}, {seq: tp}]}"},
    {"llama two axes as one", "llama", "num_hidden_layers: 1, num_attention_heads: 8, num_key_value_heads: 4",
     "{mesh: {a: 2, b: 2}, shard: [{heads: [b, a], mlp: [b, a], vocab: [b, a]}, {seq: [b, a]}]}"},
    {"gemma mixed", "gemma", "num_hidden_layers: 1",
     "{mesh: {a: 2, b: 2}, shard: [{mlp: a}, {seq: [b, a]}, {embed: b}]}"},
    {"qwen3 hsdp", "qwen3", "num_hidden_layers: 1", "hsdp"},
};

std::string textOf(const Case &each) {
  return std::string("model: ") + each.model + "\nconfig: {" + each.config + "}\nplan: " + each.plan +
         "\ntrain: {seq_len: 48, global_batch_size: 8, steps: 20, optimizer: {name: adamw, lr: 1.0e-2}, "
         "max_grad_norm: 0.5, seed: 7}\n";
}
} // namespace

std::optional<mutants::Program> mutants::compile(const std::string &name, std::shared_ptr<JobUnderTest> job,
                                                 OwningOpRef<ModuleOp> built) {
  job->context.loadDialect<exec::ExecDialect>();
  job->context.printOpOnDiagnostic(false);
  Program program{name, job, {}, {}, {}, {}};
  program.global = std::move(built);
  if (failed(runPipeline(*program.global, Stage::Step)))
    return std::nullopt;
  program.dist = program.global->clone();
  if (failed(runPipeline(*program.dist, Stage::Dist, {.first = Stage::Pipe})))
    return std::nullopt;
  program.exec = program.dist->clone();
  if (failed(runPipeline(*program.exec, Stage::Exec, {.first = Stage::Exec})))
    return std::nullopt;
  uint64_t seed = uint64_t(job->job->train.seed.value);
  FailureOr<OneDevice> one = trainOnOneDevice(*program.global, seed, randomInputs(*program.global, seed), 1);
  if (failed(one))
    return std::nullopt;
  program.one = std::move(*one);
  return program;
}

std::optional<std::vector<mutants::Program>> mutants::soundPrograms() {
  std::vector<Program> programs;
  for (const Case &each : cases) {
    auto job = std::make_shared<JobUnderTest>(textOf(each));
    frontend::Diagnostics diags;
    if (job->isValid())
      job->job->plan.microbatches.value = 2;
    std::optional<ShrunkJob> shrunk = job->isValid() ? shrink(*job->job, diags) : std::nullopt;
    if (!shrunk) {
      llvm::errs() << each.name << ": " << job->errors << diags.str();
      return std::nullopt;
    }
    job->job = std::move(shrunk->job);
    OwningOpRef<ModuleOp> built = job->build();
    std::optional<Program> program = built ? compile(each.name, job, std::move(built)) : std::nullopt;
    if (!program) {
      llvm::errs() << each.name << ": " << job->errors;
      return std::nullopt;
    }
    programs.push_back(std::move(*program));
  }
  return programs;
}
