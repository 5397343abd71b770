//===- Program.h - the functions of a job's model, as they come to be -----===//
//
// One Instance is one nn.func: a YAML module with its argument types and the
// config values that it read. Calls ask for an instance and get one that fits.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "compiler/frontend/JobSpec.h"
#include "compiler/frontend/ScopedAxes.h"
#include "compiler/frontend/build/Padding.h"
#include "compiler/frontend/build/Term.h"
#include "compiler/frontend/build/Weights.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

#include <deque>
#include <set>

namespace shardc::frontend::build {

/// An argument of a module: its type, and whether `@` may fold with it as a weight.
struct Argument {
  nn::NamedTensorType type;
  bool isWeight = false;
  bool operator==(const Argument &) const = default;
};

struct Instance {
  const ModuleSpec *module = nullptr;
  std::vector<Argument> arguments;
  Dependencies dependencies;
  std::vector<Field> fields;
  nn::FuncOp func;       ///< null after an error
  nn::BundleType bundle; ///< null without weights
  bool needsKey = false;
  /// Fields and arguments that a contraction or gather uses: what weight decay applies to.
  std::vector<bool> contractedFields, contractedArguments;

  /// Whether its result has the axes' names of `caller`.
  bool returnsInNamesOf(const Scope &caller);
  nn::NamedTensorType resultType() { return llvm::cast<nn::NamedTensorType>(func.getResultTypes().front()); }
};

class Program {
public:
  Program(mlir::MLIRContext &context, const Job &job, Diagnostics &diags);

  /// All functions, in order of first use's end: callees first. Null after reporting errors.
  mlir::OwningOpRef<mlir::ModuleOp> build();

  /// An instance for a call by what reads in `caller`, built if there is none; arguments and the result cross
  /// its edge by the caller's names. Null after an error was reported.
  Instance *instance(const ModuleSpec &module, const Scope &scope, const Scope &caller,
                     const std::vector<Argument> &arguments);

  mlir::Location place(const Position &at);
  /// A bundle type of its own for the instance, or that of one with the same weights.
  nn::BundleType bundleOf(const Instance &instance, llvm::StringRef name);
  /// `nn.parameters` of an instance's bundle.
  mlir::ArrayAttr parametersOf(const Instance &instance);
  /// `block`, then `block_1`; `step_module` for a module whose name a later pass gives to a function of its
  /// own.
  std::string uniqueName(const std::string &module);

  mlir::MLIRContext &context;
  const Job &job;
  Diagnostics &diags;
  const ScopedAxes scopedAxes;
  const Padding padding;
  mlir::OwningOpRef<mlir::ModuleOp> module;

private:
  mlir::DictionaryAttr validSizes();

  std::deque<Instance> instances;
  std::map<const ModuleSpec *, std::vector<Instance *>> byModule;
  std::set<std::string> names;
};

} // namespace shardc::frontend::build
