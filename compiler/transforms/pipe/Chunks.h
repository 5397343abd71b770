//===- Chunks.h - which part of the model each op of a micro-batch is ------===//
#pragma once

#include "compiler/schedule/Pipeline.h"
#include "dialects/nn/Nn.h"

#include "llvm/ADT/MapVector.h"

#include <array>

namespace pipes {

/// Packs, unpacks, keys, and what reads nothing: copied to where it is used, no task of its own.
bool isWiring(mlir::Operation *op);

/// A field of a bundle that a function takes; of a tensor the whole, field 0.
using Leaf = std::pair<mlir::BlockArgument, unsigned>;

/// The fields of arguments that `value` consists of, looked up through packs, unpacks and, where
/// `throughCalls`, the gradients that calls add to; those that come from elsewhere are left out.
llvm::SmallVector<Leaf> leavesOf(mlir::Value value, bool throughCalls = false);

/// The ops of one micro-batch, cut between calls of layers.
class Chunks {
public:
  using Pass = shardc::pipeline::Pass;

  /// `micro`: a function that is a straight line of calls. `sizes`: the number of layers of each chunk.
  /// `splitsBackward`: what only adds to gradients of weights is a pass of its own.
  Chunks(nn::FuncOp micro, llvm::ArrayRef<int64_t> sizes, bool splitsBackward = false);

  /// The calls of layers, forward, in order.
  static llvm::SmallVector<nn::CallOp> layersOf(nn::FuncOp micro);

  struct Place {
    Pass pass = Pass::forward;
    int chunk = 0;
  };
  /// Of each op but wiring.
  Place of(mlir::Operation *op) const { return places.lookup(op); }
  /// The ops of a task, in order.
  llvm::ArrayRef<mlir::Operation *> opsOf(Pass pass, int chunk) const {
    return ops[static_cast<size_t>(pass)][chunk];
  }

private:
  void findForward(nn::FuncOp micro);
  int chunkForward(mlir::Operation *op);
  int chunkBackward(mlir::Operation *op);
  /// The chunk of what an operand stands for, through wiring; -1 where nothing says.
  int chunkOf(mlir::Value value, bool latest) const;
  Pass passOf(mlir::Operation *op) const;
  /// Whether an op that is no wiring, of the weights' pass, has made `value`.
  bool isOfWeightsPass(mlir::Value value) const;

  llvm::DenseSet<mlir::Operation *> isForward;
  llvm::DenseMap<mlir::Operation *, int> layerChunk;
  llvm::DenseMap<mlir::Operation *, Place> places;
  llvm::DenseMap<mlir::Value, llvm::SmallVector<int, 2>> users; // of weights and their gradients, forward
  int reached = 0;                                              // the chunk that backward has come to
  bool splitsBackward;
  std::array<std::vector<llvm::SmallVector<mlir::Operation *>>, 3> ops; // by pass, by chunk
};

} // namespace pipes
