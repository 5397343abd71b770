//===- LoadWeights.h - from one file to the ranks' blocks -------------------===//
//
// Every rank reads the file's header and its own blocks, nothing else. A tensor is found under its
// parameter's name or one that is tied to it, each with or without the model's prefix; where the file has
// several of them they must be equal.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "runtime/comm/World.h"
#include <string>

namespace rt {

/// Fills the weights of this rank's program from the safetensors file at `path`; every rank must call it.
/// Nothing is filled unless the file has every weight in its shape, in f32, and no tensor that is none.
/// Throws Aborted everywhere after one rank said what is wrong.
void loadWeights(World &world, std::span<const Program> programs, const std::string &path);

} // namespace rt
