//===- Why.cpp - which rules place a weight, and where they are written ---===//

#include "compiler/driver/Why.h"

#include "fmt/format.h"
#include <set>

using namespace shardc;
using namespace shardc::frontend;

namespace {
bool isAt(const std::string &name, const std::string &path) {
  return name == path || name.starts_with(path + ".");
}

/// What stands right below `path` in the model, in order: names of modules and weights, numbers of layers.
std::vector<std::string> below(const std::vector<build::Field> &weights, const std::string &path) {
  std::vector<std::string> names;
  for (const build::Field &weight : weights) {
    if (!path.empty() && !isAt(weight.name, path))
      continue;
    const size_t begin = path.empty() ? 0 : std::min(path.size() + 1, weight.name.size());
    std::string name = weight.name.substr(begin, weight.name.find('.', begin) - begin);
    if (!name.empty() && !llvm::is_contained(names, name))
      names.push_back(std::move(name));
  }
  return names;
}

/// An unknown path: how far it is right, and what is there instead.
void reportUnknown(const std::vector<build::Field> &weights, const std::string &path, Diagnostics &diags) {
  const Position at{std::make_shared<SourceFile>(SourceFile{"--why " + path, ""})};
  Diagnostic &error = diags.error(at, fmt::format("the model has no weight or module '{}'", path));
  std::string known = path;
  while (!known.empty() && below(weights, known).empty())
    known.erase(known.rfind('.') == std::string::npos ? 0 : known.rfind('.'));
  const std::vector<std::string> there = below(weights, known);
  const std::string where = known.empty() ? "the model" : fmt::format("'{}'", known);
  if (there.size() > 1 && llvm::all_of(there, [](const std::string &name) {
        return std::all_of(name.begin(), name.end(), [](unsigned char c) { return std::isdigit(c); });
      })) {
    error.note(fmt::format("{} has {} to {}", where, there.front(), there.back()));
    return;
  }
  const size_t begin = known.empty() ? 0 : known.size() + 1;
  const std::string wrong = path.substr(begin, path.find('.', begin) - begin);
  if (std::optional<std::string> near = nearest(wrong, there))
    error.note(fmt::format("did you mean '{}{}{}'?", known, known.empty() ? "" : ".", *near));
  else
    error.note(fmt::format("{} has {}", where, listed(there, "and")));
}

class Asking {
public:
  Asking(const Job &job, dist::PlanAttr plan, const build::WrittenRules &written)
      : plan(plan), written(written), scope(job.model, {}) {}

  WeightWhy ask(const build::Field &weight) const {
    WeightWhy why{weight.name, weight.spec->name.at, {}};
    for (nn::AxisAttr axis : weight.type.getAxes())
      why.axes.push_back({axis.getName().str(), axis.getSize(), {}, {}, productRules(axis)});
    auto axisOf = [&](mlir::StringAttr name) -> AxisWhy & {
      return *llvm::find_if(why.axes, [&](const AxisWhy &axis) { return axis.name == name.getValue(); });
    };
    auto placement =
        plan.place(weight.type.getAxes(), nn::kindParameter, {}, {}, [&](const dist::PlaceRequest &request) {
          axisOf(request.axis)
              .asked.push_back({written.lookup(request.rule), request.meshAxis.str(),
                                plan.sizeOf(request.meshAxis), written.lookup(request.owner)});
        });
    for (const auto &[axis, meshAxes] : *placement)
      for (mlir::StringAttr meshAxis : meshAxes)
        axisOf(axis).mesh.push_back(meshAxis.str());
    return why;
  }

private:
  /// Rules about a product with this part that were expanded to rules about others.
  std::vector<const AxisRule *> productRules(nn::AxisAttr axis) const {
    std::vector<const AxisRule *> rules;
    Diagnostics ignored; // the plan was built: names are good
    for (const auto &[expanded, rule] : written) {
      if (rule->axis.value == autoAxis)
        continue;
      auto parts = scope.flatten(rule->axis.value, rule->axis.at, ignored);
      if (parts && parts->size() > 1 && llvm::is_contained(*parts, axis.getName().str()) &&
          expanded.second.getAxis() != axis.getName() && !llvm::is_contained(rules, rule))
        rules.push_back(rule);
    }
    return rules;
  }

  dist::PlanAttr plan;
  const build::WrittenRules &written;
  const Scope scope;
};
} // namespace

std::string shardc::textOf(const AxisRule &rule) {
  std::vector<std::string> names;
  for (const Name &meshAxis : rule.meshAxes)
    names.push_back(meshAxis.value);
  return names.size() == 1 ? fmt::format("{}: {}", rule.axis.value, names.front())
                           : fmt::format("{}: [{}]", rule.axis.value, fmt::join(names, ", "));
}

std::vector<WeightWhy> shardc::whyOf(const std::vector<build::Field> &weights, const std::string &path,
                                     const Job &job, dist::PlanAttr plan, const build::WrittenRules &written,
                                     Diagnostics &diags) {
  std::vector<WeightWhy> whys;
  Asking asking(job, plan, written);
  for (const build::Field &weight : weights)
    if (isAt(weight.name, path))
      whys.push_back(asking.ask(weight));
  if (whys.empty())
    reportUnknown(weights, path, diags);
  return whys;
}
