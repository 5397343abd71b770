//===- StepModules.h - update, norm and first weights of a module's bundle ---===//
#pragma once

#include "compiler/transforms/nn/Recipe.h"
#include "compiler/transforms/nn/WriteFunction.h"

namespace nn {

/// The functions that every layer with these parameters shares.
struct ModuleFunctions {
  BundleType weights, gradients, state;
  FuncOp squaredNorm; // (gradients) -> f32[]
  FuncOp update;      // (weights, gradients, states.., scalars) -> (weights, states..)
  FuncOp init;        // (key) -> weights
};

/// Writes them for a bundle of parameters, described by `parameters` (one #nn.parameter a field).
ModuleFunctions writeModuleFunctions(mlir::SymbolTable &symbols, mlir::Location loc, const Recipe &recipe,
                                     BundleType weights, llvm::ArrayRef<ParameterAttr> parameters);

} // namespace nn
