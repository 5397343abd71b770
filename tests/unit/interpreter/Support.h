//===- Support.h - small programs and values for tests of the interpreter ===//
#pragma once

#include "compiler/interpreter/Distribute.h"
#include "compiler/interpreter/Interpreter.h"

#include "dialects/nn/Nn.h"

#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"

#include <gtest/gtest.h>

namespace shardc::interpreter::test {

/// A module parsed from text, and what its errors say.
class Program {
public:
  explicit Program(const std::string &text);

  mlir::ModuleOp module() { return *parsed; }
  nn::FuncOp function(llvm::StringRef name) { return parsed->lookupSymbol<nn::FuncOp>(name); }
  mlir::Type argumentType(llvm::StringRef name, unsigned index) {
    return function(name).getArgumentTypes()[index];
  }

  std::string errors;
  mlir::MLIRContext context;

private:
  mlir::OwningOpRef<mlir::ModuleOp> parsed;
};

/// A tensor of one rank with these values; its axes are those of `type`.
Datum tensor(mlir::Type type, std::vector<double> values);

/// Random values in [-1, 1), the same for the same seed; bundles too. Integer tensors hold 0 .. 3.
Datum randomDatum(mlir::Type type, uint64_t seed);

/// Runs `function` on one rank; arguments and results are values of one rank.
Data runOnOne(Program &program, llvm::StringRef function, Data arguments, Options options = {});

/// The values of a tensor on its first rank.
const std::vector<double> &valuesOf(const Datum &datum);

} // namespace shardc::interpreter::test
