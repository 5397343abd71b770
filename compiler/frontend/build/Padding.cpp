//===- Padding.cpp - which axes are padded, and to what -------------------===//
#include "compiler/frontend/build/Padding.h"

#include <algorithm>
#include <set>

using namespace mlir;

namespace shardc::frontend::build {
namespace {

bool names(const std::vector<Name> &list, std::string_view axis) {
  return std::any_of(list.begin(), list.end(), [&](const Name &name) { return name.value == axis; });
}

/// Whether every weight that has the axis has it alone in its first dimension, and one does.
bool isFirstInWeights(const ModelSpec &model, std::string_view axis) {
  bool isThere = false;
  for (const ModuleSpec &module : model.modules)
    for (const WeightSpec &weight : module.weights)
      for (size_t i = 0; i < weight.dims.size(); ++i) {
        if (!names(weight.dims[i].axes, axis))
          continue;
        if (i > 0 || weight.dims[i].axes.size() > 1)
          return false;
        isThere = true;
      }
  return isThere;
}

/// Whether the axis has one size wherever it stands: no child overrides what the size is computed from.
bool hasOneSize(const ModelSpec &model, const Reads &reads) {
  return std::all_of(model.modules.begin(), model.modules.end(), [&](const ModuleSpec &module) {
    return std::all_of(module.children.begin(), module.children.end(), [&](const ChildSpec &child) {
      return std::none_of(child.config.begin(), child.config.end(),
                          [&](const ConfigEntry &entry) { return reads.contains(entry.key.value); });
    });
  });
}

} // namespace

Padding::Padding(const Job &job, const Scope &scope) {
  std::map<std::string, int64_t> ranks; // by axis: all that its rules together may place it on
  for (const Level &level : job.plan.shard)
    for (const AxisRule &rule : level.rules)
      for (const Name &meshAxis : rule.meshAxes)
        ranks.try_emplace(rule.axis.value, 1).first->second *= job.plan.meshAxis(meshAxis.value)->size.value;
  for (const auto &[axis, parts] : ranks) {
    const AxisSpec *spec = job.model.axis(axis);
    if (!spec || spec->isProduct())
      continue;
    Diagnostics ignored; // whoever needs the size reports what is wrong with it
    Reads reads;
    Scope asked = scope;
    asked.record(&reads);
    std::optional<int64_t> size = asked.size(axis, spec->name.at, ignored);
    const bool isPart =
        llvm::any_of(job.model.axes, [&](const AxisSpec &a) { return names(a.product, axis); });
    const bool isInput =
        llvm::any_of(job.model.inputs, [&](const InputSpec &input) { return names(input.axes, axis); });
    if (size && *size % parts && !isPart && !isInput && isFirstInWeights(job.model, axis) &&
        hasOneSize(job.model, reads))
      axes[axis] = {*size, (*size + parts - 1) / parts * parts};
  }
}

const PaddedAxis *Padding::find(llvm::StringRef axis) const {
  auto found = axes.find(plainAxis(axis));
  return found == axes.end() ? nullptr : &found->second;
}

} // namespace shardc::frontend::build
