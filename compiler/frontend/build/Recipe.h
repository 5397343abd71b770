//===- Recipe.h - the training recipe as `nn.recipe` ----------------------===//
#pragma once
#include "compiler/frontend/JobSpec.h"

#include "mlir/IR/BuiltinAttributes.h"

namespace shardc::frontend::build {

mlir::DictionaryAttr buildRecipe(mlir::MLIRContext &context, const Job &job);

/// Names in files of weights that are tied, each with that of the weight it is tied to; null without any.
mlir::DictionaryAttr buildTies(mlir::MLIRContext &context, const Job &job, Diagnostics &diags);

/// What model, data and recipe must agree on before a program can be built. False after reporting errors.
bool checkRecipe(const Job &job, Diagnostics &diags);

} // namespace shardc::frontend::build
