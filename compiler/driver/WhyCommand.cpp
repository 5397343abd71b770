//===- WhyCommand.cpp - shardc explain --why PATH -------------------------===//

#include "compiler/driver/MeshNames.h"
#include "compiler/driver/Why.h"

#include "compiler/frontend/build/BuildModule.h"

#include "fmt/format.h"
#include "nlohmann/json.hpp"

using namespace shardc;
using namespace shardc::frontend;
using Json = nlohmann::ordered_json;

namespace {
/// Writes rules and mesh axes as the plan's author did.
struct Names {
  const Plan &plan;
  const MeshNames mesh;

  std::string quoted(const AxisRule &rule) const {
    return fmt::format("'{}' ({})", textOf(rule, plan), rule.axis.at.str());
  }
};

std::string sentence(const Asked &asked, const Names &names) {
  const std::string rule = names.quoted(*asked.rule);
  const std::string mesh = fmt::format("{}", fmt::join(names.mesh(asked.meshAxes), " and "));
  if (asked.owner != asked.rule)
    return fmt::format("{} matches, but {} has {}", rule, names.quoted(*asked.owner), mesh);
  if (asked.size == 1)
    return fmt::format("{} matches, but {} has size 1", rule, mesh);
  return rule;
}

/// One line for each rule that had a say, at least one.
std::vector<std::string> sentences(const AxisWhy &axis, const Names &names) {
  std::vector<std::string> texts;
  for (const Asked &asked : axis.asked)
    if (std::string text = sentence(asked, names); !llvm::is_contained(texts, text))
      texts.push_back(std::move(text));
  if (axis.mesh.empty())
    for (const AxisRule *rule : axis.ofProduct)
      texts.push_back(fmt::format("{} places other parts of '{}'", names.quoted(*rule), rule->axis.value));
  if (texts.empty())
    texts.push_back("no rule names it");
  return texts;
}

/// Whether two weights, of two layers, say, are placed alike for the same reasons.
bool isAlike(const WeightWhy &a, const WeightWhy &b) {
  return a.at == b.at && llvm::equal(a.axes, b.axes, [](const AxisWhy &x, const AxisWhy &y) {
           return x.name == y.name && x.size == y.size && x.mesh == y.mesh;
         });
}

void printText(const std::vector<WeightWhy> &weights, const Names &names) {
  std::vector<std::pair<const WeightWhy *, int>> shown; // and how many others are alike
  for (const WeightWhy &weight : weights) {
    auto same = llvm::find_if(shown, [&](const auto &other) { return isAlike(*other.first, weight); });
    if (same == shown.end())
      shown.push_back({&weight, 0});
    else
      ++same->second;
  }
  for (const auto &[weight, others] : shown) {
    fmt::print("{}{}{}, declared at {}\n", weight->name, others ? fmt::format(" and {} alike", others) : "",
               weight->ties.empty() ? "" : fmt::format(", tied to {}", fmt::join(weight->ties, ", ")),
               weight->at.str());
    std::vector<std::vector<std::string>> rows;
    for (const AxisWhy &axis : weight->axes) {
      std::string name = fmt::format("{}={}", axis.name, axis.size);
      std::string mesh =
          axis.mesh.empty() ? "whole" : fmt::format("@{}", fmt::join(names.mesh(axis.mesh), "@"));
      for (const std::string &text : sentences(axis, names)) {
        rows.push_back({name, mesh, text});
        name = mesh = "";
      }
    }
    fmt::print("{}\n", table(rows, 3));
  }
}

Json ruleJson(const AxisRule &rule, const Plan &plan) {
  return {{"rule", textOf(rule, plan)}, {"place", rule.axis.at.str()}};
}

void printJson(const std::vector<WeightWhy> &weights, const Names &names) {
  Json list = Json::array();
  for (const WeightWhy &weight : weights) {
    Json axes = Json::array();
    for (const AxisWhy &axis : weight.axes) {
      Json asked = Json::array();
      for (const Asked &one : axis.asked)
        for (const std::string &meshAxis : names.mesh(one.meshAxes)) {
          Json entry = ruleJson(*one.rule, names.plan);
          entry["mesh_axis"] = meshAxis;
          entry["given_to"] = ruleJson(*one.owner, names.plan);
          asked.push_back(std::move(entry));
        }
      axes.push_back({{"name", axis.name},
                      {"size", axis.size},
                      {"mesh", names.mesh(axis.mesh)},
                      {"asked", asked},
                      {"why", sentences(axis, names)}});
    }
    list.push_back(
        {{"name", weight.name}, {"tied_to", weight.ties}, {"place", weight.at.str()}, {"axes", axes}});
  }
  fmt::print("{}\n", Json{{"weights", list}}.dump(2));
}
} // namespace

int shardc::whyCommand(const JobOptions &options, const std::string &path) {
  auto compiled = compileJob(options, Stage::Nn);
  if (!compiled)
    return 1;
  mlir::MLIRContext &context = *compiled->context;
  Diagnostics diags;
  build::WrittenRules written;
  auto program = buildModule(context, compiled->job, diags); // as the plan was first asked of it
  auto plan = program ? build::buildPlan(*program, compiled->job, diags, &written) : dist::PlanAttr();
  auto weights = build::weightsOf(context, compiled->job, diags);
  std::vector<WeightWhy> whys;
  if (plan && weights)
    whys = whyOf(*weights, path, compiled->job, plan, written, diags);
  if (!diags.empty()) {
    fmt::print(stderr, "{}", diags.str());
    return 1;
  }
  const Names names{compiled->job.plan, MeshNames(plan)};
  options.json ? printJson(whys, names) : printText(whys, names);
  return 0;
}
