//===- Activity.h - where gradients flow ----------------------------------===//
//
// A value is *varied* when it depends on a parameter through ops that pass gradients, and *useful* when the
// loss depends on it so. Gradients exist for values that are both. A function that is called from several
// places is differentiated once, for the union of what its calls need.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "dialects/nn/Nn.h"

#include "llvm/ADT/BitVector.h"

namespace nn {

/// Whether a gradient of this type exists: a float tensor, or a bundle with one.
bool carriesGradient(mlir::Type type);

class Activity {
public:
  /// `order`: every function of the program, callees first; the last one is where parameters come from.
  Activity(llvm::ArrayRef<FuncOp> order, mlir::SymbolTable &symbols);

  /// The arguments of `func` whose gradients some caller needs, and the results that gradients arrive for.
  const llvm::BitVector &variedArguments(FuncOp func) const {
    return facts.find(func)->second.variedArguments;
  }
  const llvm::BitVector &activeResults(FuncOp func) const { return facts.find(func)->second.activeResults; }
  bool hasGradients(FuncOp func) const { return variedArguments(func).any() && activeResults(func).any(); }
  bool isVaried(FuncOp func, mlir::Value value) const;

private:
  struct Facts {
    llvm::DenseMap<mlir::Value, llvm::BitVector> dependsOn; // value -> arguments of its function
    llvm::SmallVector<llvm::BitVector> resultDependsOn;
    llvm::BitVector variedArguments, activeResults;
  };
  void trackDependence(FuncOp func);
  /// Says to each callee what `func` needs of it.
  void propagateToCallees(FuncOp func);
  llvm::BitVector dependenceOf(Facts &facts, mlir::Operation &op, unsigned result);
  bool passesGradient(mlir::Operation &op, unsigned operand, unsigned result);
  FuncOp calleeOf(mlir::Operation &op) const;

  mlir::SymbolTable &symbols;
  llvm::DenseMap<FuncOp, Facts> facts;
};

} // namespace nn
