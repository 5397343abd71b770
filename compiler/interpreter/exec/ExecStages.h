//===- ExecStages.h - the programs of all stages, each on its ranks --------===//
#pragma once

#include "compiler/interpreter/exec/ExecInterpreter.h"

#include <deque>

namespace shardc::interpreter {

/// The programs of a pipeline's stages, or the one program where there is none. Each has memory of its own.
class ExecStages {
public:
  ExecStages(mlir::ModuleOp module, uint64_t seed, Inputs inputs);

  /// Runs an entry of all stages, in turn as messages allow.
  llvm::LogicalResult run(llvm::StringRef entry, int64_t step = 0);

  auto begin() { return programs.begin(); }
  auto end() { return programs.end(); }
  ExecInterpreter &operator[](size_t stage) { return programs[stage]; }

private:
  std::deque<ExecInterpreter> programs;
};

} // namespace shardc::interpreter
