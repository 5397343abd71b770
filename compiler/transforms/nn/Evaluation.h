//===- Evaluation.h - functions without randomness, for evaluation --------===//
#pragma once

#include "dialects/nn/Nn.h"

namespace nn {

/// The function that evaluates what `main` computes: `main` itself, or a clone without dropout and key.
/// Callees that hold randomness get such a clone too, `f_eval`.
mlir::FailureOr<FuncOp> writeEvaluation(FuncOp main, mlir::SymbolTable &symbols);

} // namespace nn
