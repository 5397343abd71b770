//===- DecodeAtRest.cpp - what ZeRO and its like shard --------------------===//
//
// `zero` says what is at rest, `parameters.at_rest` by which rules; either alone implies the other:
//
//   zero: 3                          at_rest: {auto: the mesh axes of batch}
//   parameters: {at_rest: {...}}     zero: 3
//   data_parallel_shard_degree: 2    zero: 3, at_rest: {auto: the mesh axis of that degree}
//
// When gradients are reduced follows: by each micro-batch if they are at rest while they are summed, else
// last.
//
//===----------------------------------------------------------------------===//
#include "compiler/frontend/DecodeJob.h"
#include <fmt/format.h>

namespace shardc::frontend {
namespace {

class AtRestDecoder {
public:
  AtRestDecoder(const Node &root, Plan &plan, Diagnostics &diags)
      : root(root), parameters(*root.find("parameters")), plan(plan), rest(plan.atRest), diags(diags) {}

  void run() {
    zero = written(root, "zero");
    atRest = written(parameters, "at_rest");
    const Entry *degree = root.entry("data_parallel_shard_degree");
    isSharded = degree && degree->value.integer > 1;
    rest.stage = zero ? static_cast<int>(zero->value.integer) : atRest || isSharded ? 3 : 0;
    decodeReshard();
    decodeGather();
    if (rest.stage == 0)
      return refuseAll();
    decodeRules();
    decodeGradients();
  }

private:
  static const Entry *written(const Node &map, std::string_view key) {
    const Entry *entry = map.entry(key);
    return entry && !entry->value.isDefault ? entry : nullptr;
  }

  Diagnostic &refuse(const Entry &entry, std::string why) {
    Diagnostic &error = diags.error(entry.keyAt, fmt::format("'{}' {}", entry.key, why));
    if (zero)
      error.note(zero->keyAt, fmt::format("'zero' is {} here", rest.stage));
    return error;
  }

  /// Nothing is at rest: whatever says how is a mistake.
  void refuseAll() {
    for (const char *key : {"at_rest", "gradients", "optimizer_state"})
      if (const Entry *entry = written(parameters, key))
        refuse(*entry, "is given, but nothing is at rest").note("give 'zero' 1, 2 or 3, or rules 'at_rest'");
    if (const Entry *when = written(parameters, "reduce_gradients"); when && when->value.text == "each")
      refuseEach(*when);
  }

  void decodeRules() {
    if (!atRest) {
      AxisRule rule{{std::string(autoAxis), zero ? zero->keyAt : root.at}, shardAxes()};
      if (rule.meshAxes.empty())
        refuse(*zero, "shards over the mesh axes of 'batch', which no rule gives one")
            .note("give 'batch' a mesh axis, or say by which rules: parameters: {at_rest: {embed: …}}");
      rest.levels.push_back({rule.axis.at, {rule}, {}});
      return;
    }
    if (atRest->value.kind != Node::Kind::List)
      return decodeLevel(atRest->value, atRest->keyAt);
    for (const Node &level : atRest->value.items)
      decodeLevel(level, level.at);
    if (atRest->value.items.empty())
      reportEmpty(atRest->value.at);
  }

  /// A level of the plan; what is for `auto` becomes one of its own, after the others.
  void decodeLevel(const Node &node, const Position &at) {
    Level level{at, {}, {}}, last{at, {}, {}};
    for (const Entry &entry : node.entries)
      (entry.key == autoAxis ? last : level).rules.push_back(decodeRule(entry, plan, root, diags));
    if (node.entries.empty())
      reportEmpty(node.at);
    for (Level *each : {&level, &last})
      if (!each->rules.empty())
        rest.levels.push_back(*each);
  }

  void reportEmpty(const Position &at) {
    diags.error(at, "'at_rest' has no rules")
        .note("'auto: dp' shards each weight over mesh axis dp along its largest axis that divides");
  }

  /// Those of the shard degree where it is given, else all that divide the batch.
  std::vector<Name> shardAxes() const {
    std::vector<Name> axes = plan.dataAxes();
    return isSharded && !axes.empty() ? std::vector<Name>{axes.back()} : axes;
  }

  void decodeGradients() {
    bool areAtRest = rest.stage >= 2;
    if (const Entry *gradients = written(parameters, "gradients")) {
      if (gradients->value.text == "at_rest" && !areAtRest)
        refuse(*gradients, "at rest are 'zero' 2");
      areAtRest = gradients->value.text == "at_rest";
    }
    rest.reduceLast = !areAtRest;
    if (const Entry *when = written(parameters, "reduce_gradients")) {
      if (when->value.text == "each" && !areAtRest)
        refuseEach(*when);
      rest.reduceLast = when->value.text == "last";
    }
  }

  void refuseEach(const Entry &when) {
    refuse(when, "each is for gradients at rest: others would be sent again with each micro-batch")
        .note("use last, or 'zero' 2 or 3");
  }

  void decodeReshard() {
    const Entry *ours = written(parameters, "reshard_after_forward");
    const Entry *theirs = root.entry("fsdp_reshard_after_forward");
    if (ours && theirs)
      diags.error(theirs->keyAt, fmt::format("'{}' and '{}' cannot both be given", theirs->key, ours->key))
          .note(ours->keyAt, fmt::format("'{}' is given here; keep one of the two", ours->key));
    const bool isNever = theirs && theirs->value.text == "never";
    rest.reshardAfterForward = !isNever && (!ours || ours->value.boolean);
    if (const Entry *given = ours ? ours : isNever ? theirs : nullptr)
      refuseUnlessWeightsRest(*given);
  }

  void decodeGather() {
    const Entry *gather = written(parameters, "gather");
    if (!gather)
      return;
    refuseUnlessWeightsRest(*gather);
    rest.gatherModules = gather->value.text == "module";
    if (rest.gatherModules && !rest.reshardAfterForward)
      diags
          .error(gather->value.at,
                 "'gather' module frees weights within the layer: backward cannot read what forward gathered")
          .note("use 'gather' block, or gather again: reshard_after_forward: true");
  }

  void refuseUnlessWeightsRest(const Entry &entry) {
    if (rest.stage < 3)
      refuse(entry, "is about weights at rest, and they are not").note("they are with 'zero' 3");
  }

  const Node &root, &parameters;
  Plan &plan;
  AtRest &rest;
  Diagnostics &diags;
  const Entry *zero = nullptr, *atRest = nullptr;
  bool isSharded = false;
};

} // namespace

void decodeAtRest(const Node &root, Plan &plan, Diagnostics &diags) {
  AtRestDecoder(root, plan, diags).run();
}

} // namespace shardc::frontend
