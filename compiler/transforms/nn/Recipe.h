//===- Recipe.h - the recipe that nn-step writes the training step from ---===//
#pragma once

#include "mlir/IR/BuiltinOps.h"

#include <optional>

namespace nn {

/// The module attribute `nn.recipe`, typed.
struct Recipe {
  int64_t microbatches, globalBatchSize, steps;
  double maxGradNorm; // 0: no clipping

  bool isAdamW; // or sgd
  double lr, beta1, beta2, eps, weightDecay;
  double momentum;                // of sgd; 0: none
  std::optional<double> emaDecay; // of a moving average of the weights, if one is kept

  std::string schedule; // constant | linear | cosine
  int64_t warmupSteps;
  double minLr;

  int64_t microBatchSize() const { return globalBatchSize / microbatches; }

  /// What is carried from step to step beside the weights, as `nn.state` names it.
  llvm::SmallVector<llvm::StringRef> states() const;

  /// Fails with an error at the module when something is missing or unknown.
  static mlir::FailureOr<Recipe> read(mlir::ModuleOp module);
};

} // namespace nn
