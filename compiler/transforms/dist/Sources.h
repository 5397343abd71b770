//===- Sources.h - values that can be read again in another layout --------===//
#pragma once

#include "dialects/dist/Dist.h"

namespace dist {

/// Whether the op is a source (an input, an iota, a fill): its result in another layout is another read.
bool isSource(mlir::Operation *op);

/// Another read of the source in layout `type`, right after it; null where that is not possible (a fill of
/// anything but zero as a partial sum).
mlir::Value readAgain(mlir::Operation *source, unsigned result, mlir::Type type);

/// Merges reads of one source in one layout, which stand one after another.
void mergeEqualReads(mlir::Block &block);

/// A reshard of `value` at the builder, named after it.
mlir::Value createReshard(mlir::OpBuilder &builder, mlir::Value value, mlir::Type type);

} // namespace dist
