//===- Balance.h - runs of layers as even as can be -------------------------===//
#pragma once

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/SmallVector.h"

#include <cstdint>
#include <limits>

namespace pipes {

/// What a run that may not be costs.
inline constexpr double never = std::numeric_limits<double>::infinity();

/// The sizes of `parts` runs of `count` layers, none empty, so that the costliest run costs as little as can
/// be; `cost(part, first, last)` is of layers [first, last) in that part. Of equals the one with less in the
/// parts that come first. Empty if every way has a run that may not be.
llvm::SmallVector<int64_t> balance(int count, int parts,
                                   llvm::function_ref<double(int part, int first, int last)> cost);

} // namespace pipes
