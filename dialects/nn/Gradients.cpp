//===- Gradients.cpp - the gradients of all ops but map -------------------===//

#include "dialects/nn/Build.h"

using namespace mlir;
using namespace nn;

static NamedTensorType tensorType(Value value) {
  return cast<NamedTensorType>(value.getType());
}

//===-- computations -------------------------------------------------------===//

/// The gradient of one factor: fold what the other factor and the result's gradient have and it has not.
static Value factorGradient(OpBuilder &builder, ContractOp op, Value factor, Value other, Value resultGrad) {
  return builder.create<ContractOp>(gradientLoc(op, factor), factor.getType(), resultGrad, other,
                                    axesWithout(tensorType(other), tensorType(factor)));
}

LogicalResult ContractOp::buildGradients(OpBuilder &builder, ValueRange operands, ValueRange,
                                         ArrayRef<Value> resultGrads, ArrayRef<bool> needed,
                                         MutableArrayRef<Value> operandGrads) {
  for (unsigned index : {0, 1})
    if (needed[index] && resultGrads[0])
      operandGrads[index] =
          factorGradient(builder, *this, operands[index], operands[1 - index], resultGrads[0]);
  return success();
}

/// 1 where the operand is the maximum, else 0.
static Value maximumMask(OpBuilder &builder, Location loc, Value operand, Value maximum) {
  auto isMaximum = [](OpBuilder &body, Location loc, ValueRange in) -> SmallVector<Value> {
    Value hit = body.create<arith::CmpFOp>(loc, arith::CmpFPredicate::OEQ, in[0], in[1]);
    Type type = in[0].getType();
    Value one = body.create<arith::ConstantOp>(loc, body.getFloatAttr(type, 1));
    Value zero = body.create<arith::ConstantOp>(loc, body.getFloatAttr(type, 0));
    return {body.create<arith::SelectOp>(loc, hit, one, zero)};
  };
  return builder.create<MapOp>(loc, TypeRange(operand.getType()), ValueRange{operand, maximum}, isMaximum)
      .getResult(0);
}

LogicalResult ReduceOp::buildGradients(OpBuilder &builder, ValueRange operands, ValueRange results,
                                       ArrayRef<Value> resultGrads, ArrayRef<bool> needed,
                                       MutableArrayRef<Value> operandGrads) {
  if (!needed[0] || !resultGrads[0])
    return success();
  Location loc = gradientLoc(*this, operands[0]);
  if (getKind() == ReductionKind::sum) {
    operandGrads[0] = buildBroadcast(builder, loc, resultGrads[0], tensorType(operands[0]));
    return success();
  }
  // Equal maxima share the gradient equally.
  Value mask = maximumMask(builder, named(loc, "is_max"), operands[0], results[0]);
  Value count =
      builder.create<ReduceOp>(named(loc, "ties"), results[0].getType(), ReductionKind::sum, mask, getOver());
  auto share = [](OpBuilder &body, Location loc, ValueRange in) -> SmallVector<Value> {
    Value part = body.create<arith::DivFOp>(loc, in[2], in[1]);
    return {body.create<arith::MulFOp>(loc, in[0], part)};
  };
  operandGrads[0] = builder
                        .create<MapOp>(loc, TypeRange(operands[0].getType()),
                                       ValueRange{mask, count, resultGrads[0]}, share)
                        .getResult(0);
  return success();
}

LogicalResult GatherOp::buildGradients(OpBuilder &builder, ValueRange operands, ValueRange,
                                       ArrayRef<Value> resultGrads, ArrayRef<bool> needed,
                                       MutableArrayRef<Value> operandGrads) {
  if (needed[0] && resultGrads[0])
    operandGrads[0] = builder.create<ScatterAddOp>(gradientLoc(*this, operands[0]), operands[0].getType(),
                                                   resultGrads[0], operands[1], getAxisAttr());
  return success();
}

