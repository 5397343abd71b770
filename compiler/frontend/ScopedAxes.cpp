//===- ScopedAxes.cpp - names of axes where rules hold in some modules only ===//
#include "compiler/frontend/ScopedAxes.h"

#include <algorithm>
#include <fmt/format.h>

namespace shardc::frontend {
namespace {

/// Cuts what stands before the first dot off `text`.
std::string_view takePart(std::string_view &text) {
  const size_t dot = std::min(text.find('.'), text.size());
  const std::string_view part = text.substr(0, dot);
  text.remove_prefix(std::min(dot + 1, text.size()));
  return part;
}

} // namespace

bool holdsAt(std::string_view pattern, std::string_view path) {
  while (!pattern.empty()) {
    if (path.empty())
      return false;
    const std::string_view wanted = takePart(pattern), part = takePart(path);
    if (wanted != "*" && wanted != part)
      return false;
  }
  return true;
}

ScopedAxes::ScopedAxes(const Plan &plan, const ModelSpec &model) {
  const Scope scope(model, {});
  for (size_t i = 0; i < plan.shard.size(); ++i) {
    const Level &level = plan.shard[i];
    if (level.modules.empty())
      continue;
    Scoped &made = scoped.emplace_back(Scoped{i + 1, &level, {}});
    Diagnostics ignored; // names of axes were checked with the plan
    for (const AxisRule &rule : level.rules)
      if (auto parts = scope.flatten(rule.axis.value, rule.axis.at, ignored))
        made.axes.insert(parts->begin(), parts->end());
  }
}

std::string ScopedAxes::nameAt(std::string_view path, std::string_view axis) const {
  std::string name(axis);
  for (const Scoped &each : scoped)
    if (each.axes.contains(axis) &&
        std::any_of(each.level->modules.begin(), each.level->modules.end(),
                    [&](const Name &pattern) { return holdsAt(pattern.value, path); }))
      name += fmt::format(".{}", each.number);
  return name;
}

bool speaksOf(size_t number, const Level &level, std::string_view name) {
  if (level.modules.empty())
    return true;
  takePart(name); // the axis itself
  const std::string wanted = std::to_string(number);
  while (!name.empty())
    if (takePart(name) == wanted)
      return true;
  return false;
}

namespace {

/// The paths of all modules, with a `*` for the number of a layer, and the paths themselves.
class ModulePaths {
public:
  explicit ModulePaths(const Scope &main) { visit(*main.model().module("main"), main, "", ""); }

  std::vector<std::string> general, all;
  std::map<std::string, int64_t> repeats; ///< by general path of the child that repeats

private:
  void visit(const ModuleSpec &module, const Scope &scope, const std::string &path,
             const std::string &generalPath) {
    if (std::find(inside.begin(), inside.end(), &module) != inside.end())
      return; // reported where its weights are collected
    inside.push_back(&module);
    for (const ChildSpec &child : module.children) {
      const std::string name = generalPath + child.name.value;
      const int64_t count = scope.repeats(child, ignored).value_or(0);
      if (child.repeat)
        repeats[name] = count;
      for (int64_t i = 0; i < count; ++i)
        visitChild(child, child.repeat ? std::optional(i) : std::nullopt, scope, path,
                   child.repeat ? name + ".*" : name);
    }
    inside.pop_back();
  }

  void visitChild(const ChildSpec &child, std::optional<int64_t> layer, const Scope &scope,
                  const std::string &path, const std::string &generalPath) {
    if (!scope.present(child, layer, ignored).value_or(false))
      return;
    const ModuleSpec *module = scope.moduleOf(child, layer, ignored);
    std::optional<Scope> below = scope.child(child, layer, ignored);
    if (!module || !below)
      return;
    all.push_back(path + childPath(child, layer));
    if (std::find(general.begin(), general.end(), generalPath) == general.end())
      general.push_back(generalPath);
    const std::string own = all.back() + ".";
    visit(*module, *below, own, generalPath + ".");
  }

  Diagnostics ignored; // whoever builds these modules reports what is wrong with them
  std::vector<const ModuleSpec *> inside;
};

void reportUnmatched(const Name &pattern, const ModulePaths &paths, const ModelSpec &model,
                     Diagnostics &diags) {
  Diagnostic &error =
      diags.error(pattern.at, fmt::format("model '{}' has no module '{}'", model.name.value, pattern.value));
  std::string general; // of the part before this one
  for (std::string_view rest = pattern.value; !rest.empty();) {
    const std::string_view part = takePart(rest);
    auto repeat = paths.repeats.find(general);
    const bool isNumber = part.find_first_not_of("0123456789") == std::string_view::npos;
    if (repeat != paths.repeats.end() && isNumber &&
        (part.size() > 9 || std::stoll(std::string(part)) >= repeat->second)) {
      error.note(fmt::format("'{}' has 0 to {}", general, repeat->second - 1));
      return;
    }
    general += fmt::format("{}{}", general.empty() ? "" : ".", isNumber ? "*" : part);
  }
  error.suggestOrList(pattern.value, paths.general, "its modules are");
}

} // namespace

bool checkModules(const Plan &plan, const Scope &main, Diagnostics &diags) {
  const size_t before = diags.size();
  std::optional<ModulePaths> paths;
  for (const Level &level : plan.shard)
    for (const Name &pattern : level.modules) {
      if (!paths)
        paths.emplace(main);
      if (std::none_of(paths->all.begin(), paths->all.end(),
                       [&](const std::string &path) { return holdsAt(pattern.value, path); }))
        reportUnmatched(pattern, *paths, main.model(), diags);
    }
  return diags.size() == before;
}

} // namespace shardc::frontend
