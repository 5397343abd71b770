//===- Passes.h - the passes of dist --------------------------------------===//
#pragma once

#include "dialects/dist/Dist.h"

#include "mlir/Pass/Pass.h"

namespace dist {
#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "compiler/transforms/dist/Passes.h.inc"
} // namespace dist
