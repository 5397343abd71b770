//===- WriteFunction.h - declare, fill and inline functions ---------------===//
#pragma once

#include "dialects/nn/Nn.h"

#include "mlir/IR/Builders.h"

namespace nn {

/// An argument or result of a function to be written.
struct Slot {
  mlir::Type type;
  std::string name;
  mlir::DictionaryAttr attrs;
};

/// A function without results yet, at the end of the module; `finishFunction` returns from it.
FuncOp startFunction(mlir::SymbolTable &symbols, mlir::Location loc, llvm::StringRef name,
                     llvm::ArrayRef<Slot> arguments);

/// Ends the body with a return of `results`, whose attributes (or null) are `attrs`.
void finishFunction(FuncOp func, mlir::ValueRange results, llvm::ArrayRef<mlir::DictionaryAttr> attrs = {});

/// Writes the body of `func` where `builder` stands, with these arguments; returns its results.
llvm::SmallVector<mlir::Value> inlineBody(mlir::OpBuilder &builder, FuncOp func, mlir::ValueRange arguments);

/// `{nn.kind = kind}`
mlir::DictionaryAttr kindAttrs(mlir::MLIRContext *context, llvm::StringRef kind);

/// A bundle `name` with a field for each of `types`, called as `stems` say, each name once: `x`, `x_1`, ...
/// An empty stem counts as `value`.
BundleType bundleOf(llvm::StringRef name, llvm::ArrayRef<std::string> stems, mlir::TypeRange types);

/// A name that no symbol has: `name`, `name_1`, ...
std::string freshName(mlir::SymbolTable &symbols, llvm::StringRef name);

} // namespace nn
