//===- MemoryKinds.h - what a buffer of a rank's program is for -----------===//
#pragma once

#include "dialects/exec/Exec.h"

namespace shardc {

enum class MemoryKind {
  Parameters,
  Gradients,
  OptimizerState,
  Inputs,          ///< and the scalars that the runtime writes and reads
  SavedValues,     ///< from forward to backward
  GatheredWeights, ///< what collectives made of parameters at rest
  Workspace,       ///< activations and gradients on their way, sums, recomputed values
};
inline constexpr MemoryKind allMemoryKinds[] = {
    MemoryKind::Parameters,  MemoryKind::Gradients,       MemoryKind::OptimizerState, MemoryKind::Inputs,
    MemoryKind::SavedValues, MemoryKind::GatheredWeights, MemoryKind::Workspace,
};
/// `optimizer_state`.
llvm::StringRef keyOf(MemoryKind kind);
MemoryKind kindOf(exec::GlobalOp global);

/// The kinds of one function's buffers, when its arguments are of the kinds given (others are workspace).
class MemoryKinds {
public:
  using OfArguments = llvm::DenseMap<mlir::Value, MemoryKind>;
  MemoryKinds(exec::FuncOp func, OfArguments arguments);

  /// Of what a pointer points to; workspace if it packs several kinds.
  MemoryKind of(mlir::Value pointer);

private:
  struct Touch {
    mlir::Operation *op;
    exec::Mode mode;
  };
  MemoryKind ofRoot(mlir::Value root);
  MemoryKind ofBuffer(exec::BufferOp buffer);
  std::optional<MemoryKind> movedInto(mlir::Value buffer, mlir::Operation *writer);

  exec::FuncOp func;
  OfArguments known;
  llvm::DenseMap<mlir::Value, llvm::SmallVector<Touch>> touches; // of a buffer, in order
};

} // namespace shardc
