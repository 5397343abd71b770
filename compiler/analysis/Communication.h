//===- Communication.h - what a step moves between ranks ------------------===//
#pragma once

#include "mlir/IR/BuiltinOps.h"

#include <string>
#include <vector>

namespace shardc {

/// All collectives of one kind over the same mesh axes, or all messages to one other stage.
struct Movement {
  std::string kind;                  ///< all_reduce, all_gather, ..., send
  std::vector<std::string> meshAxes; ///< in mesh order
  int64_t peer = -1;                 ///< of messages: the stage that they go to
  int64_t count = 0;                 ///< tensors moved in one run of the function, loops unrolled
  int64_t meetings = 0;              ///< of the group: one for each bucket, or message
  int64_t ahead = 0;                 ///< meetings of what is under way while something computes
  double bytes = 0;                  ///< that one rank sends, by the ring algorithms of the field
};

/// What one run of `function` moves, calls and loops followed; sorted by kind and mesh axes. The module is an
/// `exec` program.
std::vector<Movement> movementsOf(mlir::ModuleOp module, llvm::StringRef function);

} // namespace shardc
