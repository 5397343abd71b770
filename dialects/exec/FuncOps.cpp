//===- FuncOps.cpp - functions, calls, loops and names in dumps -----------===//

#include "dialects/exec/Exec.h"
#include "dialects/exec/Syntax.h"
#include "dialects/nn/Syntax.h"

using namespace mlir;
using namespace exec;

static void nameArguments(Region &region, OpAsmSetValueNameFn setName) {
  for (BlockArgument argument : region.getArguments())
    nn::nameAfterLocation(argument, setName);
}

static Location namedHere(OpAsmParser &parser, const OpAsmParser::Argument &argument) {
  return NameLoc::get(parser.getBuilder().getStringAttr(argument.ssaName.name.drop_front(1)),
                      parser.getEncodedSourceLoc(argument.ssaName.location));
}

//===-- func ---------------------------------------------------------------===//

/// `in %x: type`
static ParseResult parseArgument(OpAsmParser &parser, OpAsmParser::Argument &argument, int32_t &mode) {
  StringRef keyword;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseKeyword(&keyword))
    return failure();
  std::optional<Mode> known = symbolizeMode(keyword);
  if (!known)
    return parser.emitError(loc, "expected 'in', 'out', 'inout' or 'acc'");
  mode = int32_t(*known);
  if (parser.parseArgument(argument) || parser.parseColonType(argument.type))
    return failure();
  argument.sourceLoc = namedHere(parser, argument);
  return success();
}

ParseResult FuncOp::parse(OpAsmParser &parser, OperationState &state) {
  StringAttr name;
  SmallVector<OpAsmParser::Argument> arguments;
  SmallVector<int32_t> modes;
  auto parseOne = [&] { return parseArgument(parser, arguments.emplace_back(), modes.emplace_back()); };
  if (parser.parseSymbolName(name, SymbolTable::getSymbolAttrName(), state.attributes) ||
      parser.parseCommaSeparatedList(AsmParser::Delimiter::Paren, parseOne))
    return failure();
  Builder &builder = parser.getBuilder();
  if (succeeded(parser.parseOptionalKeyword("entry")))
    state.addAttribute(getEntryAttrName(state.name), builder.getUnitAttr());
  if (succeeded(parser.parseOptionalKeyword("frame"))) {
    int64_t bytes;
    if (parser.parseInteger(bytes))
      return failure();
    state.addAttribute(getFrameAttrName(state.name), builder.getI64IntegerAttr(bytes));
  }
  state.addAttribute(getModesAttrName(state.name), builder.getDenseI32ArrayAttr(modes));
  if (parser.parseOptionalAttrDictWithKeyword(state.attributes))
    return failure();
  Region *body = state.addRegion();
  if (parser.parseRegion(*body, arguments))
    return failure();
  ensureTerminator(*body, builder, state.location);
  return success();
}

void FuncOp::print(OpAsmPrinter &printer) {
  printer << ' ';
  printer.printSymbolName(getSymName());
  printer << '(';
  llvm::interleaveComma(getBody().getArguments(), printer, [&](BlockArgument argument) {
    printer << stringifyMode(getMode(argument.getArgNumber())) << ' ' << argument << ": "
            << argument.getType();
  });
  printer << ')' << (getEntry() ? " entry" : "");
  if (getFrame())
    printer << " frame " << *getFrame();
  printer.printOptionalAttrDictWithKeyword((*this)->getAttrs(), {getSymNameAttrName(), getModesAttrName(),
                                                                 getFrameAttrName(), getEntryAttrName()});
  printer << ' ';
  printer.printRegion(getBody(), /*printEntryBlockArgs=*/false, /*printBlockTerminators=*/false);
}

LogicalResult FuncOp::verify() {
  if (getModes().size() != getBody().getNumArguments()) // C1
    return emitOpError() << "has " << getModes().size() << " modes for " << getBody().getNumArguments()
                         << " arguments";
  if (getEntry() && getBody().getNumArguments() != 0) // C2
    return emitOpError() << "is an entry, which has no arguments";
  return success();
}

void FuncOp::getAsmBlockArgumentNames(Region &region, OpAsmSetValueNameFn setName) {
  nameArguments(region, setName);
}

