//===- PrimalValues.h - values of the primal, seen from its backward ------===//
#pragma once

#include "compiler/transforms/nn/Derivative.h"

namespace nn {

/// While a backward function is written, each value of the primal that it reads is a stand-in. When it is
/// clear which of them are really read, `settle` gives each its source: an argument, a saved value, or its op
/// again.
class PrimalValues {
public:
  PrimalValues(mlir::Block &backward, const Derivatives &derivatives, mlir::SymbolTable &symbols)
      : block(backward), derivatives(derivatives), symbols(symbols) {}

  /// The stand-in of a value of the primal.
  mlir::Value at(mlir::Value primal);
  /// The stand-in of what the forward of `call`'s callee saves: a value of type `saved`.
  mlir::Value savedBy(CallOp call, BundleType saved);

  /// A value of the forward that the backward gets, and where it reads it.
  struct Kept {
    mlir::Operation *op; // of the primal; null for an argument
    unsigned index;      // of the result or argument; the number of results for what a call saves
    mlir::Value standIn;
  };
  struct Settled {
    llvm::SmallVector<Kept> arguments, saved; // in the primal's order
  };
  /// Computes again what `policy` doesn't keep, just before its first use; returns what is kept.
  Settled settle(FuncOp primal, const SavedPolicy &policy);

private:
  using Key = std::pair<mlir::Operation *, unsigned>;
  mlir::Value standIn(Key key, mlir::Type type, mlir::Location loc);
  /// Forgets stand-ins that were erased since.
  void refresh();
  mlir::Operation *find(mlir::Operation *op, unsigned index) const;
  void computeAgain(mlir::Operation &op, llvm::ArrayRef<Kept> reads);
  FuncOp forwardOf(CallOp call);

  mlir::Block &block;
  const Derivatives &derivatives;
  mlir::SymbolTable &symbols;
  llvm::SmallVector<Key> keys;
  llvm::DenseMap<Key, mlir::Operation *> standIns;
};

} // namespace nn
