//===- Weights.h - from the ranks' blocks to one file ----------------------===//
//
// Rank 0 collects one tensor at a time: out of the arenas mapped on its node, from other nodes by messages.
// Of several ranks that hold the same block the one with coordinate 0 on the mesh axes that do not place it
// gives it.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "runtime/comm/World.h"
#include <functional>
#include <string>

namespace rt {

/// Finds one of a parameter's blocks.
using BlockOf = std::function<const Block &(const Parameter &)>;

inline const Block &weightOf(const Parameter &parameter) {
  return parameter.weight;
}
inline const Block &gradientOf(const Parameter &parameter) {
  return parameter.gradient;
}
/// Of state number `state` of the program.
inline BlockOf stateOf(int state) {
  return [state](const Parameter &parameter) -> const Block & { return parameter.states[state]; };
}

/// Writes that block of all parameters that have one; every rank must call it. Throws Aborted everywhere when
/// the file could not be written, after one rank said so.
void saveTensors(World &world, const Program &program, const BlockOf &which, const std::string &path);

/// Bytes that the weights' file will take.
std::int64_t weightBytes(const Program &program);

} // namespace rt
