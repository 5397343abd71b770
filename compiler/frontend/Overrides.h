//===- Overrides.h - `--set key=value` on a tree --------------------------===//
#pragma once
#include "compiler/frontend/Yaml.h"

namespace shardc::frontend {

/// `train.optimizer.lr=1e-3`: the path, and the value with the option as its place.
struct Override {
  std::vector<std::string> path;
  Node value;
};

/// Reads one `--set` argument; its value is YAML.
std::optional<Override> parseOverride(const std::string &argument, Diagnostics &diags);

/// Sets the value at `path[first...]` of `root`; maps on the way are made, items of lists are numbered from
/// 0.
void applyOverride(const Override &override, size_t first, Node &root, Diagnostics &diags);

} // namespace shardc::frontend