LogicalResult ScatterAddOp::buildGradients(OpBuilder &builder, ValueRange operands, ValueRange,
                                           ArrayRef<Value> resultGrads, ArrayRef<bool> needed,
                                           MutableArrayRef<Value> operandGrads) {
  if (!needed[0] || !resultGrads[0])
    return success();
  // Axes of the updates that were summed away are repeated.
  NamedTensorType updates = tensorType(operands[0]), index = tensorType(operands[1]);
  SmallVector<AxisAttr> gathered;
  for (AxisAttr axis : updates.getAxes())
    if (index.has(axis.getName()) || getType().has(axis.getName()))
      gathered.push_back(axis);
  Location loc = gradientLoc(*this, operands[0]);
  Value entries =
      builder.create<GatherOp>(loc, updates.withAxes(gathered), resultGrads[0], operands[1], getAxisAttr());
  operandGrads[0] = buildBroadcast(builder, loc, entries, updates);
  return success();
}

//===-- attention and positions --------------------------------------------===//

LogicalResult AttentionOp::buildGradients(OpBuilder &builder, ValueRange operands, ValueRange results,
                                          ArrayRef<Value> resultGrads, ArrayRef<bool> needed,
                                          MutableArrayRef<Value> operandGrads) {
  if (resultGrads[1])
    return emitOpError() << "gives 'lse' for its gradient only: nothing flows back through it";
  if (!resultGrads[0] || !(needed[0] || needed[1] || needed[2]))
    return success();
  SmallVector<Value> inputs(operands.take_front(3));
  inputs.append({results[0], results[1], resultGrads[0]});
  llvm::append_range(inputs, operands.drop_front(3)); // the random key
  auto backward = builder.create<AttentionBackwardOp>(getLoc(), operands.take_front(3).getTypes(), inputs,
                                                      (*this)->getAttrs());
  for (unsigned index : {0, 1, 2})
    if (needed[index])
      operandGrads[index] = backward.getResult(index);
  return success();
}

LogicalResult RopeOp::buildGradients(OpBuilder &builder, ValueRange operands, ValueRange,
                                     ArrayRef<Value> resultGrads, ArrayRef<bool> needed,
                                     MutableArrayRef<Value> operandGrads) {
  if (!needed[0] || !resultGrads[0])
    return success();
  auto turnedBack = builder.create<RopeOp>(gradientLoc(*this, operands[0]), TypeRange(operands[0].getType()),
                                           ValueRange{resultGrads[0], operands[1]}, (*this)->getAttrs());
  turnedBack.setInverse(!getInverse());
  operandGrads[0] = turnedBack;
  return success();
}

LogicalResult DropoutOp::buildGradients(OpBuilder &builder, ValueRange operands, ValueRange,
                                        ArrayRef<Value> resultGrads, ArrayRef<bool> needed,
                                        MutableArrayRef<Value> operandGrads) {
  if (needed[0] && resultGrads[0])
    operandGrads[0] =
        builder.create<DropoutOp>(gradientLoc(*this, operands[0]), TypeRange(operands[0].getType()),
                                  ValueRange{resultGrads[0], operands[1]}, (*this)->getAttrs());
  return success();
}

//===-- movers: the inverse mover ------------------------------------------===//

LogicalResult RenameOp::buildGradients(OpBuilder &builder, ValueRange operands, ValueRange,
                                       ArrayRef<Value> resultGrads, ArrayRef<bool> needed,
                                       MutableArrayRef<Value> operandGrads) {
  if (needed[0] && resultGrads[0])
    operandGrads[0] = builder.create<RenameOp>(gradientLoc(*this, operands[0]), operands[0].getType(),
                                               resultGrads[0], getToAttr(), getFromAttr());
  return success();
}

