//===- RandomPlan.cpp - plans drawn at random, in the language of plans ---===//
//
// First mesh axes, each with what it is for, and now and then for which modules; then, for the half of the
// plans, what is at rest: by ZeRO's stage, by rules that name tensor axes or leave the choice to `auto`, over
// any mesh axes, those of the batch or not. A fifth of the plans is a pipeline besides: each schedule, two
// to four stages, one to three parts of the model on each, as `auto` cuts it or in parts of drawn sizes.
//
//===----------------------------------------------------------------------===//

#include "tests/unit/property/RandomPlan.h"

#include <algorithm>

using namespace shardc::interpreter::test;

namespace {

using Axes = std::vector<std::string>;

/// What one mesh axis is for: the tensor axes that it divides, one level.
const std::vector<Axes> roles = {{"batch"},
                                 {"batch"},
                                 {"heads", "mlp", "vocab"},
                                 {"heads", "mlp", "vocab"},
                                 {"heads", "mlp"},
                                 {"mlp"},
                                 {"vocab"},
                                 {"embed"},
                                 {"seq"},
                                 {"heads"},
                                 {"mlp", "vocab"}};

/// The same at rest; no weight has two of these axes.
const std::vector<Axes> rolesAtRest = {{"embed"}, {"embed"},    {"mlp"},          {"vocab"},
                                       {"heads"}, {"head_dim"}, {"mlp", "vocab"}, {"heads", "mlp"}};

/// One level: tensor axes, and the mesh axes that each takes in order.
using Level = std::vector<std::pair<std::string, Axes>>;

std::string textOf(const Axes &list) {
  std::string text;
  for (const std::string &each : list)
    text += (text.empty() ? "" : ", ") + each;
  return text;
}

/// `modules`: the paths of a level that is for some modules only.
std::string textOf(const Level &level, const std::string &modules = "") {
  Axes rules;
  if (!modules.empty())
    rules.push_back("at: " + modules);
  for (const auto &[axis, meshAxes] : level)
    rules.push_back(axis + ": " + (meshAxes.size() > 1 ? "[" + textOf(meshAxes) + "]" : meshAxes[0]));
  return "{" + textOf(rules) + "}";
}

class PlanWriter {
public:
  PlanWriter(Dice &dice, Dice scopes, Dice stages) : dice(dice), scopes(scopes), stages(stages) {}

  RandomPlan run() {
    addMesh();
    if (dice.chance(0.3))
      dice.shuffle(levels);
    if (dice.chance(0.3))
      dice.shuffle(plan.mesh);
    Axes mesh, shard;
    for (const auto &[name, size] : plan.mesh)
      mesh.push_back(name + ": " + std::to_string(size));
    std::string pipeline = stages.chance(0.2) ? drawPipeline(mesh) : "";
    for (const Level &level : levels)
      shard.push_back(textOf(level, drawModules(level)));
    plan.text = "mesh: {" + textOf(mesh) + "}, shard: [" + textOf(shard) + "]";
    if (!plan.mesh.empty() && dice.chance(0.5))
      addAtRest();
    plan.text += pipeline;
    return plan;
  }

private:
  void addMesh() {
    int64_t world = 1, most = dice.chance(0.15) ? 64 : 8;
    bool isWide = dice.chance(0.1); // up to five mesh axes
    if (isWide)
      most = 32;
    for (const std::string &name : {"dp", "tp", "cp", "ep", "sp"}) {
      int64_t size = isWide ? 2 : dice.oneOf<int64_t>({1, 2, 2, 2, 3, 4, 8});
      if (world * size > most || dice.chance(isWide ? 0.1 : 0.2) ||
          (!isWide && (name == "ep" || name == "sp")))
        continue;
      world *= size;
      plan.mesh.push_back({name, size});
      Axes role = dice.oneOf(roles);
      if (name == "dp" && dice.chance(0.6))
        role = {"batch"};
      addLevel(role, name, size);
      // Wherever the mesh axis is still free, often the sequence, sometimes anything.
      if (role[0] != "seq" && dice.chance(0.5)) {
        std::string axis = dice.chance(0.7) ? "seq" : dice.oneOf<std::string>({"embed", "batch", "vocab"});
        if (std::find(role.begin(), role.end(), axis) == role.end())
          addLevel({axis}, name, size);
      }
    }
  }

  /// Gives the mesh axis to the axes of `role`: in a level of its own, or with others in one that is there.
  void addLevel(const Axes &role, const std::string &meshAxis, int64_t size) {
    Level alone;
    for (const std::string &axis : role) {
      plan.dividedBy[axis][meshAxis] = size;
      alone.push_back({axis, {meshAxis}});
    }
    for (Level &level : levels) {
      bool isSame = level.size() == role.size();
      for (size_t i = 0; isSame && i < role.size(); ++i)
        isSame = level[i].first == role[i];
      if (!isSame || dice.chance(0.4))
        continue;
      bool isMajor = dice.chance(0.5);
      for (auto &[axis, meshAxes] : level)
        meshAxes.insert(isMajor ? meshAxes.begin() : meshAxes.end(), meshAxis);
      return;
    }
    levels.push_back(alone);
  }

