//===- Memory.h - bytes, struct layout, and what points where -------------===//
#pragma once

#include "dialects/exec/ExecTypes.h"

#include "mlir/IR/Operation.h"
#include "mlir/IR/Value.h"

namespace exec {

/// Module attributes: the mesh, the arena's size in bytes, and where in the arena the entries' frames start.
inline constexpr llvm::StringLiteral meshAttrName = "exec.mesh";
inline constexpr llvm::StringLiteral arenaBytesAttrName = "exec.arena_bytes";
inline constexpr llvm::StringLiteral frameBaseAttrName = "exec.frame_base";

/// Every buffer, field and frame starts at a multiple of this many bytes.
inline constexpr int64_t alignment = 64;
inline int64_t alignUp(int64_t bytes) {
  return (bytes + alignment - 1) / alignment * alignment;
}

/// Bytes of a buffer, or of a struct's fields one after the other, each aligned.
int64_t bytesOf(mlir::Type type);
/// Where each field of a struct lies in a buffer or global that holds the struct.
llvm::SmallVector<int64_t> fieldOffsets(StructType type);

/// One operand that an op touches: `in` is read, `out` written in full, `inout` read and written, `acc` added
/// to.
struct Access {
  mlir::Value memory;
  Mode mode;
};

/// The pointers that `pointer` was derived from by one op (view, field, pack, input); empty where it begins:
/// a block argument, exec.buffer, exec.address.
mlir::ValueRange sourcesOf(mlir::Value pointer);

/// The token of an op that has only started; null where it is complete when it is done.
mlir::Value tokenOf(mlir::Operation *op);

/// The name in a location's NameLoc, or "".
llvm::StringRef nameOf(mlir::Location loc);

} // namespace exec
