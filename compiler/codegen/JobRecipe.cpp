//===- JobRecipe.cpp - a job's recipe as the trainer is handed it ----------===//

#include "compiler/codegen/Package.h"
#include "compiler/frontend/JobSpec.h"
#include "dialects/exec/Exec.h"
#include "dialects/nn/Nn.h"

#include <limits>

using namespace mlir;

namespace shardc::codegen {

/// The size of the parameters' axis `vocab`; without one, any token will do.
static int64_t vocabOf(ModuleOp module) {
  int64_t size = 0;
  auto visit = [&](Type type) {
    if (auto tensor = dyn_cast<nn::NamedTensorType>(type))
      for (nn::AxisAttr axis : tensor.getAxes())
        if (nn::plainName(axis.getName()) == "vocab")
          size = axis.getSize();
  };
  module.walk([&](exec::GlobalOp global) { // of all stages
    if (auto placed = global->getAttrOfType<TypeAttr>("exec.placed");
        placed && global.getKind() == "parameter") {
      visit(placed.getValue());
      if (auto bundle = dyn_cast<nn::BundleType>(placed.getValue()))
        llvm::for_each(bundle.getTypes(), visit);
    }
  });
  return size ? size : std::numeric_limits<int32_t>::max();
}

Recipe recipeOf(ModuleOp execModule, const frontend::Job &job) {
  const frontend::Train &train = job.train;
  Recipe recipe;
  recipe.name = job.name;
  recipe.target = job.target == frontend::Target::Cuda ? Target::cuda : Target::cpu;
  recipe.steps = train.steps.value;
  recipe.globalBatch = train.globalBatchSize.value;
  recipe.microbatches = job.plan.microbatches.value;
  recipe.seqLen = train.seqLen.value;
  recipe.vocab = vocabOf(execModule);
  recipe.seed = train.seed.value;
  if (const auto &data = train.data) {
    if (const auto &path = data->text ? data->text : data->tokens)
      recipe.data = (job.folder / path->value).lexically_normal().string();
    recipe.tokenizer = data->tokenizer.value;
  }
  recipe.filePrefix = job.model.hf.prefix;
  for (const frontend::Name &name : job.model.hf.ignore)
    recipe.ignoredTensors.push_back(name.value);
  if (train.eval) {
    recipe.evalEvery = train.eval->every.value;
    recipe.evalBatches = train.eval->count.value;
  }
  if (train.checkpoint) {
    recipe.checkpointEvery = train.checkpoint->every.value;
    recipe.checkpointKeep = train.checkpoint->count.value;
  }
  return recipe;
}

LogicalResult writePackage(ModuleOp execModule, const frontend::Job &job,
                           const std::filesystem::path &folder) {
  return writePackage(execModule, recipeOf(execModule, job), folder);
}

} // namespace shardc::codegen
