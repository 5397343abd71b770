//===- Weights.cpp - collecting the weights below a module ----------------===//
#include "compiler/frontend/build/Weights.h"
#include "compiler/frontend/ScopedAxes.h"

#include "mlir/IR/Builders.h"

#include <algorithm>
#include <fmt/format.h>

using namespace mlir;

namespace shardc::frontend::build {

std::string joinFile(const std::string &path, const std::string &part) {
  if (part.starts_with("/"))
    return part;
  if (path.empty() || part.empty() || path.ends_with("/"))
    return path + part;
  return path + "." + part;
}

std::string childFile(const ChildSpec &child, std::optional<int64_t> layer) {
  const std::string &part = child.hf ? child.hf->value : child.name.value;
  return layer ? joinFile(part, std::to_string(*layer)) : part;
}

/// A weight's name in files, below a module that is called `file` there.
static std::string weightFile(const WeightSpec &weight, const std::string &file) {
  return joinFile(file, weight.hf ? weight.hf->value : weight.name.value);
}

std::optional<nn::NamedTensorType> tensorType(Type element, const std::vector<Name> &axes, const Scope &scope,
                                              const Padding &padding, Diagnostics &diags) {
  SmallVector<nn::AxisAttr> attrs;
  MLIRContext *context = element.getContext();
  for (const Name &axis : axes) {
    auto parts = scope.flatten(axis.value, axis.at, diags);
    if (!parts)
      return std::nullopt;
    for (const std::string &part : *parts) {
      auto size = scope.size(part, axis.at, diags);
      if (!size)
        return std::nullopt;
      auto name = StringAttr::get(context, part);
      if (llvm::any_of(attrs, [&](nn::AxisAttr known) { return known.getName() == name; })) {
        diags.error(axis.at, fmt::format("axis '{}' stands twice in one tensor", part))
            .note("declare a second axis of the same size");
        return std::nullopt;
      }
      attrs.push_back(nn::AxisAttr::get(context, name, padding.sizeOf(part, *size), {}));
    }
  }
  return nn::NamedTensorType::get(element, attrs);
}

std::optional<std::vector<Field>> weightsOf(MLIRContext &context, const Job &job, Diagnostics &diags) {
  const ScopedAxes names(job.plan, job.model);
  const Scope scope(job.model,
                    {job.train.globalBatchSize.value / job.plan.microbatches.value, job.train.seqLen.value},
                    &names);
  const Padding padding(job, scope);
  Dependencies ignored;
  return FieldCollector(context, padding, diags)
      .collect(*job.model.module("main"), scope, ignored, /*ownOnly=*/false);
}

std::optional<bool> isTied(const WeightSpec &weight, const Scope &scope, Diagnostics &diags) {
  return weight.tie ? scope.holds(weight.tie->when, diags) : std::optional(false);
}

std::optional<std::vector<Field>> FieldCollector::collect(const ModuleSpec &module, const Scope &scope,
                                                          Dependencies &dependencies, bool ownOnly) {
  fields.clear();
  if (!visit(module, scope, dependencies, "", "", ownOnly))
    return std::nullopt;
  return std::move(fields);
}

bool FieldCollector::visit(const ModuleSpec &module, const Scope &scope, Dependencies &dependencies,
                           const std::string &path, const std::string &file, bool ownOnly) {
  if (std::find(inside.begin(), inside.end(), &module) != inside.end()) {
    diags.error(module.name.at, fmt::format("module '{}' contains itself", module.name.value))
        .note(inside.back()->name.at, fmt::format("by way of '{}'", inside.back()->name.value));
    return false;
  }
  inside.push_back(&module);
  bool ok = true;
  for (const WeightSpec &weight : module.weights)
    ok &= visitWeight(weight, scope, path, file);
  ok = ok && visitTies(module, scope, path, file);
  for (const ChildSpec &child : module.children)
    if (!(ownOnly && child.repeat) && ok)
      ok &= visitChild(child, scope, dependencies, path, file);
  inside.pop_back();
  return ok;
}

bool FieldCollector::visitWeight(const WeightSpec &weight, const Scope &scope, const std::string &path,
                                 const std::string &file) {
  std::optional<bool> present = scope.holds(weight.when, diags);
  if (!present || !*present)
    return present.has_value();
  std::optional<bool> tied = isTied(weight, scope, diags);
  if (!tied || *tied)
    return tied.has_value();

  Builder builder(&context);
  std::vector<Name> axes;
  SmallVector<Attribute> storage;
  for (const Dimension &dimension : weight.dims) {
    SmallVector<Attribute> parts;
    for (const Name &axis : dimension.axes) {
      auto flat = scope.flatten(axis.value, axis.at, diags);
      if (!flat)
        return false;
      for (const std::string &part : *flat)
        parts.push_back(builder.getStringAttr(part));
      axes.push_back(axis);
    }
    storage.push_back(builder.getArrayAttr(parts));
  }
  auto type = tensorType(builder.getF32Type(), axes, scope, padding, diags);
  std::optional<double> std = 0;
  if (weight.init.kind == InitSpec::Kind::Normal)
    std = scope.initStd(weight, diags);
  if (!type || !std)
    return false;
  fields.push_back({path + weight.name.value,
                    weightFile(weight, file),
                    &weight,
                    *type,
                    builder.getArrayAttr(storage),
                    *std,
                    {},
                    {}});
  return true;
}

bool FieldCollector::visitTies(const ModuleSpec &module, const Scope &scope, const std::string &path,
                               const std::string &file) {
  for (const WeightSpec &weight : module.weights) {
    std::optional<bool> present = scope.holds(weight.when, diags);
    std::optional<bool> tied = isTied(weight, scope, diags);
    if (!present || !tied)
      return false;
    if (!*present || !*tied)
      continue;
    auto field = llvm::find_if(fields, [&](const Field &f) { return f.name == path + weight.tie->to.value; });
    if (field == fields.end())
      continue;
    field->ties.push_back(path + weight.name.value);
    field->aliases.push_back(weightFile(weight, file));
  }
  return true;
}

bool FieldCollector::visitChild(const ChildSpec &child, const Scope &scope, Dependencies &dependencies,
                                const std::string &path, const std::string &file) {
  std::optional<int64_t> count = scope.repeats(child, diags);
  if (!count)
    return false;
  for (int64_t i = 0; i < *count; ++i) {
    const std::optional<int64_t> layer = child.repeat ? std::optional(i) : std::nullopt;
    std::optional<bool> present = scope.present(child, layer, diags);
    if (!present)
      return false;
    if (!*present)
      continue;
    const ModuleSpec *module = scope.moduleOf(child, layer, diags);
    Dependencies below;
    std::optional<Scope> inner = scope.child(child, layer, diags);
    if (!module || !inner)
      return false;
    inner->record(&below.reads);
    if (!visit(*module, *inner, below, path + childPath(child, layer) + ".",
               joinFile(file, childFile(child, layer)), /*ownOnly=*/false))
      return false;
    dependencies.addChild(scope, child, layer, below);
  }
  return true;
}

} // namespace shardc::frontend::build
