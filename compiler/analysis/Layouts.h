//===- Layouts.h - where the parameters of a program lie ------------------===//
#pragma once

#include "dialects/nn/Nn.h"

#include <string>
#include <vector>

namespace shardc {

/// One weight of the model, or the same weight of several layers in one layout.
struct ParameterLayout {
  std::string name;          ///< of the first one: h.0.attn.c_attn.weight
  std::string range;         ///< `h.0-11.attn.c_attn.weight` for several
  nn::NamedTensorType type;  ///< global axes and their placement at rest
  nn::NamedTensorType inUse; ///< where computations on activations read it
  int64_t instances = 1;
  int64_t localElements = 0; ///< of one instance, on one rank, at rest
  bool isCopy = false;       ///< of a weight that another stage of the pipeline owns

  /// Of all instances, at rest; elements are f32 throughout.
  int64_t bytesPerRank() const { return 4 * localElements * instances; }
};

/// The parameters of a `dist` program in the order of @step's arguments, equal layers together.
std::vector<ParameterLayout> parameterLayouts(mlir::ModuleOp module);

/// `h.3` as `h.` and 3, or nothing.
std::optional<std::pair<std::string, int64_t>> splitIndex(llvm::StringRef path);

/// Elements of a tensor that one rank holds.
int64_t localElements(nn::NamedTensorType type, mlir::ModuleOp module);

} // namespace shardc
