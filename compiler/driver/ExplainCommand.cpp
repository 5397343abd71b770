//===- ExplainCommand.cpp - shardc explain --------------------------------===//
//
// The plan as the compiler understood it: rules as they were read, each parameter's layout, what a rank's
// memory holds, what a step moves.
//
//===----------------------------------------------------------------------===//

#include "compiler/analysis/Communication.h"
#include "compiler/analysis/Layouts.h"
#include "compiler/driver/Commands.h"
#include "compiler/driver/ExplainMemory.h"
#include "compiler/driver/MeshNames.h"
#include "dialects/dist/Dist.h"
#include "dialects/nn/Padding.h"

#include "fmt/format.h"
#include "nlohmann/json.hpp"
#include <map>
#include <numeric>

using namespace shardc;
using Json = nlohmann::ordered_json;

namespace {
/// `mlp: tp, in layers.*.mlp`
std::string levelText(dist::LevelAttr level, const std::vector<frontend::Name> &modules,
                      const MeshNames &written) {
  std::vector<std::string> texts;
  for (dist::RuleAttr rule : level.getRules()) {
    const std::string axis = rule.isAuto() ? "auto" : nn::plainName(rule.getAxis()).str();
    std::string text = fmt::format("{}: {}", axis, fmt::join(written(rule.getMesh()), " x "));
    if (!llvm::is_contained(texts, text)) // the axis may have several names
      texts.push_back(std::move(text));
  }
  std::vector<std::string> paths;
  for (const frontend::Name &pattern : modules)
    paths.push_back(pattern.value);
  return fmt::format("{}{}", fmt::join(texts, ", "),
                     paths.empty() ? "" : fmt::format(", in {}", fmt::join(paths, ", ")));
}

/// `[vocab=256@tp, embed=128]`
std::string axesText(nn::NamedTensorType type, const MeshNames &written) {
  std::vector<std::string> axes;
  for (nn::AxisAttr axis : type.getAxes()) {
    axes.push_back(fmt::format("{}={}", nn::plainName(axis.getName()).str(), axis.getSize()));
    for (const std::string &name : written(axis.getMesh()))
      axes.back() += "@" + name;
  }
  return fmt::format("[{}]", fmt::join(axes, ", "));
}

struct Explanation {
  std::string identity;
  MeshNames meshNames;
  std::vector<std::string> rules, rulesAtRest;
  std::vector<ParameterLayout> parameters;
  std::vector<Movement> step, eval;
  MemoryPeak memory;

  std::map<std::string, std::string> paddings; // by axis: `257 to 260`
  int64_t globalElements = 0;                  // without padding

