//===- ComputeOps.cpp - contract, map, reduce, gather, scatter_add --------===//
//
// Syntax of `map`, and for each op its constraints and where its results lie.
//
//===----------------------------------------------------------------------===//

#include "dialects/nn/Nn.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/OpImplementation.h"

using namespace mlir;
using namespace nn;

/// The result must have exactly the axes `expected` (in any order).
static LogicalResult checkResultAxes(NamedTensorType result, llvm::SmallSetVector<StringAttr, 8> expected,
                                     EmitError error) {
  for (AxisAttr axis : result.getAxes())
    if (!expected.remove(axis.getName()))
      return fail(error, "the result has axis " + quoted(axis.getName()) + ", which does not belong there");
  if (!expected.empty())
    return fail(error, "the result lacks axis " + quoted(expected[0]));
  return success();
}

/// Infers the single result of an op whose operands are `operands`, folding by `kind` what the result lacks.
static LogicalResult inferFromSpace(ArrayRef<Type> operands, SmallVectorImpl<Type> &results,
                                    ReductionKind kind, EmitError error) {
  IterationSpace space(error);
  for (auto [index, type] : llvm::enumerate(operands))
    if (failed(space.add(cast<NamedTensorType>(type), index)))
      return failure();
  FailureOr<NamedTensorType> result = space.resultType(cast<NamedTensorType>(results[0]), kind);
  if (failed(result))
    return failure();
  results[0] = *result;
  return success();
}

//===-- contract -----------------------------------------------------------===//

LogicalResult ContractOp::inferLayouts(ArrayRef<Type> operands, SmallVectorImpl<Type> &results,
                                       EmitError error) {
  auto lhs = cast<NamedTensorType>(operands[0]), rhs = cast<NamedTensorType>(operands[1]),
       result = cast<NamedTensorType>(results[0]);
  for (auto name : getOver().getAsRange<StringAttr>()) // C1
    if (!lhs.has(name) || !rhs.has(name))
      return fail(error, "folds " + quoted(name) + ", which is not an axis of both operands");
  llvm::SmallSetVector<StringAttr, 8> kept; // C2
  for (NamedTensorType type : {lhs, rhs})
    for (StringAttr name : type.names())
      if (!contains(getOver(), name))
        kept.insert(name);
  if (failed(checkResultAxes(result, kept, error)) || failed(rejectPartials(operands, error))) // C4
    return failure();
  if (lhs.getElementType() != rhs.getElementType()) // C5
    return fail(error, [&](InFlightDiagnostic &d) {
      d << "operands have element types " << lhs.getElementType() << " and " << rhs.getElementType();
    });
  return inferFromSpace(operands, results, ReductionKind::sum, error); // C3
}
LogicalResult ContractOp::verify() {
  return verifyLayouts(*this);
}

//===-- map ----------------------------------------------------------------===//

void MapOp::build(OpBuilder &builder, OperationState &state, TypeRange results, ValueRange operands,
                  function_ref<SmallVector<Value>(OpBuilder &, Location, ValueRange)> body) {
  state.addTypes(results);
  state.addOperands(operands);
  OpBuilder::InsertionGuard guard(builder);
  Region *region = state.addRegion();
  Block *block = builder.createBlock(region);
  for (Value operand : operands)
    block->addArgument(cast<NamedTensorType>(operand.getType()).getElementType(), state.location);
  SmallVector<Value> yielded = body(builder, state.location, block->getArguments());
  builder.create<YieldOp>(state.location, yielded);
}

/// `<f32[seq=4]>`: a tensor type without its mnemonic, as the other ops print it.
static ParseResult parseTensor(OpAsmParser &parser, SmallVectorImpl<Type> &types) {
  NamedTensorType type;
  if (parser.parseCustomTypeWithFallback(type))
    return failure();
  types.push_back(type);
  return success();
}

ParseResult MapOp::parse(OpAsmParser &parser, OperationState &state) {
  SmallVector<OpAsmParser::Argument> arguments;
  SmallVector<OpAsmParser::UnresolvedOperand> operands;
  SmallVector<Type> types;
  SMLoc loc = parser.getCurrentLocation();
  auto parseOne = [&]() -> ParseResult {
    return failure(parser.parseArgument(arguments.emplace_back()) || parser.parseEqual() ||
                   parser.parseOperand(operands.emplace_back()) || parser.parseColon() ||
                   parseTensor(parser, types));
  };
  if (parser.parseCommaSeparatedList(AsmParser::Delimiter::Paren, parseOne) ||
      parser.parseOptionalAttrDictWithKeyword(state.attributes) || parser.parseArrow() ||
      parser.parseCommaSeparatedList([&] { return parseTensor(parser, state.types); }))
    return failure();
  for (auto [argument, type] : llvm::zip(arguments, types)) {
    argument.type = cast<NamedTensorType>(type).getElementType();
    argument.sourceLoc =
        named(parser.getEncodedSourceLoc(argument.ssaName.location), argument.ssaName.name.drop_front(1));
  }
  return failure(parser.resolveOperands(operands, types, loc, state.operands) ||
                 parser.parseRegion(*state.addRegion(), arguments));
}

