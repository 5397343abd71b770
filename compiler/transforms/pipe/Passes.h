//===- Passes.h - the passes of pipe --------------------------------------===//
#pragma once

#include "dialects/pipe/Pipe.h"

#include "mlir/Pass/Pass.h"

namespace pipes {
#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "compiler/transforms/pipe/Passes.h.inc"
} // namespace pipes
