//===- StageEntries.h - @step, @eval and @init of each stage ---------------===//
#pragma once

#include "compiler/transforms/pipe/StagePrograms.h"

#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"

namespace pipes {

inline constexpr llvm::StringLiteral entryNames[] = {"step", "micro", "eval", "init"};

/// Who has which weights, and the entries of the stages that follow from it.
class StageEntries {
public:
  /// `module`: the whole program; `programs`: the stages' modules, with the functions that entries call.
  StageEntries(mlir::ModuleOp module, llvm::ArrayRef<mlir::ModuleOp> programs,
               const shardc::pipeline::Pipeline &shape, llvm::ArrayRef<int64_t> layers);

  void write(const shardc::pipeline::Table &table);

private:
  /// A bundle of weights: by its name in the model.
  struct Weights {
    int owner = -1;                                      // the stage that is the first to use it
    llvm::MapVector<int, llvm::SetVector<unsigned>> use; // by stage: fields
  };
  /// The gradients that a chunk has added up so far, of one bundle.
  struct Gradients {
    bool isWhole = true; // one value; else one for each field
    mlir::Value whole;
    llvm::SmallVector<mlir::Value> fields; // null: nothing was added
  };
  using Entry = std::unique_ptr<StagePrograms>;

  void findWeights(nn::FuncOp func, const Chunks &chunks);
  /// The entry of each stage with its arguments: those of `entry` that it owns, copies of those that it uses.
  Entry start(nn::FuncOp entry);
  /// Ends an entry: results of `entry` that a stage owns, copies, scalars.
  void finish(StagePrograms &programs, nn::FuncOp entry);
  /// Fields of weights that wiring in `func` takes from an argument are known on the stages that have them.
  void knowFields(StagePrograms &programs, nn::FuncOp func, nn::FuncOp entry,
                  llvm::function_ref<int(mlir::BlockArgument)> ofEntry);

  void writeStep(const shardc::pipeline::Table &table);
  void runTasks(StagePrograms &programs, const shardc::pipeline::Table &table);
  void runOp(StagePrograms &programs, int stage, int microbatch, mlir::Operation *op);
  void findPartialGradients();
  mlir::Value gradientOperand(StagePrograms &programs, int chunk, mlir::Value value);
  void takeGradient(StagePrograms &programs, int chunk, mlir::Value operand, mlir::Value result);
  /// A bundle of these fields, zero where there is none.
  static mlir::Value packOf(mlir::OpBuilder &builder, mlir::BlockArgument argument,
                            llvm::MutableArrayRef<mlir::Value> fields);
  mlir::Value wholeGradient(StagePrograms &programs, mlir::BlockArgument gradients);
  void runTail(StagePrograms &programs);
  bool runSumOverStages(StagePrograms &programs, nn::MapOp sum);
  void moveTogether(StagePrograms &programs, llvm::ArrayRef<mlir::Value> scalars, int from, int to);
  void writeEval();
  void writeInit();

  int ownerOf(mlir::DictionaryAttr attributes) const;
  int homeOf(StagePrograms &programs, mlir::Value value);

  mlir::ModuleOp module;
  llvm::SmallVector<mlir::ModuleOp> programs;
  shardc::pipeline::Pipeline shape;
  nn::FuncOp step, micro, eval, init;
  nn::LoopOp loop;
  nn::CallOp microCall;
  Chunks microChunks, evalChunks;
  llvm::StringMap<Weights> weights;
  llvm::MapVector<mlir::Value, llvm::MapVector<int, Gradients>> gradients; // argument of @micro, chunk
  llvm::DenseSet<std::pair<mlir::Value, int>> inFields; // of these one value for each field
  llvm::DenseMap<mlir::Value, mlir::Value> sums;        // loss, count: argument of @micro, now
  /// Fields of copies that an entry's stage takes, and their values: by entry, stage, argument of the entry.
  std::map<std::tuple<nn::FuncOp, int, int>, std::pair<llvm::SmallVector<unsigned>, mlir::ValueRange>> copies;
};

} // namespace pipes
