//===- LowerLeaves.h - tensors inside bundles, and who uses them ----------===//
//
// Packing and unpacking move no memory, so lowering looks through them: a leaf is one tensor of a value, and
// a leaf of a bundle that was packed here is the leaf that was put in.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "dialects/nn/Nn.h"

namespace exec {

/// One tensor of an nn value: the value itself, or the n-th tensor of a bundle, depth first.
using Leaf = std::pair<mlir::Value, unsigned>;

llvm::SmallVector<nn::NamedTensorType> leafTypes(mlir::Type type);

/// Where the leaf comes from: through pack, unpack and detach, to a block argument or an op that computes.
Leaf resolve(Leaf leaf);
inline Leaf resolve(mlir::Value value) {
  return resolve(Leaf{value, 0});
}

nn::NamedTensorType typeOf(Leaf leaf);

/// All leaves of a value, resolved.
llvm::SmallVector<Leaf> leavesOf(mlir::Value value);

/// Uses of leaves within one block; a use in a nested region is a use by the op that holds the region.
class LeafUses {
public:
  explicit LeafUses(mlir::Block &block);

  unsigned count(Leaf leaf) const;
  /// The position of the last op that reads the leaf or a view of it; behind the end for what the terminator
  /// takes.
  int last(Leaf leaf) const;
  int position(mlir::Operation *op) const { return positions.lookup(op); }

private:
  llvm::DenseMap<Leaf, llvm::SmallVector<mlir::Operation *, 2>> users;
  llvm::DenseMap<mlir::Operation *, int> positions;
};

/// Whether the result of `op` is another way to look at its operand's memory.
bool isView(mlir::Operation *op);

} // namespace exec
