//===- Package.h - an exec program as a trainer that builds alone ----------===//
//
// In:  an exec module after exec-plan-memory and exec-verify: offsets, strides and sizes are all there.
// Out: a folder with CMakeLists.txt, manifest.json, main.cpp, program.*, bundles.h, modules/*, support/* and
//      runtime/, which CMake builds into `trainer`. The same module and recipe give the same bytes. A module
//      that nests a module for each stage of a pipeline gives stage_0.*, ... instead of program.cpp.
// Not here: anything that decides; what cannot be written is an error at its op.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "mlir/IR/BuiltinOps.h"

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace shardc::frontend {
struct Job;
}

namespace shardc::codegen {

enum class Target : uint8_t { cpu, cuda };

/// What a trainer needs to know of a job beyond its program: rt::Recipe with owned strings.
struct Recipe {
  std::string name; ///< of the job
  Target target = Target::cpu;
  int64_t steps = 1;
  int64_t globalBatch = 1; ///< sequences per step
  int64_t microbatches = 1;
  int64_t seqLen = 1;
  int64_t vocab = 256;
  uint64_t seed = 0;
  std::string data; ///< path of the text or pattern of token files; empty: the --data flag says
  std::string tokenizer = "bytes";         ///< bytes, u16, u32
  std::string filePrefix;                  ///< of names in files of weights, which may stand without it
  std::vector<std::string> ignoredTensors; ///< of such files: names, or how they end, that are no weights
  int64_t evalEvery = 0;
  int64_t evalBatches = 0;
  int64_t checkpointEvery = 0;
  int64_t checkpointKeep = 2;
};

/// Writes the package into `folder`, which is made where it is missing; files of an older package that this
/// one lacks are removed from modules/ and runtime/. Failures are diagnostics at the module.
mlir::LogicalResult writePackage(mlir::ModuleOp execModule, const Recipe &recipe,
                                 const std::filesystem::path &folder);
mlir::LogicalResult writePackage(mlir::ModuleOp execModule, const frontend::Job &job,
                                 const std::filesystem::path &folder);

/// The recipe of a job whose program is `execModule`.
Recipe recipeOf(mlir::ModuleOp execModule, const frontend::Job &job);

} // namespace shardc::codegen
