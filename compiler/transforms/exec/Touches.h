//===- Touches.h - may two ops change places ------------------------------===//
#pragma once

#include "dialects/exec/Exec.h"

namespace exec {

/// One tensor of what begins at a block argument, an exec.buffer or a global: what that is, and which of its
/// tensors, depth first.
using Tensor = std::pair<const void *, unsigned>;

/// The tensors that a pointer stands for. A view stands for all that it looks at.
llvm::SmallVector<Tensor> tensorsOf(mlir::Value pointer);

/// What an op, with all that it holds, does to memory; a wait does what it waits for.
class Touches {
public:
  Touches() = default;
  explicit Touches(mlir::Operation *op) { add(op); }

  void add(const Touches &other);
  /// One of the two writes (or adds to) what the other touches.
  bool conflictsWith(const Touches &other) const;
  void addWrittenTo(llvm::DenseSet<Tensor> &written) const;

private:
  void add(mlir::Operation *op);

  llvm::DenseMap<Tensor, bool> tensors; // whether it is written
};

} // namespace exec
