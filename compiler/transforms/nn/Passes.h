//===- Passes.h - passes over nn programs ---------------------------------===//
#pragma once

#include "dialects/nn/Nn.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace nn {
#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "compiler/transforms/nn/Passes.h.inc"
} // namespace nn
