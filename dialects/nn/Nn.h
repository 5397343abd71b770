//===- Nn.h - the nn dialect ----------------------------------------------===//
#pragma once

#include "dialects/nn/Evaluate.h"
#include "dialects/nn/NnTypes.h"

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/CallInterfaces.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "dialects/nn/Layout.h"

#include "dialects/nn/NnInterfaces.h.inc"

namespace nn {
class ReturnOp;

/// Values of the argument and result attribute `nn.kind`; a value without it is an activation.
inline constexpr llvm::StringLiteral kindAttrName = "nn.kind";
inline constexpr llvm::StringLiteral kindParameter = "parameter";
inline constexpr llvm::StringLiteral kindGradient = "gradient";
inline constexpr llvm::StringLiteral kindOptimizerState = "optimizer_state";
inline constexpr llvm::StringLiteral kindAccumulator = "accumulator";

/// Argument attributes of a bundle of parameters: an array of #nn.parameter, one a field, and, in @main and
/// the step, the instance's path in the model (`h.3`) and prefix in files (`transformer.h.3.`).
inline constexpr llvm::StringLiteral parametersAttrName = "nn.parameters";
inline constexpr llvm::StringLiteral pathAttrName = "nn.path";
inline constexpr llvm::StringLiteral filePrefixAttrName = "nn.file_prefix";
/// Beside an empty path, since nn-outline: which of @main's own bundles it is, `embed` or `head`.
inline constexpr llvm::StringLiteral partAttrName = "nn.part";
/// What tells a bundle of parameters, or its gradients or state, from all others: its path, or its part of
/// @main's own. Empty where the attributes have neither.
llvm::StringRef bundleNameOf(mlir::DictionaryAttr attributes);

/// Which optimizer state an argument or result of the step is: `m`, `v`, `momentum`, `ema`.
inline constexpr llvm::StringLiteral stateAttrName = "nn.state";
/// The moving average of the weights: they are what a run is for, so it is written beside them at the end.
inline constexpr llvm::StringLiteral stateEma = "ema";

/// The name in a location's NameLoc, or "": `q_proj` for `%q_proj`.
llvm::StringRef nameOf(mlir::Location loc);

/// A NameLoc of `name` around the place of `loc`.
mlir::Location named(mlir::Location loc, llvm::StringRef name);

} // namespace nn

#define GET_OP_CLASSES
#include "dialects/nn/NnOps.h.inc"

namespace nn {

/// `nn.kind` among the attributes of an argument or a result; empty where there is none.
llvm::StringRef kindIn(mlir::DictionaryAttr attributes);
llvm::StringRef kindOfArgument(FuncOp func, unsigned index);
llvm::StringRef kindOfResult(FuncOp func, unsigned index);

/// Of the module that the call is in.
FuncOp calleeOf(CallOp call);

} // namespace nn
