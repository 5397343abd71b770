//===- Support.h - small exec programs, run ------------------------------===//
#pragma once

#include "compiler/interpreter/exec/ExecInterpreter.h"

#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"

#include <gtest/gtest.h>

namespace shardc::interpreter::test {

/// A module parsed from text, and its interpreter.
class ExecProgram {
public:
  explicit ExecProgram(const std::string &text, uint64_t seed = 1);

  /// The program of one entry @step: `globals` and the entry's `body`, on a mesh such as `dp=2, tp=2`.
  static std::string step(const std::string &globals, const std::string &body,
                          const std::string &mesh = "tp=1");

  void set(llvm::StringRef global, const std::vector<double> &values, int64_t rank = 0);
  std::vector<double> get(llvm::StringRef global, int64_t rank = 0);
  /// Runs an entry; `errors` says why it failed, each error and note as `line: text`.
  bool run(llvm::StringRef entry = "step", int64_t step = 0);

  mlir::ModuleOp module() { return *parsed; }
  ExecInterpreter &interpreter() { return *machine; }

  std::string errors;

private:
  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> parsed;
  std::unique_ptr<ExecInterpreter> machine;
};

/// The errors that running @step gives; each line is `line: text`.
std::string errorsOf(const std::string &text);

} // namespace shardc::interpreter::test
