//===- CallOrder.h - which functions call which ---------------------------===//
#pragma once

#include "dialects/nn/Nn.h"

namespace nn {

/// The functions that `root` reaches, `root` included, each after those it calls. Fails with an error when
/// functions call each other in a circle.
mlir::FailureOr<llvm::SmallVector<FuncOp>> calleesFirst(FuncOp root, mlir::SymbolTable &symbols);

} // namespace nn
