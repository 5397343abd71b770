//===- RopeScaling.h - read rope's map of scaling -------------------------===//
#pragma once

#include "runtime/kernels/Rope.h"

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Operation.h"

namespace nn {

/// Hugging Face's `rope_scaling`, as the frontend leaves it in an op; fails with an error at the op on a kind
/// that is not known.
mlir::FailureOr<rt::RopeScaling> readRopeScaling(mlir::Operation *op,
                                                 std::optional<mlir::DictionaryAttr> map);

} // namespace nn
