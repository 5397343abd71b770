//===- Weights.h - from the ranks' blocks to one file ----------------------===//
//
// Rank 0 collects one tensor at a time: out of the arenas mapped on its node, from other nodes by messages.
// Of several ranks that hold the same block the one with coordinate 0 on the mesh axes that do not place it
// gives it.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "runtime/comm/World.h"
#include <string>

namespace rt {

/// Writes the weights, the gradients or a moment of all parameters that have one; every rank must call it.
/// Throws Aborted everywhere when the file could not be written, after one rank said so.
void saveTensors(World &world, const Program &program, Block Parameter::*which, const std::string &path);

/// Bytes that the weights' file will take.
std::int64_t weightBytes(const Program &program);

} // namespace rt
