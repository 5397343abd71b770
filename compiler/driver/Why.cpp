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
  auto see = [&](const std::string &weight) {
    if (!path.empty() && !isAt(weight, path))
      return;
    const size_t begin = path.empty() ? 0 : std::min(path.size() + 1, weight.size());
    std::string name = weight.substr(begin, weight.find('.', begin) - begin);
    if (!name.empty() && !llvm::is_contained(names, name))
      names.push_back(std::move(name));
  };
  for (const build::Field &weight : weights) {
    see(weight.name);
    llvm::for_each(weight.ties, see);
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
    WeightWhy why{weight.name, weight.ties, weight.spec->name.at, {}};
    for (nn::AxisAttr axis : weight.type.getAxes())
      why.axes.push_back({nn::plainName(axis.getName()).str(), axis.getSize(), {}, {}, productRules(axis)});
    auto axisOf = [&](mlir::StringAttr name) -> AxisWhy & {
      return *llvm::find_if(why.axes, [&](const AxisWhy &axis) { return axis.name == nn::plainName(name); });
    };
    auto hear = [&](const dist::PlaceRequest &request) {
      const AxisRule *rule = written.lookup(request.rule), *owner = written.lookup(request.owner);
      std::vector<Asked> &asked = axisOf(request.axis).asked;
      if (asked.empty() || asked.back().rule != rule || asked.back().owner != owner)
        asked.push_back({rule, {}, 1, owner});
      asked.back().meshAxes.push_back(request.meshAxis.str());
      asked.back().size *= plan.sizeOf(request.meshAxis);
    };
    auto placement = plan.place(weight.type.getAxes(), nn::kindParameter, /*error=*/{}, /*taken=*/{}, hear);
    for (const auto &[axis, meshAxes] : *placement)
      for (mlir::StringAttr meshAxis : meshAxes)
        axisOf(axis).mesh.push_back(meshAxis.str());
    return why;
  }

private:
  /// Whether two names are of different axes under the same scoped rules.
  static bool isAnotherHere(mlir::StringAttr a, mlir::StringAttr b) {
    return a.getValue().split('.').second == b.getValue().split('.').second &&
           nn::plainName(a) != nn::plainName(b);
  }

  /// Rules about a product with this part that were expanded to rules about others.
  std::vector<const AxisRule *> productRules(nn::AxisAttr axis) const {
    std::vector<const AxisRule *> rules;
    Diagnostics ignored; // the plan was built: names are good
    for (const auto &[expanded, rule] : written) {
      if (rule->axis.value == autoAxis)
        continue;
      auto parts = scope.flatten(rule->axis.value, rule->axis.at, ignored);
      auto isPart = [&](mlir::StringAttr name) {
        return parts && parts->size() > 1 && llvm::is_contained(*parts, nn::plainName(name).str());
      };
      if (isPart(axis.getName()) && isAnotherHere(expanded.second.getAxis(), axis.getName()) &&
          !llvm::is_contained(rules, rule))
        rules.push_back(rule);
    }
    return rules;
  }

  dist::PlanAttr plan;
  const build::WrittenRules &written;
  const Scope scope;
};
} // namespace

static std::vector<std::string> valuesOf(const std::vector<Name> &names) {
  std::vector<std::string> values;
  for (const Name &name : names)
    values.push_back(name.value);
  return values;
}

std::string shardc::textOf(const AxisRule &rule, const Plan &plan) {
  const std::vector<std::string> names = valuesOf(rule.meshAxes);
  std::string text = names.size() == 1 ? fmt::format("{}: {}", rule.axis.value, names.front())
                                       : fmt::format("{}: [{}]", rule.axis.value, fmt::join(names, ", "));
  for (const Level &level : plan.shard)
    if (!level.modules.empty() &&
        llvm::any_of(level.rules, [&](const AxisRule &each) { return &each == &rule; }))
      text += fmt::format(", in {}", fmt::join(valuesOf(level.modules), ", "));
  return text;
}

std::vector<WeightWhy> shardc::whyOf(const std::vector<build::Field> &weights, const std::string &path,
                                     const Job &job, dist::PlanAttr plan, const build::WrittenRules &written,
                                     Diagnostics &diags) {
  std::vector<WeightWhy> whys;
  Asking asking(job, plan, written);
  for (const build::Field &weight : weights)
    if (isAt(weight.name, path) ||
        llvm::any_of(weight.ties, [&](const std::string &tie) { return isAt(tie, path); }))
      whys.push_back(asking.ask(weight));
  if (whys.empty())
    reportUnknown(weights, path, diags);
  return whys;
}
