//===- Weights.h - the weights of a module and of all below it ------------===//
//
// A module's function takes them as one bundle, a field each, called by their
// dotted path: `ln_1.weight`, `attn.c_attn.weight`. Their names in files differ
// where `hf:` says so. What is absent or tied is no field.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "compiler/frontend/JobSpec.h"
#include "compiler/frontend/build/Dependencies.h"
#include "compiler/frontend/build/Padding.h"

#include "dialects/nn/Nn.h"

namespace shardc::frontend::build {

struct Field {
  std::string name; ///< path below the module
  std::string file; ///< the same in files; with a leading `/` the whole name
  const WeightSpec *spec;
  nn::NamedTensorType type;
  mlir::ArrayAttr storage; ///< dimensions of the file, each a list of axes
  double std = 0;
  std::vector<std::string> ties;    ///< paths of weights that are tied to it, below the module
  std::vector<std::string> aliases; ///< what `file` would be of weights that are tied to it
};

/// Joins a path and a name in files: a name with a leading `/` is whole, an empty one adds nothing.
std::string joinFile(const std::string &path, const std::string &part);

/// A child's path in files.
std::string childFile(const ChildSpec &child, std::optional<int64_t> layer);

class FieldCollector {
public:
  FieldCollector(mlir::MLIRContext &context, const Padding &padding, Diagnostics &diags)
      : context(context), padding(padding), diags(diags) {}

  /// All fields of a module in a scope; without those of children that repeat if `ownOnly`.
  /// Nothing after an error was reported.
  std::optional<std::vector<Field>> collect(const ModuleSpec &module, const Scope &scope,
                                            Dependencies &dependencies, bool ownOnly);

private:
  bool visit(const ModuleSpec &module, const Scope &scope, Dependencies &dependencies,
             const std::string &path, const std::string &file, bool ownOnly);
  bool visitWeight(const WeightSpec &weight, const Scope &scope, const std::string &path,
                   const std::string &file);
  /// Gives the names of this module's tied weights to the fields that they are tied to.
  bool visitTies(const ModuleSpec &module, const Scope &scope, const std::string &path,
                 const std::string &file);
  bool visitChild(const ChildSpec &child, const Scope &scope, Dependencies &dependencies,
                  const std::string &path, const std::string &file);

  mlir::MLIRContext &context;
  const Padding &padding;
  Diagnostics &diags;
  std::vector<Field> fields;
  std::vector<const ModuleSpec *> inside;
};

/// Every weight of a job's model by its whole path, `h.3.attn.c_attn.weight`; nothing after an error was
/// reported.
std::optional<std::vector<Field>> weightsOf(mlir::MLIRContext &context, const Job &job, Diagnostics &diags);

/// Axes by name, products expanded; nothing after an error was reported.
std::optional<nn::NamedTensorType> tensorType(mlir::Type element, const std::vector<Name> &axes,
                                              const Scope &scope, const Padding &padding, Diagnostics &diags);

/// Whether the weight is `tie`d in this scope.
std::optional<bool> isTied(const WeightSpec &weight, const Scope &scope, Diagnostics &diags);

} // namespace shardc::frontend::build
