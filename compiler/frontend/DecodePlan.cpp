//===- DecodePlan.cpp - mesh, rules and short forms of a plan -------------===//
#include "compiler/frontend/DecodeJob.h"
#include "compiler/frontend/Parser.h"
#include <algorithm>
#include <fmt/format.h>

namespace shardc::frontend {

const MeshAxis *Plan::meshAxis(std::string_view name) const {
  for (const MeshAxis &axis : mesh)
    if (axis.name.value == name)
      return &axis;
  return nullptr;
}

int64_t Plan::worldSize() const {
  int64_t ranks = 1;
  for (const MeshAxis &axis : mesh)
    ranks *= axis.size.value;
  return ranks;
}

std::vector<Name> Plan::dataAxes() const {
  // Places the set {batch, seq}, as levels are read outside of all modules: each mesh axis goes once to the
  // first match.
  std::vector<std::string_view> taken;
  std::vector<Name> axes;
  for (const Level &level : shard)
    for (const AxisRule &rule : level.rules)
      for (const Name &meshName : rule.meshAxes) {
        const bool isTaken = std::find(taken.begin(), taken.end(), meshName.value) != taken.end();
        if (isTaken || !isStepAxis(rule.axis.value) || !level.modules.empty())
          continue;
        taken.push_back(meshName.value);
        if (rule.axis.value == "batch")
          axes.push_back(meshName);
      }
  return axes;
}

int64_t Plan::dataRanks() const {
  int64_t ranks = 1;
  for (const Name &name : dataAxes())
    ranks *= meshAxis(name.value)->size.value;
  return ranks;
}

namespace {

void checkMeshAxis(const Name &name, const Plan &plan, const Node &root, Diagnostics &diags) {
  if (plan.meshAxis(name.value))
    return;
  std::vector<std::string> known;
  for (const MeshAxis &axis : plan.mesh)
    known.push_back(axis.name.value);
  Diagnostic &error = diags.error(name.at, fmt::format("unknown mesh axis '{}'", name.value));
  if (known.empty())
    error.note("the mesh has no axes: write them into 'mesh'");
  else
    error.note(root.entry("mesh")->keyAt, fmt::format("the mesh axes are {}", listed(known, "and")));
}

} // namespace

AxisRule decodeRule(const Entry &entry, const Plan &plan, const Node &root, Diagnostics &diags) {
  AxisRule rule{{entry.key, entry.keyAt}, {}};
  if (entry.value.kind == Node::Kind::Text)
    rule.meshAxes.push_back({entry.value.text, entry.value.at});
  for (const Node &item : entry.value.items)
    rule.meshAxes.push_back({item.text, item.at});
  if (rule.meshAxes.empty())
    diags.error(entry.value.at, fmt::format("the rule of '{}' names no mesh axis", entry.key));
  for (size_t i = 0; i < rule.meshAxes.size(); ++i) {
    checkMeshAxis(rule.meshAxes[i], plan, root, diags);
    for (size_t j = 0; j < i; ++j)
      if (rule.meshAxes[j].value == rule.meshAxes[i].value)
        diags.error(rule.meshAxes[i].at, fmt::format("mesh axis '{}' stands twice in the rule of '{}'",
                                                     rule.meshAxes[i].value, entry.key));
  }
  return rule;
}

namespace {

constexpr int64_t maxRanks = 1 << 20;

class PlanDecoder {
public:
  PlanDecoder(const Node &root, Diagnostics &diags) : root(root), diags(diags) {}

  std::optional<PlanDraft> run() {
    const size_t before = diags.size();
    for (const Entry &entry : root.find("mesh")->entries)
      addMeshAxis(entry.key, entry.keyAt, entry.value);
    expandDegrees();
    checkWorld();
    for (const Node &level : root.find("shard")->items)
      decodeLevel(level);
    if (diags.size() == before)
      decodeAtRest(root, draft.plan, diags);
    decodeMovements(root, draft.plan, diags);
    decodeHardware(root, draft.plan, diags);
    decodePipeline(root, draft.plan, diags);
    draft.microbatches = count("microbatches");
    draft.accumulationSteps = count("gradient_accumulation_steps");
    draft.microBatchSize = count("micro_batch_size");
    return diags.size() == before ? std::optional(std::move(draft)) : std::nullopt;
  }

private:
  std::optional<Located<int64_t>> count(std::string_view key) const {
    const Node *node = root.find(key);
    return node ? std::optional(Located<int64_t>{node->integer, node->at}) : std::nullopt;
  }

