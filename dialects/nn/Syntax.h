//===- Syntax.h - names and lists of names, in all dialects ---------------===//
//
// Ops name them in their assembly format: `custom<Name>`, `custom<Names>`, `custom<BareNames>`. And what
// values are called.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "mlir/IR/OpImplementation.h"

namespace nn {

/// `embed`, or `"a name"` where it is no keyword.
mlir::ParseResult parseName(mlir::AsmParser &parser, mlir::StringAttr &name);
void printName(mlir::AsmPrinter &printer, mlir::Operation *op, mlir::StringAttr name);

/// `kv_heads, group`, at least one.
mlir::ParseResult parseBareNames(mlir::AsmParser &parser, mlir::ArrayAttr &names);
void printBareNames(mlir::AsmPrinter &printer, mlir::Operation *op, mlir::ArrayAttr names);

/// `[kv_heads, group]`, possibly empty.
mlir::ParseResult parseNames(mlir::AsmParser &parser, mlir::ArrayAttr &names);
void printNames(mlir::AsmPrinter &printer, mlir::Operation *op, mlir::ArrayAttr names);

/// A value is called in dumps as its location is, if that has a name.
void nameAfterLocation(mlir::Value value, mlir::OpAsmSetValueNameFn setName);

} // namespace nn