//===-- call ---------------------------------------------------------------===//

LogicalResult CallOp::verify() {
  return success();
}

LogicalResult CallOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto callee = symbols.lookupNearestSymbolFrom<FuncOp>(*this, getCalleeAttr());
  if (!callee || callee.getEntry()) // C1
    return emitOpError() << "'" << getCallee() << "' is not a function that can be called";
  if (callee.getBody().getArgumentTypes() != getOperandTypes()) // C2
    return emitOpError() << "operands (" << getOperandTypes() << ") differ from the arguments of @"
                         << getCallee() << " (" << callee.getBody().getArgumentTypes() << ")";
  return success();
}

void CallOp::getAccesses(SmallVectorImpl<Access> &accesses) {
  auto callee = SymbolTable::lookupNearestSymbolFrom<FuncOp>(*this, getCalleeAttr());
  for (auto [index, operand] : llvm::enumerate(getOperands()))
    if (!isa<KeyType>(operand.getType()))
      accesses.push_back({operand, callee.getMode(index)});
}

//===-- loop ---------------------------------------------------------------===//

ParseResult LoopOp::parse(OpAsmParser &parser, OperationState &state) {
  int64_t trips;
  OpAsmParser::Argument index;
  if (parser.parseInteger(trips) || parser.parseLParen() || parser.parseArgument(index) ||
      parser.parseRParen() || parser.parseOptionalAttrDictWithKeyword(state.attributes))
    return failure();
  Builder &builder = parser.getBuilder();
  state.addAttribute(getTripsAttrName(state.name), builder.getI64IntegerAttr(trips));
  index.type = BufferType::dense(builder.getI64Type(), {}, {});
  index.sourceLoc = namedHere(parser, index);
  Region *body = state.addRegion();
  if (parser.parseRegion(*body, index))
    return failure();
  ensureTerminator(*body, builder, state.location);
  return success();
}

void LoopOp::print(OpAsmPrinter &printer) {
  printer << ' ' << getTrips() << " (" << getBody().getArgument(0) << ")";
  printer.printOptionalAttrDictWithKeyword((*this)->getAttrs(), {getTripsAttrName()});
  printer << ' ';
  printer.printRegion(getBody(), /*printEntryBlockArgs=*/false, /*printBlockTerminators=*/false);
}

LogicalResult LoopOp::verify() {
  auto index = getBody().getNumArguments() == 1 ? dyn_cast<BufferType>(getBody().getArgument(0).getType())
                                                : BufferType();
  if (!index || !index.isScalar() || !index.getElementType().isInteger(64)) // C1
    return emitOpError() << "the body's argument must be an i64 scalar, the trip number";
  return success();
}

void LoopOp::getAsmBlockArgumentNames(Region &region, OpAsmSetValueNameFn setName) {
  nameArguments(region, setName);
}
void KernelOp::getAsmBlockArgumentNames(Region &region, OpAsmSetValueNameFn setName) {
  nameArguments(region, setName);
}

//===-- names of results ---------------------------------------------------===//

// A pointer without a name of its own is called like what it points to.
void AddressOp::getAsmResultNames(OpAsmSetValueNameFn setName) {
  StringRef name = nameOf(getLoc());
  setName(getResult(), name.empty() ? getGlobal() : name);
}
void FieldOp::getAsmResultNames(OpAsmSetValueNameFn setName) {
  StringRef name = nameOf(getLoc());
  setName(getResult(), name.empty() ? getField() : name);
}

#define NAMED_AFTER_LOCATION(Op)                                                                             \
  void Op::getAsmResultNames(OpAsmSetValueNameFn setName) {                                                  \
    nn::nameAfterLocation((*this)->getResult(0), setName);                                                   \
  }
NAMED_AFTER_LOCATION(BufferOp)
NAMED_AFTER_LOCATION(ViewOp)
NAMED_AFTER_LOCATION(PackOp)
NAMED_AFTER_LOCATION(InputOp)
NAMED_AFTER_LOCATION(KeyOp)
NAMED_AFTER_LOCATION(ChildKeyOp)
#undef NAMED_AFTER_LOCATION
