//===- StepScalars.h - the scalars of a step: learning rate, norm, scale ---===//
#pragma once

#include "compiler/transforms/nn/Recipe.h"
#include "dialects/nn/Nn.h"

#include "mlir/IR/Builders.h"

namespace nn {

/// `f32[]` and `i64[]`.
NamedTensorType scalarF32(mlir::MLIRContext *context);
NamedTensorType scalarI64(mlir::MLIRContext *context);

/// The scalars that every update of a step reads.
struct StepScalars {
  mlir::Value scale;                    // of the gradients: clip / count
  mlir::Value lr;                       // of this step
  mlir::Value correction1, correction2; // 1 - beta1^t and sqrt(1 - beta2^t); null without moments
  llvm::SmallVector<mlir::Value> all() const;
};

/// Learning rate after `step` steps: warm-up, then the schedule.
mlir::Value writeLearningRate(mlir::OpBuilder &builder, mlir::Location loc, const Recipe &recipe,
                              mlir::Value step);

/// sqrt(square) / count: the norm of the mean gradient. `count` is at least 1 here.
mlir::Value writeNorm(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value square, mlir::Value count);

/// min(1, max_norm / (norm + 1e-6)) / count, as torch.nn.utils.clip_grad_norm_ clips.
mlir::Value writeScale(mlir::OpBuilder &builder, mlir::Location loc, const Recipe &recipe, mlir::Value norm,
                       mlir::Value count);

/// The bias corrections of Adam for the step after `step` steps.
void writeCorrections(mlir::OpBuilder &builder, mlir::Location loc, const Recipe &recipe, mlir::Value step,
                      StepScalars &scalars);

} // namespace nn
