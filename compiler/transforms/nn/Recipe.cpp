//===- Recipe.cpp - the recipe that nn-step writes the training step from ---===//

#include "compiler/transforms/nn/Recipe.h"

#include "dialects/nn/Nn.h"

#include "mlir/IR/BuiltinAttributes.h"

using namespace mlir;
using namespace nn;

namespace {
/// Reads entries of nn.recipe; remembers whether one was missing, and says so.
struct Reader {
  ModuleOp module;
  bool failed = false;

  template <typename A> A get(DictionaryAttr dictionary, StringRef name) {
    A value = dictionary ? dictionary.getAs<A>(name) : A();
    if (!value && !failed) {
      failed = true;
      module.emitError() << "nn.recipe lacks '" << name << "' (or it has another type)";
    }
    return value;
  }
  int64_t integer(DictionaryAttr dictionary, StringRef name) {
    auto value = get<IntegerAttr>(dictionary, name);
    return value ? value.getInt() : 1;
  }
  /// An entry of what not every recipe has.
  std::optional<double> optional(DictionaryAttr dictionary, StringRef name) {
    return dictionary && dictionary.contains(name) ? std::optional(number(dictionary, name)) : std::nullopt;
  }
  double number(DictionaryAttr dictionary, StringRef name) {
    auto value = get<FloatAttr>(dictionary, name);
    return value ? value.getValueAsDouble() : 0;
  }
  std::string oneOf(DictionaryAttr dictionary, StringRef name, ArrayRef<StringRef> known) {
    auto value = get<StringAttr>(dictionary, name);
    if (value && !llvm::is_contained(known, value.getValue())) {
      failed = true;
      module.emitError() << "nn.recipe has '" << name << "' = '" << value.getValue() << "', known are "
                         << llvm::join(known, ", ");
    }
    return value ? value.str() : "";
  }
};
} // namespace

SmallVector<StringRef> Recipe::states() const {
  SmallVector<StringRef> names;
  if (isAdamW)
    names.append({"m", "v"});
  else if (momentum != 0)
    names.push_back("momentum");
  if (emaDecay)
    names.push_back(stateEma);
  return names;
}

FailureOr<Recipe> Recipe::read(ModuleOp module) {
  auto all = module->getAttrOfType<DictionaryAttr>("nn.recipe");
  if (!all)
    return module.emitError() << "the module has no nn.recipe";
  Reader reader{module};
  Recipe recipe;
  recipe.microbatches = reader.integer(all, "microbatches");
  recipe.globalBatchSize = reader.integer(all, "global_batch_size");
  recipe.steps = reader.integer(all, "steps");
  recipe.maxGradNorm = reader.number(all, "max_grad_norm");
  auto optimizer = reader.get<DictionaryAttr>(all, "optimizer");
  recipe.isAdamW = reader.oneOf(optimizer, "name", {"adamw", "sgd"}) == "adamw";
  recipe.lr = reader.number(optimizer, "lr");
  recipe.weightDecay = reader.number(optimizer, "weight_decay");
  recipe.beta1 = recipe.isAdamW ? reader.number(optimizer, "beta1") : 0;
  recipe.beta2 = recipe.isAdamW ? reader.number(optimizer, "beta2") : 0;
  recipe.eps = recipe.isAdamW ? reader.number(optimizer, "eps") : 0;
  recipe.momentum = recipe.isAdamW ? 0 : reader.optional(optimizer, "momentum").value_or(0);
  recipe.emaDecay = reader.optional(all, "ema_decay");
  auto schedule = reader.get<DictionaryAttr>(all, "lr_schedule");
  recipe.schedule = reader.oneOf(schedule, "name", {"constant", "linear", "cosine"});
  recipe.warmupSteps = reader.integer(schedule, "warmup_steps");
  recipe.minLr = reader.number(schedule, "min_lr");
  if (reader.failed)
    return failure();
  if (recipe.microbatches < 1 || recipe.globalBatchSize % recipe.microbatches)
    return module.emitError() << "global_batch_size is " << recipe.globalBatchSize << ", which microbatches ("
                              << recipe.microbatches << ") does not divide";
  return recipe;
}
