//===- Report.h - how many mutants each layer caught ----------------------===//
#pragma once

#include "tests/mutants/Judge.h"

#include <array>

namespace shardc::mutants {

/// One fault over all programs.
struct Row {
  Level level;
  const Fault *fault;
  std::array<int64_t, 4> caught{}; // by layer

  int64_t planted() const { return caught[0] + caught[1] + caught[2] + caught[3]; }
  int64_t survivors() const { return caught[static_cast<size_t>(Layer::none)]; }
};

/// docs/mutants.md
std::string pageOf(llvm::ArrayRef<Row> rows, llvm::ArrayRef<std::string> programs);

} // namespace shardc::mutants
