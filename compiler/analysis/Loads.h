//===- Loads.h - what operations cost ---------------------------------------===//
//
// Of a program of one device or of a rank: floating-point operations, and bytes read and written. No machine
// is known, so time is counted in operations: an op takes as long as the longer of its arithmetic and of
// moving its bytes, at `nn::flopsPerByte`. Ratios of such times are what parts of a pipeline are balanced by.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "dialects/nn/Cost.h"
#include "dialects/nn/Nn.h"

namespace shardc {

struct Load {
  double flops = 0, bytes = 0;
  double time = 0; ///< in floating-point operations
  Load &operator+=(const Load &other);
};

class Loads {
public:
  /// Of one run, calls followed. Collectives and messages cost nothing here.
  Load of(mlir::Operation *op);

private:
  llvm::DenseMap<mlir::Operation *, Load> functions;
};

} // namespace shardc
