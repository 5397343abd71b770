//===- ScopedAxes.h - names of axes where rules hold in some modules only --===//
//
// A level with `at` holds in the modules that its patterns match, and in all that is below them. There the
// axes that its rules name have names of their own, so that a rule, a type or a function says by names alone
// where it belongs:
//
//   shard: [{batch: dp}, {at: "layers.*.mlp", mlp: tp}]
//
//   in layers.3.mlp   mlp is called mlp.2: the axis mlp where level 2 holds
//   elsewhere         mlp, of which level 2 does not speak
//
// A level without `at` speaks of the axis under all of its names. `*` in a pattern is any one part of a path.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "compiler/frontend/ConfigEval.h"
#include "compiler/frontend/JobSpec.h"
#include <set>

namespace shardc::frontend {

/// Whether a pattern matches the module at `path`, or one that it is below.
bool holdsAt(std::string_view pattern, std::string_view path);

class ScopedAxes {
public:
  /// Of a plan that outlives this.
  ScopedAxes(const Plan &plan, const ModelSpec &model);

  /// Whether axes have other names anywhere.
  bool empty() const { return scoped.empty(); }
  /// What a single axis is called in the module at `path`.
  std::string nameAt(std::string_view path, std::string_view axis) const;

private:
  struct Scoped {
    size_t number; ///< of the level, counted from 1
    const Level *level;
    std::set<std::string, std::less<>> axes; ///< parts of products
  };
  std::vector<Scoped> scoped;
};

/// Reports patterns of a plan that match no module of the model whose root is `main`.
bool checkModules(const Plan &plan, const Scope &main, Diagnostics &diags);

/// Whether level number `number` (from 1) speaks of an axis by this name.
bool speaksOf(size_t number, const Level &level, std::string_view name);

} // namespace shardc::frontend
