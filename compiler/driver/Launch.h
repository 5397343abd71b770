//===- Launch.h - start every rank of a trainer, and say what became of it ===//
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace shardc {

struct LaunchOptions {
  std::filesystem::path trainer; ///< the binary
  int64_t ranks = 1;
  std::vector<std::string> arguments; ///< of the trainer
};

/// Runs the trainer under mpirun until it ends. When a rank dies, by any signal, the others are stopped
/// within five seconds and the last line on stderr names the rank, the operation it was in and its place in
/// the YAML. Returns the exit code: 0, 1, or 128 + the signal that the user sent.
int launch(const LaunchOptions &options);

} // namespace shardc
