//===- Dependencies.h - what a module's function was made from ------------===//
//
// The config values, axis sizes and axis names that a module and all below it
// read. Another instance of the module, in another scope, shares the function
// if it would read the same.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "compiler/frontend/ConfigEval.h"

namespace shardc::frontend::build {

struct Dependencies {
  struct Below;

  Reads reads;
  /// Reads in scopes of children that override config or call axes otherwise: they depend on that.
  std::vector<Below> children;

  /// Whether `scope` has the same values.
  bool hold(const Scope &scope) const;
  /// What a child of what reads in `scope` read in its own scope.
  void addChild(const Scope &scope, const ChildSpec &child, std::optional<int64_t> layer,
                const Dependencies &below);
};

struct Dependencies::Below {
  const ChildSpec *child;
  std::optional<int64_t> layer;
  Dependencies dependencies;
};

} // namespace shardc::frontend::build