  /// Modules of the random model in which the level places something; empty for all, as most levels are.
  std::string drawModules(const Level &level) {
    auto has = [&](const std::string &axis) {
      return std::any_of(level.begin(), level.end(), [&](const auto &rule) { return rule.first == axis; });
    };
    if (!scopes.chance(has("batch") ? 0.1 : 0.3) || has("vocab")) // of which only main knows
      return "";
    Axes paths = {"layers", "layers.0", "'*.*'"};
    if (!has("heads"))
      paths.insert(paths.end(), {"'layers.*.mlp'", "layers.0.mlp"});
    if (!has("mlp"))
      paths.insert(paths.end(), {"'layers.*.attn'", "[layers.0.attn, norm]"});
    return scopes.oneOf(paths);
  }

  /// `zero` alone is over the mesh axes of the batch, rules alone are for all that can be at rest.
  void addAtRest() {
    int64_t stage = 1 + dice.upTo(2);
    Axes parameters;
    bool hasRules = !plan.dividedBy.contains("batch") || dice.chance(0.5);
    if (hasRules)
      parameters.push_back("at_rest: " + textOf(drawRulesAtRest()));
    else
      for (const auto &[name, size] : plan.dividedBy["batch"])
        mayRest(name, size);
    if (hasRules && dice.chance(0.3))
      stage = 3;
    else
      plan.text += ", zero: " + std::to_string(stage);
    bool areAtRest = stage >= 2;
    if (dice.chance(0.3)) {
      areAtRest = areAtRest && dice.chance(0.5);
      parameters.push_back(std::string("gradients: ") + (areAtRest ? "at_rest" : "in_use"));
    }
    if (dice.chance(0.3))
      parameters.push_back(std::string("reduce_gradients: ") +
                           (areAtRest && dice.chance(0.5) ? "each" : "last"));
    bool isKept = false;
    if (stage == 3 && dice.chance(0.5)) {
      isKept = !dice.chance(0.5);
      parameters.push_back(std::string("reshard_after_forward: ") + (isKept ? "false" : "true"));
    }
    if (stage == 3 && !isKept && scopes.chance(0.5))
      parameters.push_back("gather: module");
    if (!parameters.empty())
      plan.text += ", parameters: {" + textOf(parameters) + "}";
  }

  /// For `auto`: most weights have an axis that the mesh axis divides, or few do.
  void mayRest(const std::string &meshAxis, int64_t size) {
    if (dice.chance(0.7))
      plan.dividedBy["embed"][meshAxis] = size;
  }

  Level drawRulesAtRest() {
    Level rules, last = {{"auto", {}}};
    auto meshAxes = plan.mesh;
    dice.shuffle(meshAxes);
    for (const auto &[name, size] : meshAxes) {
      if (dice.chance(0.3) && !(rules.empty() && last[0].second.empty()))
        continue;
      Axes role = dice.oneOf(rolesAtRest);
      auto isTaken = [&](const std::string &axis) {
        return plan.dividedBy[axis].contains(name) ||
               std::any_of(rules.begin(), rules.end(), [&](const auto &rule) { return rule.first == axis; });
      };
      if (dice.chance(0.5) || std::any_of(role.begin(), role.end(), isTaken)) {
        last[0].second.push_back(name);
        mayRest(name, size);
        continue;
      }
      for (const std::string &axis : role) {
        plan.dividedBy[axis][name] = size;
        rules.push_back({axis, {name}});
      }
    }
    if (!last[0].second.empty())
      rules.push_back(last[0]);
    dice.shuffle(rules);
    return rules;
  }

  /// Puts the pipeline's axis somewhere into the mesh. No rule knows of it.
  std::string drawPipeline(Axes &mesh) {
    int64_t world = 1;
    for (const auto &[name, size] : plan.mesh)
      world *= size;
    int64_t count = stages.oneOf<int64_t>({2, 2, 2, 3, 4}), parts = count;
    if (world * count > 64)
      return "";
    mesh.insert(mesh.begin() + stages.upTo(static_cast<int64_t>(mesh.size())),
                "pp: " + std::to_string(count));
    std::string schedule = stages.oneOf<std::string>(
        {"1f1b", "gpipe", "interleaved", "zero_bubble_h1", "zero_bubble", "zero_bubble_v"});
    std::string text = ", pipeline: {axis: pp, schedule: " + schedule;
    plan.microbatches = 1 + stages.upTo(2);
    if (schedule == "interleaved") { // micro-batches in groups of as many as there are stages
      int64_t each = count == 2 ? stages.oneOf<int64_t>({2, 2, 3}) : 2;
      parts *= each;
      plan.microbatches = count * (count == 2 ? 1 + stages.upTo(1) : 1);
      text += ", virtual_stages: " + std::to_string(each);
    }
    if (schedule == "zero_bubble_v")
      parts *= 2;
    if (stages.chance(0.4)) {
      Axes layers;
      for (int64_t part = 0; part < parts; ++part) {
        int64_t size = stages.chance(0.2) ? 2 : 1;
        layers.push_back(std::to_string(size));
        plan.layers += size;
      }
      return text + ", stages: [" + textOf(layers) + "]}";
    }
    plan.layers = parts + stages.upTo(1);
    return text + "}";
  }

  Dice &dice, scopes, stages;
  RandomPlan plan;
  std::vector<Level> levels;
};

} // namespace

int64_t RandomPlan::divisorOf(const std::string &axis) const {
  int64_t divisor = 1;
  if (auto found = dividedBy.find(axis); found != dividedBy.end())
    for (const auto &[meshAxis, size] : found->second)
      divisor *= size;
  return divisor;
}

RandomPlan shardc::interpreter::test::randomPlan(Dice &dice, Dice scopes, Dice stages) {
  return PlanWriter(dice, scopes, stages).run();
}
