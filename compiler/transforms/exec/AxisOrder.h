//===- AxisOrder.h - one order of axes for all activations ----------------===//
#pragma once

#include "dialects/dist/Dist.h"

#include "llvm/ADT/SetVector.h"

namespace exec {

/// One list of names that every activation follows. Rows first: the axes of the inputs (`batch`, `seq`) and
/// what they are renamed to, those that a collective moves in front, so that a rank's part is one piece. Then
/// the others, in the order in which the model's tensors have them. The stages of a pipeline have one list,
/// so that what goes from one to another lies alike in both.
class AxisOrder {
public:
  explicit AxisOrder(mlir::ModuleOp module);

  /// The place of a name in the list; names it lacks come last.
  unsigned rank(mlir::StringAttr name) const { return ranks.contains(name) ? ranks.lookup(name) : ~0u; }
  llvm::SmallVector<mlir::StringAttr> sorted(llvm::ArrayRef<mlir::StringAttr> names) const;

private:
  void collectRows(mlir::ModuleOp module);
  void collectOthers(mlir::ModuleOp module);

  llvm::SmallSetVector<mlir::StringAttr, 8> rows, others;
  llvm::DenseMap<mlir::StringAttr, unsigned> ranks;
};

/// The tensor axes that a collective or a local slice cuts or joins; empty for other ops.
llvm::SmallVector<mlir::StringAttr> movedAxes(mlir::Operation *op);

} // namespace exec
