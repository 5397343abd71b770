//===- Accesses.h - may an op touch its operands as it does ---------------===//
#pragma once

#include "compiler/interpreter/exec/Machine.h"

namespace shardc::interpreter {

/// Fails with an error where an op or a call writes what its function may only read, or where two operands
/// overlap that must not: unless both are read, or the op works in place and both are the same elements in
/// the same order.
llvm::LogicalResult checkAccesses(const Machine &machine, const Scope &scope, exec::AccessOpInterface op);

/// Calls `visit` for each buffer of a handle of this type.
llvm::LogicalResult
forEachBuffer(const Handle &handle, mlir::Type type,
              llvm::function_ref<llvm::LogicalResult(const Pointer &, exec::BufferType)> visit);

} // namespace shardc::interpreter
