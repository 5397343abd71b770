//===- Passes.h - the passes of the exec level ----------------------------===//
#pragma once

#include "dialects/exec/Exec.h"

#include "mlir/Pass/Pass.h"

namespace exec {

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "compiler/transforms/exec/Passes.h.inc"

} // namespace exec
