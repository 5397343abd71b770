//===- EstimateMemory.h - what layers hold on a rank, before they are placed ===//
//
// For the choice of a cut: what lies at rest (weights, gradients, optimizer state), and what a micro-batch
// saves from forward to backward. What is on its way, and gaps, are only known when memory is planned.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/transforms/pipe/Chunks.h"
#include "dialects/dist/Dist.h"

#include <vector>

namespace pipes {

/// Bytes on a rank.
struct LayerMemory {
  double weights = 0, gradients = 0, state = 0;
  double saved = 0; ///< by one micro-batch

  LayerMemory &operator+=(const LayerMemory &other);
  double atRest() const { return weights + gradients + state; }
  /// With what `held` micro-batches save.
  double with(int held) const { return atRest() + held * saved; }
  /// No plan needs less: gradients begin with the first backward, which has ended then for a part of the
  /// layers.
  double atLeastWith(int held) const;
};

/// Of each chunk of `chunks`, of `count`; weights that several use count for each of them.
std::vector<LayerMemory> estimateMemory(nn::FuncOp micro, nn::FuncOp step, const Chunks &chunks, int count,
                                        dist::PlanAttr plan);

} // namespace pipes
