//===- Lifetimes.h - from where to where a buffer is needed ---------------===//
#pragma once

#include "dialects/exec/Exec.h"

#include "llvm/ADT/MapVector.h"

namespace exec {

/// Steps of a function: its ops in order, loops entered. A buffer that begins outside of a loop and is used
/// inside is needed during the whole loop.
class Lifetimes {
public:
  struct Interval {
    int begin = 0, end = 0;
  };
  explicit Lifetimes(FuncOp func);

  /// Buffers of the frame, in order.
  const llvm::MapVector<BufferOp, Interval> &buffers() const { return intervals; }
  /// The step of a call.
  int stepOf(mlir::Operation *op) const { return steps.lookup(op); }
  /// The step at which a call is complete: its own, or that of the wait for it.
  int endOf(mlir::Operation *op) const { return std::max(steps.lookup(op), waits.lookup(op)); }

private:
  void use(BufferOp buffer, mlir::Operation *user);

  llvm::DenseMap<mlir::Operation *, int> steps, lastSteps; // of an op, and of what it contains
  llvm::DenseMap<mlir::Operation *, int> waits;            // for what was started
  llvm::MapVector<BufferOp, Interval> intervals;
};

/// Where a pointer begins: block arguments, exec.buffer, exec.address; several for a packed struct.
llvm::SmallVector<mlir::Value> rootsOf(mlir::Value pointer);

} // namespace exec
