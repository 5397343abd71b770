//===- Stages.h - the programs of one package ------------------------------===//
//
// Without a pipeline a package holds one program, the module's own. With one the module nests a module for
// each stage, and the package holds a program for each; what stages have in common is written once.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "dialects/exec/Exec.h"

#include <memory>
#include <string>
#include <vector>

namespace shardc::codegen {

/// What the ranks of one stage run, or all ranks.
class Program {
public:
  Program(mlir::ModuleOp module, std::string space)
      : module(module), symbols(module), space(std::move(space)) {}

  exec::FuncOp calleeOf(exec::CallOp call) { return symbols.lookup<exec::FuncOp>(call.getCallee()); }
  /// Whether a function's argument is a pointer to constant elements: an `in` buffer that no struct takes up.
  bool isConstant(exec::FuncOp func, unsigned argument);
  /// Whether a struct takes up this pointer, here or in a function that is called.
  bool isTakenUp(mlir::Value pointer);

  mlir::ModuleOp module;
  mlir::SymbolTable symbols;
  std::string space; ///< "stage_1": its namespace, and the file of its entries; "" without a pipeline
};

/// Functions of a package: those that several programs have alike are one.
class Programs {
public:
  explicit Programs(mlir::ModuleOp module);

  bool arePipelined() const { return !all.front()->space.empty(); }
  /// The function that stands for this one in the package: of the first stage that has its like.
  exec::FuncOp standIn(exec::FuncOp func) const { return standIns.lookup(func); }
  /// What the package calls a function: "block_forward", "stage_1.block_forward" where an earlier stage has
  /// another one of its name, "stage_1.step" for an entry.
  const std::string &nameOf(exec::FuncOp func) const { return names.find(standIn(func))->second; }
  /// Of the pipeline, as its tasks have it: chunks of the model on each stage, and whether the gradients of
  /// weights are tasks of their own.
  int64_t chunksPerStage() const;
  bool splitsBackward() const;
  /// Whether pauses stand for what computes.
  bool areRehearsed() const;
  /// Messages from one stage to another have numbers below this one.
  int64_t numMessages() const;

  std::vector<std::unique_ptr<Program>> all;

private:
  void add(Program &program, exec::FuncOp func);
  bool areAlike(Program &program, exec::FuncOp func, exec::FuncOp other);

  llvm::DenseMap<mlir::Operation *, exec::FuncOp> standIns;
  llvm::DenseMap<mlir::Operation *, std::string> names;
  llvm::StringMap<llvm::SmallVector<exec::FuncOp, 1>> byName; ///< those that stand for others, by symbol
};

} // namespace shardc::codegen
