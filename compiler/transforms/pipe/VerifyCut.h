//===- VerifyCut.h - what a program was before it was cut -------------------===//
#pragma once

#include "dialects/pipe/Pipe.h"

namespace pipes {

/// What pipe-verify-cut holds the stages to (`pipe.whole`): the calls of a micro-batch, of the rest of @step
/// and of
/// @eval, each with the weights it is known by, and all weights.
mlir::DictionaryAttr describeWhole(mlir::ModuleOp module, int64_t microbatches);

} // namespace pipes
