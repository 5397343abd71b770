//===- ExplainCommand.cpp - shardc explain --------------------------------===//

#include "compiler/driver/Explain.h"
#include "compiler/driver/ExplainMemory.h"
#include "compiler/transforms/exec/FitMemory.h"
#include "dialects/dist/Dist.h"
#include "dialects/exec/Movements.h"
#include "dialects/nn/Padding.h"

#include "fmt/format.h"

using namespace shardc;

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

void printParameters(const ProgramReport &program, const MeshNames &meshNames) {
  fmt::print("\nparameters: {} in all, {} on a rank\n", withCommas(program.globalElements),
             withCommas(program.elementsPerRank));
  const bool anyMoves =
      llvm::any_of(program.parameters, [](const ParameterLayout &p) { return p.type != p.inUse; });
  std::vector<std::vector<std::string>> rows = {{"name", "layout", "on a rank"}};
  if (anyMoves)
    rows = {{"name", "in use", "at rest", "on a rank"}};
  for (const ParameterLayout &p : program.parameters) {
    const std::string name = p.range + (p.isCopy ? " (another stage's)" : "");
    std::vector<std::string> &row = rows.emplace_back(std::vector{name, axesText(p.inUse, meshNames)});
    if (anyMoves)
      row.push_back(p.type == p.inUse ? "as in use" : axesText(p.type, meshNames));
    row.push_back(bytesText(static_cast<double>(p.bytesPerRank())));
  }
  fmt::print("{}", table(rows, anyMoves ? 3 : 2));
}

void printCollectives(const std::vector<Movement> &step, const MeshNames &meshNames) {
  fmt::print("\ncollectives of a step\n");
  if (step.empty())
    fmt::print("  none\n");
  std::vector<std::vector<std::string>> rows = {
      {"collective", "over", "tensors", "meetings", "ahead", "sent by a rank"}};
  double total = 0;
  std::map<std::string, double> byMeshAxes;
  for (const Movement &m : step) {
    const std::string over = fmt::format("{}", fmt::join(meshNames(m.meshAxes), " x "));
    rows.push_back(
        {m.kind, over, withCommas(m.count), withCommas(m.meetings), withCommas(m.ahead), bytesText(m.bytes)});
    total += m.bytes;
    byMeshAxes[over] += m.bytes;
  }
  std::vector<std::string> sums;
  for (const auto &[over, bytes] : byMeshAxes)
    sums.push_back(fmt::format("{} over {}", bytesText(bytes), over));
  if (!step.empty())
    fmt::print("{}  {} in all: {}\n", table(rows, 2), bytesText(total), fmt::join(sums, ", "));
}

void printText(const Explanation &e) {
  fmt::print("{}\n\nrules, in the order they are read\n", e.identity);
  if (e.rules.empty())
    fmt::print("  none: every rank {}holds and computes everything\n", e.timetable ? "of a stage " : "");
  for (const std::string &rule : e.rules)
    fmt::print("  {}\n", rule);
  for (const std::string &rule : e.rulesAtRest)
    fmt::print("  {}, at rest\n", rule);
  for (const std::string &cut : e.meshNames.cuts())
    fmt::print("  where {}\n", cut);
  for (const auto &[axis, sizes] : e.programs.front().paddings)
    fmt::print("  {} is padded from {}\n", axis, sizes);

  if (e.timetable)
    printPipeline(e);
  for (auto [stage, program] : llvm::enumerate(e.programs)) {
    if (e.timetable)
      fmt::print("\n== stage {}: {}\n", stage, holdsText(*e.timetable, static_cast<int>(stage)));
    printParameters(program, e.meshNames);
    printMemory(program.memory);
    printCollectives(program.step, e.meshNames);
    if (e.timetable)
      printMessages(program);
  }
}
} // namespace

ProgramReport Explanation::reportOf(mlir::ModuleOp placed) {
  ProgramReport report{.parameters = parameterLayouts(placed)};
  for (const ParameterLayout &p : report.parameters) {
    int64_t elements = p.instances;
    for (nn::AxisAttr axis : p.type.getAxes()) {
      const int64_t valid = nn::validSizeOf(placed, axis);
      elements *= valid;
      if (valid != axis.getSize())
        report.paddings[nn::plainName(axis.getName()).str()] = fmt::format("{} to {}", valid, axis.getSize());
    }
    report.globalElements += p.isCopy ? 0 : elements;
    report.elementsPerRank += p.localElements * p.instances;
  }
  return report;
}

int shardc::explainCommand(const JobOptions &options) {
  auto compiled = compileJob(options, Stage::Pipe);
  if (!compiled)
    return 1;
  dist::PlanAttr plan = dist::planOf(*compiled->module);
  const frontend::Job &job = compiled->job;
  Explanation e{.identity = identityLine(job),
                .meshNames = MeshNames(plan),
                .microbatchSize = job.train.globalBatchSize.value / job.plan.microbatches.value,
                .timetable = pipes::Timetable::of(*compiled->module)};
  for (auto [level, written] : llvm::zip(plan.getRules(), job.plan.shard))
    e.rules.push_back(levelText(level, written.modules, e.meshNames));
  for (dist::LevelAttr level : plan.getOptimizerState())
    e.rulesAtRest.push_back(levelText(level, {}, e.meshNames));
  PipelineOptions toDist{.dumpDir = options.dumpDir, .timing = options.timing, .first = Stage::Dist};
  if (failed(runPipeline(*compiled->module, Stage::Dist, toDist)))
    return 1;
  for (mlir::ModuleOp program : pipes::stagesOf(*compiled->module))
    e.programs.push_back(Explanation::reportOf(program));
  // A plan that doesn't fit is shown before it is refused.
  const mlir::Attribute limit = (*compiled->module)->removeAttr(exec::memoryLimitAttrName);
  PipelineOptions toExec{.dumpDir = options.dumpDir, .timing = options.timing, .first = Stage::Exec};
  if (failed(runPipeline(*compiled->module, Stage::Exec, toExec)))
    return 1;
  for (auto [program, report] : llvm::zip(pipes::stagesOf(*compiled->module), e.programs)) {
    for (Movement &movement : movementsOf(program, "step"))
      (movement.peer < 0 ? report.step : report.messages).push_back(std::move(movement));
    for (Movement &movement : movementsOf(program, "eval"))
      if (movement.peer < 0)
        report.eval.push_back(std::move(movement));
    report.memory = *memoryPeak(program);
  }
  if (options.json)
    fmt::print("{}\n", explanationJson(e).dump(2));
  else
    printText(e);
  std::fflush(stdout);
  if (limit)
    (*compiled->module)->setAttr(exec::memoryLimitAttrName, limit);
  return failed(exec::fitMemory(*compiled->module)) ? 1 : 0;
}
