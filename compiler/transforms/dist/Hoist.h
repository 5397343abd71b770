//===- Hoist.h - move reshards across function edges ----------------------===//
#pragma once

#include "dialects/dist/Dist.h"

namespace dist {

/// Who calls whom.
class CallGraph {
public:
  explicit CallGraph(mlir::ModuleOp module);
  llvm::ArrayRef<nn::FuncOp> calleesFirst() const { return order; }
  llvm::ArrayRef<nn::CallOp> callsOf(nn::FuncOp func) const;

private:
  llvm::SmallVector<nn::FuncOp> order;
  llvm::DenseMap<mlir::Operation *, llvm::SmallVector<nn::CallOp>> calls;
};

/// Moves reshards of arguments of `func` to its call sites; whether anything moved.
bool hoistArguments(nn::FuncOp func, const CallGraph &graph);

/// Moves reshards of what `func` returns from its call sites into it, where they send nothing.
bool sinkResults(nn::FuncOp func, const CallGraph &graph);

/// Whether going from one layout to the other gathers: the result is larger than the operand.
bool gathers(mlir::Type from, mlir::Type to);

} // namespace dist