  void addMeshAxis(const std::string &name, const Position &at, const Node &size) {
    if (!isIdentifier(name))
      diags.error(at, fmt::format("'{}' cannot name a mesh axis", name))
          .note("a name is letters, digits and '_', beginning with a letter");
    draft.plan.mesh.push_back({{name, at}, {size.integer, size.at}});
  }

  void checkWorld() {
    int64_t ranks = 1;
    for (const MeshAxis &axis : draft.plan.mesh) {
      ranks *= axis.size.value; // each at most 2^20, so this cannot overflow
      if (ranks > maxRanks) {
        diags.error(axis.size.at, fmt::format("the mesh has more than {} ranks", maxRanks));
        return;
      }
    }
  }

  /// Degrees by the names people know, as a mesh and rules: Megatron's placement, sequence parallel included.
  void expandDegrees() {
    const Entry *replicate = degree("data_parallel_replicate_degree");
    const Entry *shard = degree("data_parallel_shard_degree");
    const Entry *tensor = degree("tensor_parallel_degree");
    const Entry *sequence = degree("enable_sequence_parallel");
    const Entry *stages = degree("pipeline_parallel_degree");
    auto isOn = [](const Entry *entry) { return entry && entry->value.integer > 1; };
    if (isOn(stages))
      addMeshAxis("pp", stages->keyAt, stages->value);
    if (isOn(replicate) && isOn(shard)) {
      addMeshAxis("replicate", replicate->keyAt, replicate->value);
      addMeshAxis("shard", shard->keyAt, shard->value);
      Level batch = level(*replicate, {"batch"}, "replicate");
      batch.rules[0].meshAxes.push_back({"shard", shard->keyAt});
      draft.plan.shard.push_back(std::move(batch));
    } else if (const Entry *data = isOn(shard) ? shard : isOn(replicate) ? replicate : nullptr) {
      addMeshAxis("dp", data->keyAt, data->value);
      draft.plan.shard.push_back(level(*data, {"batch"}, "dp"));
    }
    if (isOn(tensor)) {
      addMeshAxis("tp", tensor->keyAt, tensor->value);
      draft.plan.shard.push_back(level(*tensor, {"heads", "mlp", "vocab"}, "tp"));
      if (!sequence || sequence->value.boolean)
        draft.plan.shard.push_back(level(*tensor, {"seq"}, "tp"));
    }
  }

  /// A degree, which cannot stand beside what it expands to.
  const Entry *degree(std::string_view key) {
    const Entry *entry = root.entry(key);
    if (!entry)
      return nullptr;
    for (std::string_view other : {"mesh", "shard"})
      if (const Entry *written = root.entry(other); !written->value.isDefault)
        diags.error(entry->keyAt, fmt::format("'{}' and '{}' cannot both be given", key, other))
            .note(written->keyAt, fmt::format("'{}' is given here; keep one of the two", other));
    return entry;
  }

  static Level level(const Entry &degree, std::initializer_list<const char *> axes, const char *meshAxis) {
    Level level{degree.keyAt, {}, {}};
    for (const char *axis : axes)
      level.rules.push_back({{axis, degree.keyAt}, {{meshAxis, degree.keyAt}}});
    return level;
  }

  void decodeLevel(const Node &node) {
    Level level{node.at, {}, {}};
    for (const Entry &entry : node.entries)
      if (entry.key == "at")
        decodeModules(entry, level);
      else
        level.rules.push_back(decodeRule(entry, draft.plan, root, diags));
    if (level.rules.empty())
      diags.error(node.at, "a level of 'shard' has no rules");
    draft.plan.shard.push_back(std::move(level));
  }

  void decodeModules(const Entry &entry, Level &level) {
    if (entry.value.kind == Node::Kind::Text)
      level.modules.push_back({entry.value.text, entry.value.at});
    for (const Node &item : entry.value.items)
      level.modules.push_back({item.text, item.at});
    if (level.modules.empty())
      diags.error(entry.value.at, "'at' names no module");
    for (const Name &pattern : level.modules)
      if (("." + pattern.value + ".").find("..") != std::string::npos)
        diags.error(pattern.at, fmt::format("'{}' is not the path of a module", pattern.value))
            .note("a path is names and numbers of children with dots between, as layers.3.mlp; * is any of "
                  "them");
  }

  const Node &root;
  Diagnostics &diags;
  PlanDraft draft;
};

} // namespace

std::optional<PlanDraft> decodePlan(const Node &root, Diagnostics &diags) {
  return PlanDecoder(root, diags).run();
}

} // namespace shardc::frontend
