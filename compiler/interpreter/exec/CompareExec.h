//===- CompareExec.h - does an exec program compute what one device would ===//
#pragma once

#include "compiler/interpreter/Compare.h"
#include "compiler/interpreter/exec/ExecInterpreter.h"

namespace shardc::interpreter {

/// `global` is a program after nn-step. From the initial weights, moved a little: each gradient that the exec
/// program keeps and each moment after the first step, and after N steps the scalars, each weight and each
/// moment. Of the options, handlers and checkReplicas are not read. Errors of either program have been
/// reported.
llvm::FailureOr<Comparison> compareExecWithGlobal(mlir::ModuleOp global, mlir::ModuleOp exec,
                                                  const CompareOptions &options);
/// The same with what one device computed from the options' seed and inputs, over their number of steps.
llvm::FailureOr<Comparison> compareExec(const OneDevice &one, mlir::ModuleOp exec,
                                        const CompareOptions &options);

} // namespace shardc::interpreter
