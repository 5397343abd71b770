//===- ModelSpec.cpp - looking things up in a model -----------------------===//
#include "compiler/frontend/ModelSpec.h"
#include <algorithm>
#include <fmt/format.h>

namespace shardc::frontend {
namespace {

const std::string &nameOf(const ConfigEntry &entry) {
  return entry.key.value;
}
const std::string &nameOf(const Function &function) {
  return function.name;
}
template <typename Spec> const std::string &nameOf(const Spec &spec) {
  return spec.name.value;
}

template <typename Spec> const Spec *findByName(const std::vector<Spec> &specs, std::string_view name) {
  auto found =
      std::find_if(specs.begin(), specs.end(), [&](const Spec &spec) { return nameOf(spec) == name; });
  return found == specs.end() ? nullptr : &*found;
}

} // namespace

const WeightSpec *ModuleSpec::weight(std::string_view name) const {
  return findByName(weights, name);
}
const ChildSpec *ModuleSpec::child(std::string_view name) const {
  return findByName(children, name);
}

const ConfigEntry *ModelSpec::configKey(std::string_view key) const {
  return findByName(config, key);
}
const AxisSpec *ModelSpec::axis(std::string_view name) const {
  return findByName(axes, name);
}
const InputSpec *ModelSpec::input(std::string_view name) const {
  return findByName(inputs, name);
}
const ModuleSpec *ModelSpec::module(std::string_view name) const {
  return findByName(modules, name);
}
const Function *ModelSpec::function(std::string_view name) const {
  return findByName(functions, name);
}

bool ModelSpec::setConfig(ConfigEntry entry, Diagnostics &diags) {
  if (const ConfigEntry *declared = configKey(entry.key.value)) {
    config[declared - config.data()] = std::move(entry);
    return true;
  }
  std::vector<std::string> keys;
  for (const ConfigEntry &declared : config)
    keys.push_back(declared.key.value);
  diags.error(entry.key.at, fmt::format("model '{}' has no config key '{}'", name.value, entry.key.value))
      .suggestOrList(entry.key.value, keys, "its keys are");
  return false;
}

} // namespace shardc::frontend