void MapOp::print(OpAsmPrinter &printer) {
  printer << " (";
  llvm::interleaveComma(llvm::zip(getBody().getArguments(), getOperands()), printer, [&](auto pair) {
    printer << std::get<0>(pair) << " = " << std::get<1>(pair) << " : ";
    printer.printStrippedAttrOrType(cast<NamedTensorType>(std::get<1>(pair).getType()));
  });
  printer << ")";
  printer.printOptionalAttrDictWithKeyword((*this)->getAttrs());
  printer << " -> ";
  llvm::interleaveComma(getResultTypes(), printer,
                        [&](Type type) { printer.printStrippedAttrOrType(cast<NamedTensorType>(type)); });
  printer << ' ';
  printer.printRegion(getBody(), /*printEntryBlockArgs=*/false, /*printBlockTerminators=*/true);
}

void MapOp::getAsmBlockArgumentNames(Region &region, OpAsmSetValueNameFn setName) {
  for (auto [index, argument] : llvm::enumerate(region.getArguments())) {
    StringRef name = nameOf(argument.getLoc());
    setName(argument, name.empty() || name == nameOf(getLoc())
                          ? StringRef("abcdefghijklmnopqrstuvwxyz").substr(index % 26, 1)
                          : name);
  }
}

/// All operands partial over the same mesh axes, or none; returns that partial.
static FailureOr<PartialAttr> commonPartial(ArrayRef<Type> operands, EmitError error) {
  PartialAttr common;
  for (auto [index, type] : llvm::enumerate(operands)) {
    PartialAttr partial = cast<NamedTensorType>(type).getPartial();
    if (index == 0)
      common = partial;
    if (partial != common)
      return fail(error, "operand #" + Twine(index) + " (" + toString(cast<NamedTensorType>(type)) +
                             ") is not partial in the way operand #0 is (" +
                             toString(cast<NamedTensorType>(operands[0])) + "): reduce first");
  }
  return common;
}

LogicalResult MapOp::inferLayouts(ArrayRef<Type> operands, SmallVectorImpl<Type> &results, EmitError error) {
  if (results.empty())
    return fail(error, "has no result");
  auto first = cast<NamedTensorType>(results[0]);
  for (Type type : results)
    if (cast<NamedTensorType>(type).names() != first.names())
      return fail(error, "results have different axes");
  IterationSpace space(error);
  for (auto [index, type] : llvm::enumerate(operands)) {
    auto tensor = cast<NamedTensorType>(type);
    for (StringAttr name : tensor.names()) // C2
      if (!first.has(name))
        return fail(error,
                    "operand #" + Twine(index) + " has axis " + quoted(name) + ", which the result lacks");
    if (failed(space.add(tensor, index))) // C3
      return failure();
  }
  FailureOr<PartialAttr> partial = commonPartial(operands, error); // C4
  if (failed(partial))
    return failure();
  Operation *culprit = nullptr;
  if (*partial && ((*partial).getKind() != ReductionKind::sum || !isLinear(getBody().front(), &culprit)))
    return fail(error, [&](InFlightDiagnostic &diagnostic) {
      diagnostic << "operands are partial (" << toString(cast<NamedTensorType>(operands[0]))
                 << ") and the region is not linear in them: they must be reduced first";
      if (culprit)
        diagnostic.attachNote(culprit->getLoc()) << "'" << culprit->getName() << "' is not linear";
    });
  for (Type &type : results) {
    FailureOr<NamedTensorType> result = space.resultType(cast<NamedTensorType>(type));
    if (failed(result))
      return failure();
    if (*partial)
      for (AxisAttr axis : result->getAxes())
        for (StringAttr mesh : axis.getMesh())
          if (llvm::is_contained((*partial).getMesh(), mesh))
            return fail(error, "mesh axis " + quoted(mesh) + " would be used twice in the result");
    // A fill may state that it is a partial zero or a share: it has no operand to follow.
    type = operands.empty() ? cast<NamedTensorType>(type) : result->withPartial(*partial);
  }
  return success();
}

LogicalResult MapOp::verify() {
  Block &body = getBody().front();
  if (body.getNumArguments() != getNumOperands()) // C1
    return emitOpError() << "has " << getNumOperands() << " operands and " << body.getNumArguments()
                         << " region arguments";
  for (auto [operand, argument] : llvm::zip(getOperands(), body.getArguments()))
    if (cast<NamedTensorType>(operand.getType()).getElementType() != argument.getType())
      return emitOpError() << "region argument of type " << argument.getType() << " for an operand of type "
                           << operand.getType();
  auto yield = cast<YieldOp>(body.getTerminator());
  if (yield.getNumOperands() != getNumResults())
    return emitOpError() << "yields " << yield.getNumOperands() << " values for " << getNumResults()
                         << " results";
  for (auto [value, type] : llvm::zip(yield.getOperands(), getResultTypes()))
    if (value.getType() != cast<NamedTensorType>(type).getElementType())
      return emitOpError() << "yields " << value.getType() << " for a result of type " << type;
  for (Operation &op : body.without_terminator()) // C5
    if (!isa<arith::ArithDialect, math::MathDialect>(op.getDialect()))
      return emitOpError() << "holds '" << op.getName() << "', only scalar arith and math ops may stand here";
  return verifyLayouts(*this);
}

