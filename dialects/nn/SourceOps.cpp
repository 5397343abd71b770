//===- SourceOps.cpp - input, iota, random, dropout -----------------------===//

#include "dialects/nn/Nn.h"

using namespace mlir;
using namespace nn;

// A source has no home: its result lies where its type says, and holds no partial.
static LogicalResult inferSource(ArrayRef<Type> results, EmitError error) {
  auto result = cast<NamedTensorType>(results[0]);
  return result.getPartial() ? fail(error, "the result of a source can't be partial") : success();
}

bool InputOp::hasNoHome() {
  return true;
}
LogicalResult InputOp::inferLayouts(ArrayRef<Type>, SmallVectorImpl<Type> &results, EmitError error) {
  return inferSource(results, error);
}
LogicalResult InputOp::verify() {
  auto first = getFirstSample().getType();
  if (!first.isScalar() || !first.getElementType().isInteger(64)) // C1
    return emitOpError() << "the first sample must be an i64 scalar";
  if (!getType().has(StringAttr::get(getContext(), "batch"))) // C2
    return emitOpError() << "the result must have an axis 'batch'";
  return verifyLayouts(*this);
}

bool IotaOp::hasNoHome() {
  return true;
}
LogicalResult IotaOp::inferLayouts(ArrayRef<Type>, SmallVectorImpl<Type> &results, EmitError error) {
  return inferSource(results, error);
}
LogicalResult IotaOp::verify() {
  if (!isa<IntegerType>(getType().getElementType())) // C1
    return emitOpError() << "the result must be an integer tensor";
  return verifyLayouts(*this);
}

bool RandomOp::hasNoHome() {
  return true;
}
LogicalResult RandomOp::inferLayouts(ArrayRef<Type>, SmallVectorImpl<Type> &results, EmitError error) {
  return inferSource(results, error);
}
LogicalResult RandomOp::verify() {
  if (!isa<FloatType>(getType().getElementType())) // C1
    return emitOpError() << "the result must be a float tensor";
  return verifyLayouts(*this);
}

LogicalResult DropoutOp::inferLayouts(ArrayRef<Type> operands, SmallVectorImpl<Type> &results,
                                      EmitError error) {
  auto operand = cast<NamedTensorType>(operands[0]), result = cast<NamedTensorType>(results[0]);
  if (failed(rejectPartials(operands, error))) // C3
    return failure();
  IterationSpace space(error);
  FailureOr<NamedTensorType> type = failure();
  if (failed(space.add(operand, 0)) || failed(type = space.resultType(result)))
    return failure();
  if (type->names() != operand.names() || type->getElementType() != operand.getElementType()) // C2
    return fail(error, "the result's type must be the operand's");
  results[0] = *type;
  return success();
}
LogicalResult DropoutOp::verify() {
  double p = getP().convertToDouble();
  if (!(p >= 0 && p < 1)) // C1
    return emitOpError() << "p is " << p << ", it must be at least 0 and below 1";
  return verifyLayouts(*this);
}
