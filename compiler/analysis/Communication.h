//===- Communication.h - what a step moves between ranks ------------------===//
#pragma once

#include "mlir/IR/BuiltinOps.h"

#include <string>
#include <vector>

namespace shardc {

/// All collectives of one kind over the same mesh axes.
struct Movement {
  std::string kind;                  ///< all_reduce, all_gather, ...
  std::vector<std::string> meshAxes; ///< in mesh order
  int64_t count = 0;                 ///< calls in one run of the function, loops unrolled
  double bytes = 0;                  ///< that one rank sends, by the ring algorithms of the field
};

/// What one run of `function` moves, calls and loops followed; sorted by kind and mesh axes. The module is a
/// `dist` program after lowering.
std::vector<Movement> movementsOf(mlir::ModuleOp module, llvm::StringRef function);

} // namespace shardc
