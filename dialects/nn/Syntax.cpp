//===- Syntax.cpp - names and lists of names, in all dialects -------------===//

#include "dialects/nn/Syntax.h"

#include "dialects/nn/Nn.h"

#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace nn;

ParseResult nn::parseName(AsmParser &parser, StringAttr &name) {
  std::string text;
  if (parser.parseKeywordOrString(&text))
    return failure();
  name = StringAttr::get(parser.getContext(), text);
  return success();
}
void nn::printName(AsmPrinter &printer, Operation *, StringAttr name) {
  printer.printKeywordOrString(name.getValue());
}

static ParseResult parseList(AsmParser &parser, AsmParser::Delimiter delimiter, ArrayAttr &names) {
  SmallVector<Attribute> list;
  auto parseOne = [&]() -> ParseResult {
    StringAttr name;
    if (parseName(parser, name))
      return failure();
    list.push_back(name);
    return success();
  };
  if (parser.parseCommaSeparatedList(delimiter, parseOne))
    return failure();
  names = parser.getBuilder().getArrayAttr(list);
  return success();
}

ParseResult nn::parseBareNames(AsmParser &parser, ArrayAttr &names) {
  return parseList(parser, AsmParser::Delimiter::None, names);
}
void nn::printBareNames(AsmPrinter &printer, Operation *op, ArrayAttr names) {
  llvm::interleaveComma(names.getAsRange<StringAttr>(), printer,
                        [&](StringAttr name) { printName(printer, op, name); });
}

ParseResult nn::parseNames(AsmParser &parser, ArrayAttr &names) {
  return parseList(parser, AsmParser::Delimiter::Square, names);
}
void nn::printNames(AsmPrinter &printer, Operation *op, ArrayAttr names) {
  printer << "[";
  printBareNames(printer, op, names);
  printer << "]";
}

void nn::nameAfterLocation(Value value, OpAsmSetValueNameFn setName) {
  if (StringRef name = nameOf(value.getLoc()); !name.empty())
    setName(value, name);
}
