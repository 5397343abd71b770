//===- FuncOps.cpp - functions, calls, loops, bundles and keys ------------===//

#include "dialects/nn/Nn.h"
#include "dialects/nn/Syntax.h"

#include "mlir/IR/Builders.h"
#include "mlir/Interfaces/FunctionImplementation.h"

using namespace mlir;
using namespace nn;

//===-- func ---------------------------------------------------------------===//

void FuncOp::build(OpBuilder &builder, OperationState &state, StringRef name, FunctionType type) {
  state.addAttribute(SymbolTable::getSymbolAttrName(), builder.getStringAttr(name));
  state.addAttribute(getFunctionTypeAttrName(state.name), TypeAttr::get(type));
  Block &entry = state.addRegion()->emplaceBlock();
  for (Type input : type.getInputs())
    entry.addArgument(input, state.location);
}

ParseResult FuncOp::parse(OpAsmParser &parser, OperationState &state) {
  Builder &builder = parser.getBuilder();
  StringAttr name;
  SmallVector<OpAsmParser::Argument> arguments;
  SmallVector<Type> results;
  SmallVector<DictionaryAttr> resultAttrs;
  bool isVariadic = false;
  if (parser.parseSymbolName(name, SymbolTable::getSymbolAttrName(), state.attributes) ||
      function_interface_impl::parseFunctionSignature(parser, /*allowVariadic=*/false, arguments, isVariadic,
                                                      results, resultAttrs) ||
      parser.parseOptionalAttrDictWithKeyword(state.attributes))
    return failure();
  SmallVector<Type> inputs;
  for (OpAsmParser::Argument &argument : arguments) {
    inputs.push_back(argument.type);
    StringRef text = argument.ssaName.name.drop_front(1);
    if (!argument.sourceLoc)
      argument.sourceLoc = parser.getEncodedSourceLoc(argument.ssaName.location);
    if (!text.starts_with("arg"))
      argument.sourceLoc = named(*argument.sourceLoc, text);
  }
  state.addAttribute(getFunctionTypeAttrName(state.name),
                     TypeAttr::get(builder.getFunctionType(inputs, results)));
  function_interface_impl::addArgAndResultAttrs(builder, state, arguments, resultAttrs,
                                                getArgAttrsAttrName(state.name),
                                                getResAttrsAttrName(state.name));
  return parser.parseRegion(*state.addRegion(), arguments);
}

void FuncOp::print(OpAsmPrinter &printer) {
  // MLIR looks for attributes to abbreviate by printing everything to nowhere, but skips those of arguments:
  // show it `#parameters` there.
  if (dynamic_cast<llvm::raw_null_ostream *>(&printer.getStream()))
    for (unsigned i = 0; i < getNumArguments(); ++i)
      printer.printOptionalAttrDict(function_interface_impl::getArgAttrs(*this, i));
  printer << ' ';
  printer.printSymbolName(getSymName());
  function_interface_impl::printFunctionSignature(printer, *this, getArgumentTypes(), /*isVariadic=*/false,
                                                  getResultTypes());
  function_interface_impl::printFunctionAttributes(
      printer, *this, {getFunctionTypeAttrName(), getArgAttrsAttrName(), getResAttrsAttrName()});
  printer << ' ';
  printer.printRegion(getBody(), /*printEntryBlockArgs=*/false, /*printBlockTerminators=*/true);
}

LogicalResult FuncOp::verify() {
  Block &entry = getBody().front();
  if (entry.getArgumentTypes() != TypeRange(getArgumentTypes()))
    return emitOpError() << "entry block arguments differ from the function's type";
  return success();
}

void FuncOp::getAsmBlockArgumentNames(Region &region, OpAsmSetValueNameFn setName) {
  for (BlockArgument argument : region.getArguments())
    nameAfterLocation(argument, setName);
}
ReturnOp FuncOp::getReturn() {
  return cast<ReturnOp>(getBody().front().getTerminator());
}
void FuncOp::getAsmResultNames(OpAsmSetValueNameFn) {}

