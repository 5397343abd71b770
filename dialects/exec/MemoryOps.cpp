//===- MemoryOps.cpp - globals, buffers, views, fields, inputs, keys ------===//

#include "dialects/exec/Exec.h"
#include "dialects/exec/Syntax.h"

using namespace mlir;
using namespace exec;

LogicalResult GlobalOp::verify() {
  if (!isa<BufferType, StructType>(getType())) // C1
    return emitOpError() << "has type " << getType() << ", which is no memory";
  if (getOffset() && int64_t(*getOffset()) % alignment != 0) // C2
    return emitOpError() << "lies at " << *getOffset() << ", which is no multiple of " << alignment;
  return success();
}

LogicalResult AddressOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto global = symbols.lookupNearestSymbolFrom<GlobalOp>(*this, getGlobalAttr());
  if (!global) // C1
    return emitOpError() << "'" << getGlobal() << "' is not a global of this module";
  if (global.getType() != getType())
    return emitOpError() << "has type " << getType() << ", the global has " << global.getType();
  return success();
}

LogicalResult BufferOp::verify() {
  auto buffer = dyn_cast<BufferType>(getType());
  if (buffer && !buffer.isDense()) // C1
    return emitOpError() << "has type " << getType() << ", which leaves gaps";
  if (!getOffset())
    return success();
  if (int64_t(*getOffset()) % alignment != 0) // C2
    return emitOpError() << "lies at " << *getOffset() << ", which is no multiple of " << alignment;
  std::optional<int64_t> frame = (*this)->getParentOfType<FuncOp>().getFrame();
  int64_t end = int64_t(*getOffset()) + bytesOf(getType());
  if (frame && end > *frame)
    return emitOpError() << "ends at " << end << ", the frame has " << *frame << " bytes";
  return success();
}

LogicalResult ViewOp::verify() {
  BufferType from = getOperand().getType(), to = getType();
  if (from.getElementType() != to.getElementType()) // C1
    return emitOpError() << "views " << from.getElementType() << " as " << to.getElementType();
  RankAttr start = getStart();
  if (start.isConstant() &&
      (start.getConstant() < 0 || start.getConstant() + to.getExtent() > from.getExtent())) // C2
    return emitOpError() << "reaches element " << start.getConstant() + to.getExtent() << " of "
                         << from.getExtent();
  return success();
}

//===-- field, pack --------------------------------------------------------===//

void FieldOp::build(OpBuilder &builder, OperationState &state, Value operand, StringRef field) {
  auto type = cast<StructType>(operand.getType());
  StringAttr name = builder.getStringAttr(field);
  state.addOperands(operand);
  state.addAttribute(getFieldAttrName(state.name), name);
  state.addTypes(type.getTypes()[type.indexOf(name)]);
}

ParseResult FieldOp::parse(OpAsmParser &parser, OperationState &state) {
  OpAsmParser::UnresolvedOperand operand;
  std::string name;
  Type type;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseOperand(operand) || parser.parseString(&name) ||
      parser.parseOptionalAttrDict(state.attributes) || parser.parseColonType(type) ||
      parser.resolveOperand(operand, type, state.operands))
    return failure();
  StringAttr field = parser.getBuilder().getStringAttr(name);
  state.addAttribute(getFieldAttrName(state.name), field);
  auto bundle = dyn_cast<StructType>(type);
  int index = bundle ? bundle.indexOf(field) : -1;
  if (index < 0) // C1
    return parser.emitError(loc) << "'exec.field' op " << type << " has no field '" << field.getValue()
                                 << "'";
  state.addTypes(bundle.getTypes()[index]);
  return success();
}

void FieldOp::print(OpAsmPrinter &printer) {
  printer << ' ' << getOperand() << ' ' << getFieldAttr();
  printer.printOptionalAttrDict((*this)->getAttrs(), {getFieldAttrName()});
  printer << " : " << getOperand().getType();
}

LogicalResult FieldOp::verify() {
  StructType bundle = getOperand().getType();
  int index = bundle.indexOf(getFieldAttr());
  if (index < 0 || bundle.getTypes()[index] != getType()) // C1
    return emitOpError() << "takes field '" << getField() << "' of type " << getType() << ", the struct is "
                         << bundle;
  return success();
}

ParseResult PackOp::parse(OpAsmParser &parser, OperationState &state) {
  SmallVector<OpAsmParser::UnresolvedOperand> operands;
  Type type;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseOperandList(operands, AsmParser::Delimiter::Paren) ||
      parser.parseOptionalAttrDict(state.attributes) || parser.parseColonType(type))
    return failure();
  auto bundle = dyn_cast<StructType>(type);
  if (!bundle)
    return parser.emitError(loc, "expected a struct type");
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
    return emitOpError() << "operands (" << getOperandTypes() << ") differ from the fields of " << getType();
  return success();
}

//===-- input, key ---------------------------------------------------------===//

static bool isScalarI64(BufferType type) {
  return type.isScalar() && type.getElementType().isInteger(64);
}

LogicalResult InputOp::verify() {
  if (!isScalarI64(getFirst().getType()) || !isScalarI64(getSince().getType())) // C1
    return emitOpError() << "sample numbers must be i64 scalars";
  BufferType all = getOperand().getType(), one = getType();
  if (all.getAxes().empty() || all.getAxes()[0].getName() != "slot" ||
      all.getAxes().drop_front() != one.getAxes()) // C2
    return emitOpError() << "the result must be " << all << " without its first axis, 'slot'";
  return success();
}

void InputOp::getAccesses(SmallVectorImpl<Access> &accesses) {
  accesses.push_back({getFirst(), Mode::in});
  accesses.push_back({getSince(), Mode::in});
}

LogicalResult KeyOp::verify() {
  if (!isScalarI64(getStep().getType()) || !isScalarI64(getFirstSample().getType())) // C1
    return emitOpError() << "step and first sample must be i64 scalars";
  return success();
}

void KeyOp::getAccesses(SmallVectorImpl<Access> &accesses) {
  accesses.push_back({getStep(), Mode::in});
  accesses.push_back({getFirstSample(), Mode::in});
}
