//===- Lifetimes.h - after which op a buffer's life ends ------------------===//
#pragma once

#include "dialects/exec/Exec.h"

#include "llvm/ADT/DenseMap.h"

namespace shardc::interpreter {

/// For each op after which buffers' lives end, these buffers. A life goes from exec.buffer to the last op of
/// its block that uses the buffer, or a view, field or pack of it, or holds such an op; a collective uses it
/// until the wait.
using Lifetimes = llvm::DenseMap<mlir::Operation *, llvm::SmallVector<exec::BufferOp>>;
Lifetimes lifetimesOf(exec::FuncOp function);

} // namespace shardc::interpreter