LogicalResult ReturnOp::verify() {
  auto func = cast<FuncOp>((*this)->getParentOp());
  if (getOperandTypes() != TypeRange(func.getResultTypes())) // C1
    return emitOpError() << "operands (" << getOperandTypes() << ") differ from the results of @"
                         << func.getSymName() << " (" << func.getResultTypes() << ")";
  return success();
}
void ReturnOp::getAsmResultNames(OpAsmSetValueNameFn) {}

//===-- call ---------------------------------------------------------------===//

StringRef nn::kindIn(DictionaryAttr attributes) {
  auto kind = attributes ? attributes.getAs<StringAttr>(kindAttrName) : StringAttr();
  return kind ? kind.getValue() : StringRef();
}

StringRef nn::kindOfArgument(FuncOp func, unsigned index) {
  return kindIn(func.getArgAttrDict(index));
}

StringRef nn::kindOfResult(FuncOp func, unsigned index) {
  return kindIn(func.getResultAttrDict(index));
}

FuncOp nn::calleeOf(CallOp call) {
  return SymbolTable::lookupNearestSymbolFrom<FuncOp>(call, call.getCalleeAttr());
}

void CallOp::build(OpBuilder &builder, OperationState &state, FuncOp callee, ValueRange operands) {
  state.addAttribute(getCalleeAttrName(state.name), FlatSymbolRefAttr::get(callee.getSymNameAttr()));
  state.addOperands(operands);
  state.addTypes(callee.getResultTypes());
}

LogicalResult CallOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto callee = symbols.lookupNearestSymbolFrom<FuncOp>(*this, getCalleeAttr());
  if (!callee) // C1
    return emitOpError() << "'" << getCallee() << "' is not an nn.func of this module";
  if (TypeRange(callee.getArgumentTypes()) != getOperandTypes()) // C2
    return emitOpError() << "operands (" << getOperandTypes() << ") differ from the arguments of @"
                         << getCallee() << " (" << callee.getArgumentTypes() << ")";
  if (TypeRange(callee.getResultTypes()) != getResultTypes())
    return emitOpError() << "results (" << getResultTypes() << ") differ from those of @" << getCallee()
                         << " (" << callee.getResultTypes() << ")";
  return success();
}

//===-- loop ---------------------------------------------------------------===//

static bool isScalarI64(Type type) {
  auto tensor = dyn_cast<NamedTensorType>(type);
  return tensor && tensor.isScalar() && !tensor.getPartial() && tensor.getElementType().isInteger(64);
}

ParseResult LoopOp::parse(OpAsmParser &parser, OperationState &state) {
  int64_t trips;
  SmallVector<OpAsmParser::Argument> arguments(1);
  SmallVector<OpAsmParser::UnresolvedOperand> inits;
  SmallVector<Type> types;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseInteger(trips) || parser.parseLParen() || parser.parseArgument(arguments[0]))
    return failure();
  while (succeeded(parser.parseOptionalComma()))
    if (parser.parseArgument(arguments.emplace_back()) || parser.parseEqual() ||
        parser.parseOperand(inits.emplace_back()))
      return failure();
  if (parser.parseRParen() || parser.parseOptionalAttrDictWithKeyword(state.attributes) ||
      parser.parseColon() || parser.parseCommaSeparatedList(AsmParser::Delimiter::Paren, [&] {
        return parser.parseType(types.emplace_back());
      }))
    return failure();
  Builder &builder = parser.getBuilder();
  state.addAttribute(getTripsAttrName(state.name), builder.getI64IntegerAttr(trips));
  if (types.size() != inits.size())
    return parser.emitError(loc) << inits.size() << " carried values have " << types.size() << " types";
  arguments[0].type = NamedTensorType::get(builder.getI64Type(), {});
  for (auto [argument, type] : llvm::zip(llvm::drop_begin(arguments), types))
    argument.type = type;
  for (OpAsmParser::Argument &argument : arguments)
    argument.sourceLoc =
        named(parser.getEncodedSourceLoc(argument.ssaName.location), argument.ssaName.name.drop_front(1));
  state.addTypes(types);
  return failure(parser.resolveOperands(inits, types, loc, state.operands) ||
                 parser.parseRegion(*state.addRegion(), arguments));
}

