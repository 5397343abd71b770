//===- Syntax.h - pieces of syntax that types and ops share ---------------===//
#pragma once

#include "dialects/exec/ExecTypes.h"
#include "dialects/nn/Syntax.h"

#include "mlir/IR/DialectImplementation.h"

namespace exec {

/// `seq*batch=4096: 768, 0, 1024`; null after an error.
LoopAttr parseLoopBody(mlir::AsmParser &parser);
void printLoopBody(mlir::AsmPrinter &printer, LoopAttr loop);

/// `dp * 256 + 5`; null after an error.
RankAttr parseRankBody(mlir::AsmParser &parser);
void printRankBody(mlir::AsmPrinter &printer, RankAttr rank);

} // namespace exec
