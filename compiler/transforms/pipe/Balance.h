//===- Balance.h - how many layers each part of a pipeline has -------------===//
#pragma once

#include "dialects/nn/Nn.h"

namespace pipes {

/// The number of layers of each of `chunks` parts of @micro: as `given`, checked, or so that the longest part
/// is as short as can be, with what stands before the first layer and after the last counted.
mlir::FailureOr<llvm::SmallVector<int64_t>>
layersOfChunks(nn::FuncOp micro, int chunks, mlir::DenseI64ArrayAttr given, nn::EmitError error);

/// The sizes of `parts` runs of `costs`, none empty, so that the longest run is as short as can be; `before`
/// and `after` are added to the first and the last. Of equals the one with less in the parts that come first.
llvm::SmallVector<int64_t> balance(llvm::ArrayRef<double> costs, double before, double after, int parts);

} // namespace pipes
