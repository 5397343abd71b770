//===- Training.h - the training step of a program, run in the interpreter ===//
//
// Knows the functions that nn-step writes (@init, @micro, @step, @eval) and what their arguments are, by the
// attributes that these carry. Values go in and come out whole; inside they lie as the program's types say.
// Of a pipeline all stages run: each has its own weights and states, and copies of what others own.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/interpreter/Interpreter.h"

#include "dialects/nn/Nn.h"

namespace shardc::interpreter {

/// A whole tensor of the program under the name that a user knows it by: `h.3.attn.c_attn.weight`.
struct NamedValue {
  std::string name;
  mlir::Location place; // in the YAML
  nn::Shard value;
};
using NamedValues = std::vector<NamedValue>;

class Training {
public:
  /// `inputs` of the options must be set. The stages of a pipeline have meshes of their own, by their plans.
  Training(mlir::ModuleOp module, Mesh mesh, Options options);

  /// What training carries from step to step, whole: weights and optimizer state, as @step takes them, stage
  /// by stage.
  llvm::FailureOr<Data> init();
  /// `state` after step number `step`; appends loss, gradient norm and learning rate to `scalars`, as each
  /// stage knows them.
  llvm::FailureOr<Data> step(int64_t step, const Data &state, NamedValues &scalars);
  /// Sums over the first step's micro-batches, one after the other through the accumulators of @micro: each
  /// weight's gradient, the loss and the count of labels. Of stages, which have no @micro: each gradient that
  /// an update in @step takes.
  llvm::FailureOr<NamedValues> gradients(const Data &state);
  /// @eval on the first batch: the sum of the loss and the count of labels, as each stage knows them.
  llvm::FailureOr<NamedValues> evaluate(const Data &state);

  /// The tensors of a state by name, those of one kind (`parameter`, `optimizer_state`).
  NamedValues namesOf(const Data &state, llvm::StringRef kind);
  /// The state that these tensors are, under the names that `namesOf` gives them.
  llvm::FailureOr<Data> stateOf(llvm::ArrayRef<NamedValues> values);
  /// Moves every weight a little from its initial value, so that none is zero or one.
  Data perturbed(const Data &state, uint64_t seed);

private:
  struct Stage {
    mlir::ModuleOp module;
    std::unique_ptr<Interpreter> interpreter;

    nn::FuncOp function(llvm::StringRef name) { return module.lookupSymbol<nn::FuncOp>(name); }
    const Mesh &mesh() { return interpreter->getMesh(); }
  };

  llvm::FailureOr<std::vector<Data>> call(llvm::StringRef function, const std::vector<Data> &whole);
  llvm::FailureOr<std::vector<Data>> callStep(int64_t step, const Data &state);
  llvm::FailureOr<NamedValues> gradientsOfMicro(const Data &state);
  NamedValues gradientsOfUpdates(Stage &stage);
  std::vector<Data> byStage(const Data &state);
  Data stateAmong(Stage &stage, llvm::StringRef entry, const Data &results,
                  llvm::SmallVectorImpl<unsigned> &others);
  Data inputsAndZeros(nn::FuncOp micro, const Data &state, int64_t firstSample);

  mlir::ModuleOp module;
  Options options;
  std::vector<Stage> stages;
  int64_t microbatches = 1, globalBatchSize = 1;
};

} // namespace shardc::interpreter