  void count(mlir::ModuleOp module) {
    for (const ParameterLayout &p : parameters) {
      int64_t elements = p.instances;
      for (nn::AxisAttr axis : p.type.getAxes()) {
        const int64_t valid = nn::validSizeOf(module, axis);
        elements *= valid;
        if (valid != axis.getSize())
          paddings[nn::plainName(axis.getName()).str()] = fmt::format("{} to {}", valid, axis.getSize());
      }
      globalElements += elements;
    }
  }
  int64_t elementsPerRank() const {
    return std::accumulate(
        parameters.begin(), parameters.end(), int64_t(0),
        [](int64_t sum, const ParameterLayout &p) { return sum + p.localElements * p.instances; });
  }
};

constexpr int64_t bytesPerElement = 4; // f32 throughout

void printParameters(const Explanation &e) {
  fmt::print("\nparameters: {} in all, {} on a rank\n", withCommas(e.globalElements),
             withCommas(e.elementsPerRank()));
  const bool anyMoves =
      llvm::any_of(e.parameters, [](const ParameterLayout &p) { return p.type != p.inUse; });
  std::vector<std::vector<std::string>> rows = {{"name", "layout", "on a rank"}};
  if (anyMoves)
    rows = {{"name", "in use", "at rest", "on a rank"}};
  for (const ParameterLayout &p : e.parameters) {
    std::vector<std::string> &row = rows.emplace_back(std::vector{p.range, axesText(p.inUse, e.meshNames)});
    if (anyMoves)
      row.push_back(p.type == p.inUse ? "as in use" : axesText(p.type, e.meshNames));
    row.push_back(bytesText(static_cast<double>(p.localElements * bytesPerElement * p.instances)));
  }
  fmt::print("{}", table(rows, anyMoves ? 3 : 2));
}

void printText(const Explanation &e) {
  fmt::print("{}\n\nrules, in the order they are read\n", e.identity);
  if (e.rules.empty())
    fmt::print("  none: every rank holds and computes everything\n");
  for (const std::string &rule : e.rules)
    fmt::print("  {}\n", rule);
  for (const std::string &rule : e.rulesAtRest)
    fmt::print("  {}, at rest\n", rule);
  for (const std::string &cut : e.meshNames.cuts())
    fmt::print("  where {}\n", cut);
  for (const auto &[axis, sizes] : e.paddings)
    fmt::print("  {} is padded from {}\n", axis, sizes);

  printParameters(e);
  printMemory(e.memory);

  fmt::print("\ncollectives of a step\n");
  if (e.step.empty())
    fmt::print("  none\n");
  std::vector<std::vector<std::string>> rows = {
      {"collective", "over", "tensors", "meetings", "ahead", "sent by a rank"}};
  double total = 0;
  std::map<std::string, double> byMeshAxes;
  for (const Movement &m : e.step) {
    const std::string over = fmt::format("{}", fmt::join(e.meshNames(m.meshAxes), " x "));
    rows.push_back(
        {m.kind, over, withCommas(m.count), withCommas(m.meetings), withCommas(m.ahead), bytesText(m.bytes)});
    total += m.bytes;
    byMeshAxes[over] += m.bytes;
  }
  std::vector<std::string> sums;
  for (const auto &[over, bytes] : byMeshAxes)
    sums.push_back(fmt::format("{} over {}", bytesText(bytes), over));
  if (!e.step.empty())
    fmt::print("{}  {} in all: {}\n", table(rows, 2), bytesText(total), fmt::join(sums, ", "));
}

Json movementsJson(const std::vector<Movement> &movements, const MeshNames &written) {
  Json list = Json::array();
  for (const Movement &m : movements)
    list.push_back({{"collective", m.kind},
                    {"mesh_axes", written(m.meshAxes)},
                    {"count", m.count},
                    {"meetings", m.meetings},
                    {"ahead", m.ahead},
                    {"bytes", m.bytes}});
  return list;
}

void printJson(const Explanation &e) {
  Json parameters = Json::array();
  for (const ParameterLayout &p : e.parameters) {
    Json axes = Json::array();
    for (auto [axis, rests] : llvm::zip(p.inUse.getAxes(), p.type.getAxes()))
      axes.push_back({{"name", nn::plainName(axis.getName()).str()},
                      {"size", axis.getSize()},
                      {"mesh", e.meshNames(axis.getMesh())},
                      {"mesh_at_rest", e.meshNames(rests.getMesh())}});
    parameters.push_back({{"name", p.range},
                          {"axes", axes},
                          {"instances", p.instances},
                          {"bytes_per_rank", p.localElements * bytesPerElement * p.instances}});
  }
  Json report = {{"identity", e.identity},
                 {"rules", e.rules},
                 {"rules_at_rest", e.rulesAtRest},
                 {"parameters", parameters},
                 {"memory", memoryJson(e.memory)},
                 {"collectives_per_step", movementsJson(e.step, e.meshNames)},
                 {"collectives_per_eval_batch", movementsJson(e.eval, e.meshNames)}};
  fmt::print("{}\n", report.dump(2));
}
} // namespace

int shardc::explainCommand(const JobOptions &options) {
  auto compiled = compileJob(options, Stage::Dist);
  if (!compiled)
    return 1;
  dist::PlanAttr plan = dist::planOf(*compiled->module);
  Explanation e{.identity = identityLine(compiled->job), .meshNames = MeshNames(plan)};
  for (auto [level, written] : llvm::zip(plan.getRules(), compiled->job.plan.shard))
    e.rules.push_back(levelText(level, written.modules, e.meshNames));
  for (dist::LevelAttr level : plan.getOptimizerState())
    e.rulesAtRest.push_back(levelText(level, {}, e.meshNames));
  e.parameters = parameterLayouts(*compiled->module);
  e.count(*compiled->module);
  PipelineOptions toExec{options.dumpDir, options.timing, Stage::Exec};
  if (failed(runPipeline(*compiled->module, Stage::Exec, toExec)))
    return 1;
  e.step = movementsOf(*compiled->module, "step");
  e.eval = movementsOf(*compiled->module, "eval");
  e.memory = *memoryPeak(*compiled->module);
  options.json ? printJson(e) : printText(e);
  return 0;
}
