//===- Ops.cpp - generated op classes and the syntax of axis names --------===//

#include "dialects/nn/Nn.h"

#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace nn;

/// `embed`
static ParseResult parseName(OpAsmParser &parser, StringAttr &name) {
  std::string text;
  if (parser.parseKeywordOrString(&text))
    return failure();
  name = parser.getBuilder().getStringAttr(text);
  return success();
}
static void printName(OpAsmPrinter &printer, Operation *, StringAttr name) {
  printer.printKeywordOrString(name.getValue());
}

/// `kv_heads, group`
static ParseResult parseBareNames(OpAsmParser &parser, ArrayAttr &names) {
  SmallVector<Attribute> list;
  auto parseOne = [&]() -> ParseResult {
    StringAttr name;
    if (parseName(parser, name))
      return failure();
    list.push_back(name);
    return success();
  };
  if (parser.parseCommaSeparatedList(parseOne))
    return failure();
  names = parser.getBuilder().getArrayAttr(list);
  return success();
}
static void printBareNames(OpAsmPrinter &printer, Operation *, ArrayAttr names) {
  llvm::interleaveComma(names.getAsRange<StringAttr>(), printer,
                        [&](StringAttr name) { printer.printKeywordOrString(name.getValue()); });
}

/// `[kv_heads, group]`, possibly empty
static ParseResult parseNames(OpAsmParser &parser, ArrayAttr &names) {
  if (parser.parseLSquare())
    return failure();
  if (succeeded(parser.parseOptionalRSquare())) {
    names = parser.getBuilder().getArrayAttr({});
    return success();
  }
  return failure(parseBareNames(parser, names) || parser.parseRSquare());
}
static void printNames(OpAsmPrinter &printer, Operation *op, ArrayAttr names) {
  printer << "[";
  printBareNames(printer, op, names);
  printer << "]";
}

#define GET_OP_CLASSES
#include "dialects/nn/NnOps.cpp.inc"
