//===- Recipe.cpp - the training recipe as attributes ---------------------===//
#include "compiler/frontend/build/Recipe.h"
#include "compiler/frontend/build/FunctionBuilder.h"

#include "dialects/nn/FileNames.h"

#include "mlir/IR/Builders.h"

#include <fmt/format.h>

using namespace mlir;

namespace shardc::frontend::build {
namespace {

/// The data is tokens, and labels that are the tokens one ahead; the step counts the labels.
void checkInputs(const Job &job, Diagnostics &diags) {
  const Function &main = job.model.module("main")->forward;
  if (llvm::none_of(main.params, [](const Name &param) { return param.value == "labels"; }))
    diags.error(main.at, "main does not take an input 'labels'")
        .note("the loss is divided by the number of labels that are not ignored");
  for (const Name &param : main.params) {
    const InputSpec &input = *job.model.input(param.value);
    const bool isLabels = param.value == "labels";
    const int64_t shift = isLabels ? 1 : 0;
    if (!isLabels && param.value != "tokens") {
      diags.error(input.name.at, fmt::format("input '{}' is not supported yet", param.value))
          .note("the data has 'tokens' and 'labels'");
      continue;
    }
    if (input.axes.size() != 2 || input.axes[0].value != "batch" || input.axes[1].value != "seq" ||
        input.dtype.value != "i32")
      diags.error(input.name.at, fmt::format("input '{}' must be i32 with axes [batch, seq]", param.value));
    if (input.shift != shift)
      diags.error(input.name.at, fmt::format("input '{}' has shift {}; the data has it with shift {}",
                                             param.value, input.shift, shift));
  }
}

/// Names that have a meaning of their own in the program.
void checkNames(const Job &job, Diagnostics &diags) {
  for (const AxisSpec &axis : job.model.axes)
    if (axis.name.value == "key_seq")
      diags.error(axis.name.at,
                  "axis 'key_seq' is what attention calls 'seq' of its keys and cannot be declared");
  for (const Function &function : job.model.functions)
    if (findBuiltin(function.name) || isReservedFunction(function.name))
      diags.error(function.at, fmt::format("'{}' is a function of the language already", function.name))
          .note("give it another name");
}

} // namespace

DictionaryAttr buildTies(MLIRContext &context, const Job &job, Diagnostics &diags) {
  const StepSizes sizes{job.train.globalBatchSize.value / job.plan.microbatches.value,
                        job.train.seqLen.value};
  const Scope scope(job.model, sizes);
  const Padding padding(job, scope);
  Dependencies unused;
  auto fields = FieldCollector(context, padding, diags)
                    .collect(*job.model.module("main"), scope, unused, /*ownOnly=*/false);
  auto whole = [&](const std::string &file) { return nn::fileNameOf(file, job.model.hf.prefix); };
  NamedAttrList ties;
  for (const Field &field : fields.value_or(std::vector<Field>()))
    for (const std::string &alias : field.aliases)
      ties.set(whole(alias), StringAttr::get(&context, whole(field.file)));
  return ties.empty() ? DictionaryAttr() : ties.getDictionary(&context);
}

bool checkRecipe(const Job &job, Diagnostics &diags) {
  const size_t before = diags.size();
  checkInputs(job, diags);
  checkNames(job, diags);
  return diags.size() == before;
}

DictionaryAttr buildRecipe(MLIRContext &context, const Job &job) {
  Builder builder(&context);
  auto entry = [&](const char *name, Attribute value) { return builder.getNamedAttr(name, value); };
  auto whole = [&](int64_t value) { return builder.getI64IntegerAttr(value); };
  auto real = [&](double value) { return builder.getF64FloatAttr(value); };

  const Optimizer &optimizer = job.train.optimizer;
  const char *optimizerName = optimizer.kind.value == Optimizer::Kind::AdamW ? "adamw" : "sgd";
  NamedAttrList optimizerAttrs;
  optimizerAttrs.set("name", builder.getStringAttr(optimizerName));
  optimizerAttrs.set("lr", real(optimizer.lr.value));
  optimizerAttrs.set("beta1", real(optimizer.beta1.value));
  optimizerAttrs.set("beta2", real(optimizer.beta2.value));
  optimizerAttrs.set("eps", real(optimizer.eps.value));
  optimizerAttrs.set("weight_decay", real(optimizer.weightDecay.value));
  if (optimizer.momentum.value != 0)
    optimizerAttrs.set("momentum", real(optimizer.momentum.value));

  const LrSchedule &schedule = job.train.schedule;
  const char *scheduleName = "constant";
  if (schedule.kind.value != LrSchedule::Kind::Constant)
    scheduleName = schedule.kind.value == LrSchedule::Kind::Linear ? "linear" : "cosine";
  DictionaryAttr scheduleAttr =
      builder.getDictionaryAttr({entry("name", builder.getStringAttr(scheduleName)),
                                 entry("warmup_steps", whole(schedule.warmupSteps.value)),
                                 entry("min_lr", real(schedule.minLr.value))});

  NamedAttrList recipe;
  recipe.set("microbatches", whole(job.plan.microbatches.value));
  recipe.set("global_batch_size", whole(job.train.globalBatchSize.value));
  recipe.set("seq_len", whole(job.train.seqLen.value));
  recipe.set("steps", whole(job.train.steps.value));
  recipe.set("seed", whole(job.train.seed.value));
  recipe.set("optimizer", optimizerAttrs.getDictionary(&context));
  recipe.set("lr_schedule", scheduleAttr);
  recipe.set("max_grad_norm", real(job.train.maxGradNorm ? job.train.maxGradNorm->value : 0.0));
  recipe.set("eval_batches", whole(job.train.eval ? job.train.eval->count.value : 0));
  if (job.train.emaDecay)
    recipe.set("ema_decay", real(job.train.emaDecay->value));
  return recipe.getDictionary(&context);
}

} // namespace shardc::frontend::build
