//===- StepScalars.h - the scalars of a step: learning rate, norm, scale ---===//
#pragma once

#include "compiler/transforms/nn/Recipe.h"
#include "dialects/nn/Nn.h"

#include "mlir/IR/Builders.h"

namespace nn {

/// `f32[]` and `i64[]`.
NamedTensorType scalarF32(mlir::MLIRContext *context);
NamedTensorType scalarI64(mlir::MLIRContext *context);

/// What each update of a step reads, in this order:
///   scale                     of the gradients: clip / count
///   lr                        of this step
///   correction1, correction2  of AdamW: 1 - beta1^t and sqrt(1 - beta2^t)
///   ema_share                 of the moving average: what a step's weights have in it
llvm::SmallVector<llvm::StringRef> scalarNames(const Recipe &recipe);

/// Learning rate after `step` steps: warm-up, then the schedule.
mlir::Value writeLearningRate(mlir::OpBuilder &builder, mlir::Location loc, const Recipe &recipe,
                              mlir::Value step);

/// sqrt(square) / count: the norm of the mean gradient. `count` is at least 1 here.
mlir::Value writeNorm(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value square, mlir::Value count);

/// min(1, max_norm / (norm + 1e-6)) / count, as torch.nn.utils.clip_grad_norm_ clips.
mlir::Value writeScale(mlir::OpBuilder &builder, mlir::Location loc, const Recipe &recipe, mlir::Value norm,
                       mlir::Value count);

/// All but the scale and the learning rate, for the step after `step` steps.
llvm::SmallVector<mlir::Value> writeStateScalars(mlir::OpBuilder &builder, mlir::Location loc,
                                                 const Recipe &recipe, mlir::Value step);

} // namespace nn
