//===- Loops.h - merging axes into loops, and judging loops ---------------===//
#pragma once

#include "dialects/exec/ExecTypes.h"

#include "mlir/IR/Operation.h"

namespace exec {

/// Loops over `order` (axes of size 1 left out), with a stride in each of `types` (0 where it lacks the
/// axis). Neighbours become one loop where the outer one's stride is the inner one's times its size in every
/// type.
llvm::SmallVector<LoopAttr> mergeLoops(mlir::MLIRContext *context, llvm::ArrayRef<mlir::StringAttr> order,
                                       llvm::ArrayRef<BufferType> types);

/// `[1: 0, 0]`: one iteration.
LoopAttr unitLoop(mlir::MLIRContext *context, size_t operands);

/// Fails with a message where a loop's size or strides are not those that the axes of `types` give it, or
/// where an axis is in no loop or in two. Strides beyond the types are not judged.
mlir::LogicalResult verifyLoops(mlir::Operation *op, llvm::ArrayRef<LoopAttr> loops,
                                llvm::ArrayRef<BufferType> types);

llvm::SmallVector<LoopAttr> loopsOf(mlir::ArrayAttr loops);

} // namespace exec
