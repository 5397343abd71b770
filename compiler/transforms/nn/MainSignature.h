//===- MainSignature.h - what the arguments of @main are ------------------===//
#pragma once

#include "compiler/transforms/nn/StepModules.h"

#include <optional>

namespace nn {

/// One bundle of parameters of the model: @main's own, or a layer's.
struct Instance {
  unsigned argument; // of @main
  std::string name;  // weights, h.0, ...
  mlir::DictionaryAttr attrs;
  const ModuleFunctions *functions;

  /// `gradients` or `h.0_gradients`.
  std::string with(llvm::StringRef what) const {
    return name == "weights" ? what.str() : name + "_" + what.str();
  }
};

/// The inputs, parameters and random key that @main takes, and how the functions of the step take them.
class MainSignature {
public:
  MainSignature(FuncOp main, mlir::SymbolTable &symbols, const Recipe &recipe)
      : main(main), symbols(symbols), recipe(recipe) {}

  /// Reads the arguments and writes the functions of each distinct bundle. Fails with an error where @main is
  /// not what the step can be written from.
  mlir::LogicalResult read();

  llvm::ArrayRef<Instance> getInstances() const { return instances; }
  llvm::ArrayRef<unsigned> getInputs() const { return inputs; }
  bool hasKey() const { return keyArgument.has_value(); }

  void addInputs(llvm::SmallVectorImpl<Slot> &slots);
  void addParameters(llvm::SmallVectorImpl<Slot> &slots) const;
  void addGradients(llvm::SmallVectorImpl<Slot> &slots) const;
  /// Each state of the recipe, of every instance: m of all, then v.
  void addStates(llvm::SmallVectorImpl<Slot> &slots) const;
  /// Attributes of weights and states as results.
  llvm::SmallVector<mlir::DictionaryAttr> stateAttrs() const;

  /// @main's arguments in its order; a null key leaves it out.
  llvm::SmallVector<mlir::Value> arguments(mlir::ValueRange inputValues, mlir::ValueRange weights,
                                           mlir::Value key);
  /// The input `labels` among `inputValues`.
  mlir::Value labelsAmong(mlir::ValueRange inputValues);
  /// Reads of the inputs of a micro-batch.
  llvm::SmallVector<mlir::Value> readInputs(mlir::OpBuilder &builder, mlir::Value firstSample);

private:
  mlir::LogicalResult readParameters(mlir::BlockArgument argument);
  mlir::LogicalResult checkInputs();
  const ModuleFunctions *functionsFor(BundleType type, mlir::ArrayAttr parameters);
  Slot slotOf(const Instance &instance, llvm::StringRef kind, llvm::StringRef name, mlir::Type type) const;

  FuncOp main;
  mlir::SymbolTable &symbols;
  const Recipe &recipe;
  llvm::SmallVector<unsigned> inputs; // arguments of @main
  llvm::SmallVector<Instance> instances;
  std::optional<unsigned> keyArgument;
  std::vector<std::pair<std::pair<BundleType, mlir::ArrayAttr>, std::unique_ptr<ModuleFunctions>>> modules;
};

} // namespace nn
