//===- ExecSites.h - questions that the faults of exec programs ask -------===//
#pragma once

#include "tests/mutants/Fault.h"

#include "compiler/analysis/Lifetimes.h"
#include "dialects/exec/Exec.h"

namespace shardc::mutants {

/// What `op` does with the memory that begins at `root`; nothing where it does not touch it.
std::optional<exec::Mode> touchOf(mlir::Operation *op, mlir::Value root);

/// The ops of one block that touch the memory, or hold ops that do, in order.
llvm::SmallVector<mlir::Operation *> touching(mlir::Block *block, mlir::Value root);

/// A kernel that reads nothing: it fills.
bool isFill(mlir::Operation *op);

/// The memory that `op` writes in full and that nothing in the function has written before; null where there
/// is none, or where nobody needs what it writes.
mlir::Value freshResult(mlir::Operation *op);

/// Every number that differs between ranks, by the name of the op's attribute.
llvm::SmallVector<std::pair<mlir::StringAttr, exec::RankAttr>> rankNumbers(mlir::Operation *op);

/// Another mesh axis of the same size; null where the mesh has none.
mlir::StringAttr meshAxisLike(mlir::Operation *op, mlir::StringAttr axis,
                              llvm::ArrayRef<mlir::StringAttr> except = {});

inline exec::FuncOp functionOf(mlir::Operation *op) {
  return op->getParentOfType<exec::FuncOp>();
}

/// The wait for a collective or call that is started; null for others.
exec::WaitOp waitOf(mlir::Operation *op);
/// Takes what is started out of its wait, and the wait away where nothing else is left.
void unwait(mlir::Operation *op);

/// Erases the op.
Edit erased(mlir::Operation *op);
Edit setAttribute(mlir::Operation *op, llvm::StringRef name, mlir::Attribute value);

} // namespace shardc::mutants
