//===- Record.h - what a training run leaves behind -----------------------===//
//
// The same tensors from whoever trained: the f64 interpreter or a built trainer (`--dump DIR`), under the
// names that files have, in one order.
//
//===----------------------------------------------------------------------===//
#pragma once

#include <map>
#include <string>
#include <vector>

namespace shardc::parity {

/// Row-major values of each tensor, by its name in files.
using Tensors = std::map<std::string, std::vector<double>>;

struct Record {
  std::vector<double> losses;            // of each step
  Tensors gradients;                     // of the first step: sums over its labels
  Tensors weights;                       // after the last step
  std::map<std::string, Tensors> states; // of the optimizer, after the last step: `m`, `v`
};

/// Tensors of one safetensors file, in f32 or f64. Throws std::runtime_error, naming the file.
Tensors readTensors(const std::string &path);

/// DIR/{gradients,weights}.safetensors, one of each of `states`, and DIR/metrics.jsonl. Throws
/// std::runtime_error.
Record readRecord(const std::string &dir, const std::vector<std::string> &states = {"m", "v"});

} // namespace shardc::parity
