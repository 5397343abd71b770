//===- MemoryPeak.h - what a rank's memory holds when most is in use ------===//
//
// The arena of a planned `exec` program: globals that stay, and the frames of a chain of calls. Of all
// moments, the one at which the most bytes are needed, and what is alive then:
//
//   arena | parameters | m | v | gradients | inputs | @step's buffers | @micro's | @block_backward's |
//
// What of the arena no one needs at that moment are gaps: bytes that another moment's packing takes, and
// what aligns buffers to 64 bytes.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/analysis/MemoryKinds.h"

#include <string>
#include <vector>

namespace shardc {

/// A buffer or global that is needed at the moment.
struct MemoryBlock {
  MemoryKind kind;
  std::string name;              ///< `parameters.h.3`, `h.3_saved`
  std::string function;          ///< whose frame it lies in; empty for a global
  int64_t offset = 0, bytes = 0; ///< in the arena
  mlir::Location place;
};

/// One function of the chain of calls.
struct MemoryCall {
  std::string function;
  std::string instance; ///< `h.3`: whose weights it was called with, where the call says so
};

struct MemoryPeak {
  int64_t arenaBytes = 0;
  std::vector<MemoryCall> chain;  ///< the entry first
  mlir::Operation *op = nullptr;  ///< what the last of them does then
  std::vector<MemoryBlock> alive; ///< by offset

  int64_t bytesOf(MemoryKind kind) const;
  int64_t aliveBytes() const;
  int64_t gapBytes() const { return arenaBytes - aliveBytes(); }
};

/// Nothing for a program without a memory plan or without entries.
std::optional<MemoryPeak> memoryPeak(mlir::ModuleOp module);

} // namespace shardc
