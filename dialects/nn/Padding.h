//===- Padding.h - how much of a padded axis is valid ---------------------===//
//
// Weights' axes may be longer in the program than in the model, so that a mesh
// divides them. Weights, gradients and moments are zero in the padding, folds
// mask it, and files have none of it. The frontend says which axes these are.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "dialects/nn/NnTypes.h"

#include "mlir/IR/Operation.h"

namespace nn {

/// Module attribute: by axis, how much of it is no padding (`{vocab = 50257}`).
inline constexpr llvm::StringLiteral validSizesAttrName = "nn.valid_sizes";

/// The size of an axis without its padding.
inline int64_t validSizeOf(mlir::Operation *module, AxisAttr axis) {
  auto sizes = module->getAttrOfType<mlir::DictionaryAttr>(validSizesAttrName);
  auto valid = sizes ? sizes.getAs<mlir::IntegerAttr>(axis.getName()) : mlir::IntegerAttr();
  return valid ? valid.getInt() : axis.getSize();
}

} // namespace nn
