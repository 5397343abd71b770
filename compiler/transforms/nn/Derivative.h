//===- Derivative.h - the two functions that a function becomes -----------===//
#pragma once

#include "compiler/transforms/nn/Activity.h"
#include "compiler/transforms/nn/SavedPolicy.h"

namespace nn {

/// What calls of a function become.
///
///   forward(primal's arguments) -> (primal's results, saved)
///   backward(neededArguments, saved, d_results, gradients) -> (d_arguments, gradients)
///
/// `d_results` are those of Activity::activeResults; `d_arguments` are the varied arguments that are tensors,
/// `gradients` accumulators for those that are bundles.
struct Derivative {
  FuncOp forward; // the primal itself where nothing is kept
  FuncOp backward;
  BundleType saved; // null where nothing is kept
  llvm::SmallVector<unsigned> neededArguments;
};
using Derivatives = llvm::DenseMap<FuncOp, Derivative>;

/// Attribute of a backward function: the arguments of the primal that it takes, by number.
inline constexpr llvm::StringLiteral neededArgumentsAttrName = "nn.needs";

/// The accumulators of a bundle of parameters: its float fields, under their names.
BundleType gradientsType(BundleType parameters);

/// Writes the two functions behind `primal`, whose callees have theirs. Fails with an error at an op without
/// gradient.
/// In: unpackArgumentsOnce was run on `primal`, before `activity` was found.
mlir::FailureOr<Derivative> differentiate(FuncOp primal, const Activity &activity, const SavedPolicy &policy,
                                          const Derivatives &derivatives, mlir::SymbolTable &symbols);

} // namespace nn
