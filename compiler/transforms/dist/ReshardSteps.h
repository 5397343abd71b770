//===- ReshardSteps.h - the movements that take one layout to another -----===//
#pragma once

#include "dialects/dist/Dist.h"

namespace dist {

/// One movement. `axis` is the tensor axis, where there is one; `from` only an all-to-all has.
struct ReshardStep {
  enum Kind { shardSlice, reduceScatter, allToAll, allReduce, allGather, mask } kind;
  mlir::StringAttr from, axis;
  llvm::SmallVector<mlir::StringAttr, 2> over; // major first

  bool moves() const { return kind != shardSlice && kind != mask; }
};

/// The movements that take a tensor in layout `from` to layout `to`, in their order; see the .cpp for why.
llvm::SmallVector<ReshardStep> planReshard(nn::NamedTensorType from, nn::NamedTensorType to);

/// Whether a reshard (of a bundle: of each field) sends nothing.
bool isLocal(mlir::Type from, mlir::Type to);

} // namespace dist
