//===- Syntax.cpp - generated op classes and the syntax of their parts ----===//

#include "dialects/exec/Syntax.h"
#include "dialects/exec/Exec.h"

using namespace mlir;
using namespace exec;
using nn::parseNames;
using nn::printNames;

/// `[seq=4: 1, 8]`
static ParseResult parseLoop(OpAsmParser &parser, LoopAttr &loop) {
  return failure(parser.parseLSquare() || !(loop = parseLoopBody(parser)) || parser.parseRSquare());
}
static void printLoop(OpAsmPrinter &printer, Operation *, LoopAttr loop) {
  printer << "[";
  printLoopBody(printer, loop);
  printer << "]";
}

/// `[seq=4: 1, 8][embed=8: 0, 1]`, possibly none
static ParseResult parseLoops(OpAsmParser &parser, ArrayAttr &loops) {
  SmallVector<Attribute> list;
  while (succeeded(parser.parseOptionalLSquare())) {
    LoopAttr loop = parseLoopBody(parser);
    if (!loop || parser.parseRSquare())
      return failure();
    list.push_back(loop);
  }
  loops = parser.getBuilder().getArrayAttr(list);
  return success();
}
static void printLoops(OpAsmPrinter &printer, Operation *op, ArrayAttr loops) {
  for (LoopAttr loop : loops.getAsRange<LoopAttr>())
    printLoop(printer, op, loop);
}

/// `[tp * 128 + 5]`
static ParseResult parseRank(OpAsmParser &parser, RankAttr &rank) {
  return failure(parser.parseLSquare() || !(rank = parseRankBody(parser)) || parser.parseRSquare());
}
static void printRank(OpAsmPrinter &printer, Operation *, RankAttr rank) {
  printer << "[";
  printRankBody(printer, rank);
  printer << "]";
}

//===-- kernel -------------------------------------------------------------===//
//
// exec.kernel "name" loops [..][..] (%a = %x, ..) -> (write %y, ..) : types { .. }

/// `<f32[seq=4]>` or a whole type
static ParseResult parseBufferType(OpAsmParser &parser, Type &type) {
  BufferType buffer;
  if (parser.parseCustomTypeWithFallback(buffer))
    return failure();
  type = buffer;
  return success();
}

ParseResult KernelOp::parse(OpAsmParser &parser, OperationState &state) {
  Builder &builder = parser.getBuilder();
  StringAttr name;
  ArrayAttr loops;
  if (parser.parseAttribute(name) || parser.parseKeyword("loops") || parseLoops(parser, loops))
    return failure();
  SmallVector<OpAsmParser::Argument> arguments;
  SmallVector<OpAsmParser::UnresolvedOperand> operands;
  auto parseInput = [&]() -> ParseResult {
    return failure(parser.parseArgument(arguments.emplace_back()) || parser.parseEqual() ||
                   parser.parseOperand(operands.emplace_back()));
  };
  SmallVector<int32_t> stores;
  auto parseOutput = [&]() -> ParseResult {
    StringRef keyword;
    SMLoc loc = parser.getCurrentLocation();
    if (parser.parseKeyword(&keyword))
      return failure();
    std::optional<Store> store = symbolizeStore(keyword);
    if (!store)
      return parser.emitError(loc, "expected 'write', 'sum', 'max' or 'add'");
    stores.push_back(int32_t(*store));
    return parser.parseOperand(operands.emplace_back());
  };
  SmallVector<Type> types;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseCommaSeparatedList(AsmParser::Delimiter::Paren, parseInput) || parser.parseArrow() ||
      parser.parseCommaSeparatedList(AsmParser::Delimiter::Paren, parseOutput) ||
      parser.parseOptionalAttrDictWithKeyword(state.attributes) || parser.parseColon() ||
      parser.parseCommaSeparatedList([&] { return parseBufferType(parser, types.emplace_back()); }) ||
      parser.resolveOperands(operands, types, loc, state.operands))
    return failure();
  for (auto [argument, type] : llvm::zip(arguments, types)) {
    argument.type = cast<BufferType>(type).getElementType();
    argument.sourceLoc = NameLoc::get(builder.getStringAttr(argument.ssaName.name.drop_front(1)),
                                      parser.getEncodedSourceLoc(argument.ssaName.location));
  }
  state.addAttribute(getNameAttrName(state.name), name);
  state.addAttribute(getLoopsAttrName(state.name), loops);
  state.addAttribute(getStoresAttrName(state.name), builder.getDenseI32ArrayAttr(stores));
  state.addAttribute(getOperandSegmentSizesAttrName(state.name),
                     builder.getDenseI32ArrayAttr({int32_t(arguments.size()), int32_t(stores.size())}));
  Region *body = state.addRegion();
  return parser.parseRegion(*body, arguments);
}

void KernelOp::print(OpAsmPrinter &printer) {
  printer << ' ' << getNameAttr() << " loops ";
  printLoops(printer, *this, getLoops());
  printer << " (";
  llvm::interleaveComma(llvm::zip(getBody().getArguments(), getInputs()), printer,
                        [&](auto input) { printer << std::get<0>(input) << " = " << std::get<1>(input); });
  printer << ") -> (";
  llvm::interleaveComma(llvm::enumerate(getOutputs()), printer, [&](auto output) {
    printer << stringifyStore(getStore(output.index())) << ' ' << output.value();
  });
  printer << ")";
  printer.printOptionalAttrDictWithKeyword(
      (*this)->getAttrs(),
      {getNameAttrName(), getLoopsAttrName(), getStoresAttrName(), getOperandSegmentSizesAttrName()});
  printer << " : ";
  llvm::interleaveComma(getOperandTypes(), printer,
                        [&](Type type) { printer.printStrippedAttrOrType(cast<BufferType>(type)); });
  printer << ' ';
  printer.printRegion(getBody(), /*printEntryBlockArgs=*/false, /*printBlockTerminators=*/true);
}

#define GET_OP_CLASSES
#include "dialects/exec/ExecOps.cpp.inc"
