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
#include "dialects/dist/Dist.h"
#include "dialects/nn/Padding.h"

#include "fmt/format.h"
#include "nlohmann/json.hpp"
#include <map>
#include <numeric>

using namespace shardc;
using Json = nlohmann::ordered_json;

namespace {
/// Mesh axes as the plan names them: `tp` for all of its factors `tp.k` and `tp.g` together.
class MeshNames {
public:
  explicit MeshNames(dist::PlanAttr plan) {
    for (dist::MeshAxisAttr axis : plan.getMesh())
      if (auto name = axis.getName().getValue(); name.contains('.'))
        factors[name.split('.').first.str()].push_back({name.str(), axis.getSize()});
  }

  std::vector<std::string> operator()(llvm::ArrayRef<mlir::StringAttr> names) const {
    return (*this)(llvm::map_to_vector(names, [](mlir::StringAttr name) { return name.str(); }));
  }
  std::vector<std::string> operator()(llvm::ArrayRef<std::string> names) const {
    std::vector<std::string> written;
    for (const std::string &name : names) {
      std::string meshAxis = llvm::StringRef(name).split('.').first.str();
      auto cut = factors.find(meshAxis);
      const bool hasAll = cut == factors.end() || llvm::all_of(cut->second, [&](const auto &factor) {
                            return llvm::is_contained(names, factor.first);
                          });
      if (const std::string &shown = hasAll ? meshAxis : name; !llvm::is_contained(written, shown))
        written.push_back(shown);
    }
    return written;
  }

  /// `tp = tp.k (2) x tp.g (3)`, one for each mesh axis that is cut.
  std::vector<std::string> cuts() const {
    std::vector<std::string> lines;
    for (const auto &[meshAxis, list] : factors) {
      std::vector<std::string> parts;
      for (const auto &[name, size] : list)
        parts.push_back(fmt::format("{} ({})", name, size));
      lines.push_back(fmt::format("{} = {}", meshAxis, fmt::join(parts, " x ")));
    }
    return lines;
  }

private:
  std::map<std::string, std::vector<std::pair<std::string, int64_t>>> factors;
};

std::string levelText(dist::LevelAttr level, const MeshNames &written) {
  std::vector<std::string> rules;
  for (dist::RuleAttr rule : level.getRules())
    rules.push_back(fmt::format("{}: {}", rule.getAxis().str(), fmt::join(written(rule.getMesh()), " x ")));
  return fmt::format("{}", fmt::join(rules, ", "));
}

/// `[vocab=256@tp, embed=128]`
std::string axesText(nn::NamedTensorType type, const MeshNames &written) {
  std::vector<std::string> axes;
  for (nn::AxisAttr axis : type.getAxes()) {
    axes.push_back(fmt::format("{}={}", axis.getName().str(), axis.getSize()));
    for (const std::string &name : written(axis.getMesh()))
      axes.back() += "@" + name;
  }
  return fmt::format("[{}]", fmt::join(axes, ", "));
}

struct Explanation {
  std::string identity;
  MeshNames meshNames;
  std::vector<std::string> rules;
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
          paddings[axis.getName().str()] = fmt::format("{} to {}", valid, axis.getSize());
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

void printText(const Explanation &e) {
  fmt::print("{}\n\nrules, in the order they are read\n", e.identity);
  if (e.rules.empty())
    fmt::print("  none: every rank holds and computes everything\n");
  for (const std::string &rule : e.rules)
    fmt::print("  {}\n", rule);
  for (const std::string &cut : e.meshNames.cuts())
    fmt::print("  where {}\n", cut);
  for (const auto &[axis, sizes] : e.paddings)
    fmt::print("  {} is padded from {}\n", axis, sizes);

  fmt::print("\nparameters: {} in all, {} on a rank\n", withCommas(e.globalElements),
             withCommas(e.elementsPerRank()));
  std::vector<std::vector<std::string>> rows = {{"name", "layout", "on a rank"}};
  for (const ParameterLayout &p : e.parameters)
    rows.push_back({p.range, axesText(p.type, e.meshNames),
                    bytesText(static_cast<double>(p.localElements * bytesPerElement * p.instances))});
  fmt::print("{}", table(rows, 2));
  printMemory(e.memory);

  fmt::print("\ncollectives of a step\n");
  if (e.step.empty())
    fmt::print("  none\n");
  rows = {{"collective", "over", "tensors", "meetings", "ahead", "sent by a rank"}};
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
    for (nn::AxisAttr axis : p.type.getAxes()) {
      axes.push_back(
          {{"name", axis.getName().str()}, {"size", axis.getSize()}, {"mesh", e.meshNames(axis.getMesh())}});
    }
    parameters.push_back({{"name", p.range},
                          {"axes", axes},
                          {"instances", p.instances},
                          {"bytes_per_rank", p.localElements * bytesPerElement * p.instances}});
  }
  Json report = {{"identity", e.identity},
                 {"rules", e.rules},
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
  for (dist::LevelAttr level : plan.getRules())
    e.rules.push_back(levelText(level, e.meshNames));
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
