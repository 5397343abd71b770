//===- Recipe.h - the recipe that nn-step writes the training step from ---===//
#pragma once

#include "mlir/IR/BuiltinOps.h"

namespace nn {

/// The module attribute `nn.recipe`, typed.
struct Recipe {
  int64_t microbatches, globalBatchSize, steps;
  double maxGradNorm; // 0: no clipping

  bool hasMoments; // adamw; sgd carries no state
  double lr, beta1, beta2, eps, weightDecay;

  std::string schedule; // constant | linear | cosine
  int64_t warmupSteps;
  double minLr;

  int64_t microBatchSize() const { return globalBatchSize / microbatches; }

  /// Fails with an error at the module when something is missing or unknown.
  static mlir::FailureOr<Recipe> read(mlir::ModuleOp module);
};

} // namespace nn
