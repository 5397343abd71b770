//===- ScalarGradients.h - reverse mode over the body of a map ------------===//
#pragma once

#include "mlir/IR/Builders.h"
#include "mlir/IR/IRMapping.h"

namespace nn {

/// Writes, at the end of `block`, the gradients of `body`'s arguments. `forward` maps each value of `body` to
/// its copy in `block`; `seeds[i]` is the gradient of what `body` yields as number i, null for zero. The
/// result is null for arguments that are not `wanted` and where the gradient is zero. Fails with an error at
/// a scalar op without a derivative.
mlir::FailureOr<llvm::SmallVector<mlir::Value>> differentiateBody(mlir::Block &block, mlir::Block &body,
                                                                  const mlir::IRMapping &forward,
                                                                  llvm::ArrayRef<mlir::Value> seeds,
                                                                  llvm::ArrayRef<bool> wanted);

} // namespace nn
