//===- Weights.h - from the ranks' blocks to one file ----------------------===//
//
// Rank 0 collects one tensor at a time: out of the arenas mapped on its node, from other nodes by messages.
// Of several ranks that hold the same block the one with coordinate 0 on the mesh axes that do not place it
// gives it. Parameters are those of all stages of a pipeline, in that order, without copies.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "runtime/comm/World.h"
#include <functional>
#include <string>
#include <vector>

namespace rt {

using Programs = std::span<const Program>;

/// One of the blocks of a parameter of this program.
using BlockOf = std::function<Block(const Program &, const Parameter &)>;

inline Block weightOf(const Program &, const Parameter &parameter) {
  return parameter.weight;
}
inline Block gradientOf(const Program &, const Parameter &parameter) {
  return parameter.gradient;
}
/// Of the state of this name; a stage without weights has none.
BlockOf stateOf(const std::string &name);
/// The states of any stage.
std::vector<State> statesOf(Programs programs);

/// Writes that block of all parameters that have one; every rank must call it. Throws Aborted everywhere when
/// the file could not be written, after one rank said so.
void saveTensors(World &world, Programs programs, const BlockOf &which, const std::string &path);

/// Bytes that the weights' file will take.
std::int64_t weightBytes(Programs programs);

} // namespace rt