LogicalResult SplitOp::buildGradients(OpBuilder &builder, ValueRange operands, ValueRange,
                                      ArrayRef<Value> resultGrads, ArrayRef<bool> needed,
                                      MutableArrayRef<Value> operandGrads) {
  if (needed[0] && resultGrads[0])
    operandGrads[0] = builder.create<MergeOp>(gradientLoc(*this, operands[0]), operands[0].getType(),
                                              resultGrads[0], getParts(), getAxisAttr());
  return success();
}

LogicalResult MergeOp::buildGradients(OpBuilder &builder, ValueRange operands, ValueRange,
                                      ArrayRef<Value> resultGrads, ArrayRef<bool> needed,
                                      MutableArrayRef<Value> operandGrads) {
  if (needed[0] && resultGrads[0])
    operandGrads[0] = builder.create<SplitOp>(gradientLoc(*this, operands[0]), operands[0].getType(),
                                              resultGrads[0], getAxisAttr(), getParts());
  return success();
}

/// The gradients of all results of `op`; zeros where nothing flows back.
static SmallVector<Value> withZeros(OpBuilder &builder, Operation *op, ArrayRef<Value> resultGrads) {
  SmallVector<Value> filled(resultGrads);
  for (auto [gradient, result] : llvm::zip(filled, op->getResults()))
    if (!gradient)
      gradient = buildFill(builder, named(op->getLoc(), "zero"), tensorType(result), 0);
  return filled;
}

static bool anyOf(ArrayRef<Value> values) {
  return llvm::any_of(values, [](Value value) { return value != nullptr; });
}

LogicalResult SliceOp::buildGradients(OpBuilder &builder, ValueRange operands, ValueRange,
                                      ArrayRef<Value> resultGrads, ArrayRef<bool> needed,
                                      MutableArrayRef<Value> operandGrads) {
  if (needed[0] && anyOf(resultGrads))
    operandGrads[0] =
        builder.create<ConcatOp>(gradientLoc(*this, operands[0]), operands[0].getType(),
                                 withZeros(builder, *this, resultGrads), getParts(), getAxisAttr());
  return success();
}

LogicalResult ConcatOp::buildGradients(OpBuilder &builder, ValueRange operands, ValueRange,
                                       ArrayRef<Value> resultGrads, ArrayRef<bool> needed,
                                       MutableArrayRef<Value> operandGrads) {
  if (!resultGrads[0])
    return success();
  auto parts = builder.create<SliceOp>(gradientLoc(*this, getResult()), operands.getTypes(), resultGrads[0],
                                       getAxisAttr(), getParts());
  for (auto [index, part] : llvm::enumerate(parts.getResults()))
    if (needed[index])
      operandGrads[index] = part;
  return success();
}

LogicalResult UnstackOp::buildGradients(OpBuilder &builder, ValueRange operands, ValueRange,
                                        ArrayRef<Value> resultGrads, ArrayRef<bool> needed,
                                        MutableArrayRef<Value> operandGrads) {
  if (needed[0] && anyOf(resultGrads))
    operandGrads[0] = builder.create<StackOp>(gradientLoc(*this, operands[0]), operands[0].getType(),
                                              withZeros(builder, *this, resultGrads), getAxisAttr());
  return success();
}

LogicalResult StackOp::buildGradients(OpBuilder &builder, ValueRange operands, ValueRange,
                                      ArrayRef<Value> resultGrads, ArrayRef<bool> needed,
                                      MutableArrayRef<Value> operandGrads) {
  if (!resultGrads[0])
    return success();
  auto parts = builder.create<UnstackOp>(gradientLoc(*this, getResult()), operands.getTypes(), resultGrads[0],
                                         getAxisAttr());
  for (auto [index, part] : llvm::enumerate(parts.getResults()))
    if (needed[index])
      operandGrads[index] = part;
  return success();
}

LogicalResult DetachOp::buildGradients(OpBuilder &, ValueRange, ValueRange, ArrayRef<Value>, ArrayRef<bool>,
                                       MutableArrayRef<Value>) {
  return success(); // nothing flows back
}