void LoopOp::print(OpAsmPrinter &printer) {
  printer << ' ' << getTrips() << " (" << getBody().getArgument(0);
  for (auto [argument, init] : llvm::zip(llvm::drop_begin(getBody().getArguments()), getInits()))
    printer << ", " << argument << " = " << init;
  printer << ")";
  printer.printOptionalAttrDictWithKeyword((*this)->getAttrs(), {getTripsAttrName()});
  printer << " : (";
  llvm::interleaveComma(getInits().getTypes(), printer);
  printer << ") ";
  printer.printRegion(getBody(), /*printEntryBlockArgs=*/false, /*printBlockTerminators=*/true);
}

LogicalResult LoopOp::verify() {
  Block &body = getBody().front();
  if (body.getNumArguments() != getInits().size() + 1 || !isScalarI64(body.getArgument(0).getType()) ||
      TypeRange(body.getArgumentTypes()).drop_front() != getInits().getTypes()) // C1
    return emitOpError() << "the body's arguments must be an i64 scalar and the types of the carried values";
  if (body.getTerminator()->getOperandTypes() != getInits().getTypes()) // C2
    return emitOpError() << "the body yields (" << body.getTerminator()->getOperandTypes()
                         << "), carried are (" << getInits().getTypes() << ")";
  if (getResultTypes() != getInits().getTypes())
    return emitOpError() << "results differ in type from the carried values";
  return success();
}

void LoopOp::getAsmBlockArgumentNames(Region &region, OpAsmSetValueNameFn setName) {
  for (BlockArgument argument : region.getArguments())
    nameAfterLocation(argument, setName);
}
void YieldOp::getAsmResultNames(OpAsmSetValueNameFn) {}

//===-- bundles ------------------------------------------------------------===//

ParseResult PackOp::parse(OpAsmParser &parser, OperationState &state) {
  SmallVector<OpAsmParser::UnresolvedOperand> operands;
  Type type;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseOperandList(operands, AsmParser::Delimiter::Paren) ||
      parser.parseOptionalAttrDict(state.attributes) || parser.parseColonType(type))
    return failure();
  auto bundle = dyn_cast<BundleType>(type);
  if (!bundle)
    return parser.emitError(loc, "expected a bundle type");
  state.addTypes(type);
  return parser.resolveOperands(operands, bundle.getTypes(), loc, state.operands);
}
void PackOp::print(OpAsmPrinter &printer) {
  printer << "(" << getOperands() << ")";
  printer.printOptionalAttrDict((*this)->getAttrs());
  printer << " : " << getType();
}
LogicalResult PackOp::verify() {
  if (getOperandTypes() != TypeRange(getType().getTypes())) // C1
    return emitOpError() << "operands (" << getOperandTypes() << ") are not the fields of " << getType();
  return success();
}

void UnpackOp::build(OpBuilder &builder, OperationState &state, Value bundle) {
  state.addOperands(bundle);
  state.addTypes(cast<BundleType>(bundle.getType()).getTypes());
}
ParseResult UnpackOp::parse(OpAsmParser &parser, OperationState &state) {
  OpAsmParser::UnresolvedOperand operand;
  Type type;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseOperand(operand) || parser.parseOptionalAttrDict(state.attributes) ||
      parser.parseColonType(type))
    return failure();
  auto bundle = dyn_cast<BundleType>(type);
  if (!bundle)
    return parser.emitError(loc, "expected a bundle type");
  state.addTypes(bundle.getTypes());
  return parser.resolveOperand(operand, type, state.operands);
}
void UnpackOp::print(OpAsmPrinter &printer) {
  printer << ' ' << getBundle();
  printer.printOptionalAttrDict((*this)->getAttrs());
  printer << " : " << getBundle().getType();
}
LogicalResult UnpackOp::verify() {
  if (getResultTypes() != TypeRange(getBundle().getType().getTypes())) // C1
    return emitOpError() << "results (" << getResultTypes() << ") are not the fields of "
                         << getBundle().getType();
  return success();
}
void UnpackOp::getAsmResultNames(OpAsmSetValueNameFn setName) {
  for (auto [result, field] : llvm::zip(getResults(), getBundle().getType().getFields()))
    setName(result, field.getValue());
}