//===-- reduce -------------------------------------------------------------===//

LogicalResult ReduceOp::inferLayouts(ArrayRef<Type> operands, SmallVectorImpl<Type> &results,
                                     EmitError error) {
  auto operand = cast<NamedTensorType>(operands[0]), result = cast<NamedTensorType>(results[0]);
  llvm::SmallSetVector<StringAttr, 8> kept;
  for (StringAttr name : operand.names())
    if (!contains(getOver(), name))
      kept.insert(name);
  for (auto name : getOver().getAsRange<StringAttr>()) // C1
    if (!operand.has(name))
      return fail(error, "folds " + quoted(name) + ", which is not an axis of the operand");
  if (failed(checkResultAxes(result, kept, error)) ||
      failed(inferFromSpace(operands, results, getKind(), error))) // C2
    return failure();
  if (PartialAttr partial = operand.getPartial()) { // C3
    if (partial.getKind() != getKind())
      return fail(error, "folds by '" + stringifyReductionKind(getKind()) +
                             "' an operand that is partial by '" + stringifyReductionKind(partial.getKind()) +
                             "' (" + toString(operand) + ")");
    auto inferred = cast<NamedTensorType>(results[0]);
    SmallVector<StringAttr> mesh(partial.getMesh());
    if (inferred.getPartial())
      llvm::append_range(mesh, inferred.getPartial().getMesh());
    results[0] = inferred.withPartial(makePartial(getContext(), getKind(), mesh));
  }
  return success();
}
LogicalResult ReduceOp::verify() {
  return verifyLayouts(*this);
}

//===-- gather and scatter_add ---------------------------------------------===//

static LogicalResult checkIndex(NamedTensorType index, EmitError error) {
  if (!index.getElementType().isInteger(32))
    return fail(error, [&](InFlightDiagnostic &d) {
      d << "index has element type " << index.getElementType() << ", it must be i32";
    });
  return success();
}

LogicalResult GatherOp::inferLayouts(ArrayRef<Type> operands, SmallVectorImpl<Type> &results,
                                     EmitError error) {
  auto table = cast<NamedTensorType>(operands[0]), index = cast<NamedTensorType>(operands[1]);
  StringAttr axis = getAxisAttr();
  if (!table.has(axis)) // C1
    return fail(error, "gathers along " + quoted(axis) + ", which the table lacks");
  if (index.has(axis))
    return fail(error, "gathers along " + quoted(axis) + ", which is an axis of the index too");
  llvm::SmallSetVector<StringAttr, 8> kept; // C3
  for (NamedTensorType type : {index, table})
    for (StringAttr name : type.names())
      if (name != axis)
        kept.insert(name);
  if (failed(checkIndex(index, error)) ||
      failed(checkResultAxes(cast<NamedTensorType>(results[0]), kept, error)) || // C2
      failed(rejectPartials(operands, error)))                                   // C5
    return failure();
  return inferFromSpace(operands, results, ReductionKind::sum, error); // C4
}
LogicalResult GatherOp::verify() {
  return verifyLayouts(*this);
}

SmallVector<StringAttr> ScatterAddOp::getSplitAxes() {
  return axesOfOperandsAndResults(*this);
}

LogicalResult ScatterAddOp::inferLayouts(ArrayRef<Type> operands, SmallVectorImpl<Type> &results,
                                         EmitError error) {
  auto updates = cast<NamedTensorType>(operands[0]), index = cast<NamedTensorType>(operands[1]);
  auto result = cast<NamedTensorType>(results[0]);
  StringAttr axis = getAxisAttr();
  if (!result.has(axis)) // C1
    return fail(error, "scatters along " + quoted(axis) + ", which the result lacks");
  if (updates.has(axis) || index.has(axis))
    return fail(error,
                "scatters along " + quoted(axis) + ", which is an axis of the updates or the index too");
  if (failed(checkIndex(index, error)) || failed(rejectPartials(operands, error))) // C2, C5
    return failure();
  for (StringAttr name : index.names())
    if (!updates.has(name))
      return fail(error, "the index has axis " + quoted(name) + ", which the updates lack");
  for (StringAttr name : result.names()) // C3
    if (name != axis && !updates.has(name))
      return fail(error, "the result has axis " + quoted(name) + ", which the updates lack");
  // C4; the result's own axis keeps the placement that it states.
  return inferFromSpace(operands, results, ReductionKind::sum, error);
}
LogicalResult ScatterAddOp::verify() {
  return verifyLayouts(*this);
}
