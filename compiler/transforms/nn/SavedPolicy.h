//===- SavedPolicy.h - what the forward keeps for the backward ------------===//
#pragma once

#include "dialects/nn/Nn.h"

namespace nn {

/// Chooses, for each value that a backward function reads, whether the forward keeps it or the backward
/// computes it again. Arguments of a function are never kept by it: the caller has them and passes them
/// again.
class SavedPolicy {
public:
  virtual ~SavedPolicy() = default;

  /// Whether the results of `op` that the backward reads are kept.
  virtual bool keepsResults(mlir::Operation &op) const = 0;

  /// Whether what the callee of `call` keeps is kept; else the backward calls the forward function again.
  virtual bool keepsSaved(CallOp call) const = 0;
};

/// Keeps what is dear to compute again: results of contractions, attention, folds, gathers and calls. Maps,
/// movers and what comes from nowhere (iota, keys) are computed again.
std::unique_ptr<SavedPolicy> keepDearPolicy();

} // namespace nn