//===-- keys ---------------------------------------------------------------===//

LogicalResult KeyOp::verify() {
  if (!isScalarI64(getStep().getType()) || !isScalarI64(getFirstSample().getType())) // C1
    return emitOpError() << "step and first sample must be i64 scalars";
  return success();
}

//===-- names of results ---------------------------------------------------===//

/// The names in "q, k, v".
static SmallVector<StringRef> namesIn(Location loc) {
  SmallVector<StringRef> names;
  nameOf(loc).split(names, ", ", /*MaxSplit=*/-1, /*KeepEmpty=*/false);
  return names;
}

/// One name is for all results, "q, k, v" is a name each.
static void nameResults(Operation *op, OpAsmSetValueNameFn setName) {
  SmallVector<StringRef> names = namesIn(op->getLoc());
  const bool oneEach = names.size() == op->getNumResults();
  for (auto [index, result] : llvm::enumerate(op->getResults()))
    if (oneEach)
      setName(result, names[index]);
    else
      nameAfterLocation(result, setName);
}

#define NAMED_AFTER_LOCATION(Op)                                                                             \
  void Op::getAsmResultNames(OpAsmSetValueNameFn setName) {                                                  \
    nameResults(*this, setName);                                                                             \
  }
NAMED_AFTER_LOCATION(LoopOp)
NAMED_AFTER_LOCATION(PackOp)
NAMED_AFTER_LOCATION(KeyOp)
NAMED_AFTER_LOCATION(ChildKeyOp)
NAMED_AFTER_LOCATION(ContractOp)
NAMED_AFTER_LOCATION(MapOp)
NAMED_AFTER_LOCATION(ReduceOp)
NAMED_AFTER_LOCATION(GatherOp)
NAMED_AFTER_LOCATION(ScatterAddOp)
NAMED_AFTER_LOCATION(RopeOp)
NAMED_AFTER_LOCATION(RenameOp)
NAMED_AFTER_LOCATION(SplitOp)
NAMED_AFTER_LOCATION(MergeOp)
NAMED_AFTER_LOCATION(SliceOp)
NAMED_AFTER_LOCATION(ConcatOp)
NAMED_AFTER_LOCATION(UnstackOp)
NAMED_AFTER_LOCATION(StackOp)
NAMED_AFTER_LOCATION(DetachOp)
NAMED_AFTER_LOCATION(InputOp)
NAMED_AFTER_LOCATION(IotaOp)
NAMED_AFTER_LOCATION(RandomOp)
NAMED_AFTER_LOCATION(DropoutOp)
#undef NAMED_AFTER_LOCATION

/// A bundle that a call returns beside its value is called after both: `%x, %x_saved = nn.call
/// @block_forward`.
void CallOp::getAsmResultNames(OpAsmSetValueNameFn setName) {
  std::string base = nameOf(getLoc()).str();
  if (namesIn(getLoc()).size() == getNumResults())
    return nameResults(*this, setName);
  if (base.empty())
    return;
  for (Value result : getResults()) {
    auto bundle = dyn_cast<BundleType>(result.getType());
    auto [owner, what] = bundle ? bundle.getName().getValue().rsplit('_') : std::pair<StringRef, StringRef>();
    setName(result, what.empty() ? base : base + "_" + what.str());
  }
}

void AttentionOp::getAsmResultNames(OpAsmSetValueNameFn setName) {
  nameAfterLocation(getResult(), setName);
  setName(getLse(), "lse");
}
void AttentionBackwardOp::getAsmResultNames(OpAsmSetValueNameFn setName) {
  setName(getDQuery(), "d_query");
  setName(getDKey(), "d_key");
  setName(getDValue(), "d_value");
}
