//===- AttentionOps.cpp - attention, its gradient, rotary positions -------===//

#include "dialects/nn/Nn.h"

using namespace mlir;
using namespace nn;

/// Axes of the value that it shares with neither key nor query: they pass to the result.
static SmallVector<StringAttr> valueOwnAxes(ArrayAttr over, NamedTensorType key, NamedTensorType value) {
  SmallVector<StringAttr> own;
  for (StringAttr name : value.names())
    if (!key.has(name) || contains(over, name))
      own.push_back(name);
  return own;
}

/// Axes of the result: the query's without `over`, then the value's own.
static SmallVector<StringAttr> attentionResultAxes(ArrayAttr over, NamedTensorType query, NamedTensorType key,
                                                   NamedTensorType value) {
  SmallVector<StringAttr> axes;
  for (StringAttr name : query.names())
    if (!contains(over, name))
      axes.push_back(name);
  llvm::append_range(axes, valueOwnAxes(over, key, value));
  return axes;
}

/// Dropout numbers the heads that a rank has one after the other, those that share a key within those that
/// don't: where several axes make up either, the first alone can be split.
template <typename Op>
static SmallVector<StringAttr> axesNumberedWithOthers(Op op, NamedTensorType query, NamedTensorType key) {
  SmallVector<StringAttr> axes;
  if (!op.getDropout() || op.getDropout()->isZero())
    return axes;
  bool hasFirst[] = {false, false}; // of the query's own axes; of those that it shares with the key
  for (AxisAttr axis : query.getAxes()) {
    StringAttr name = axis.getName();
    if (contains(op.getOver(), name) || name == op.getQueryAxisAttr() || plainName(name) == "batch")
      continue;
    if (hasFirst[key.has(name)])
      axes.push_back(name);
    hasFirst[key.has(name)] |= axis.getSize() > 1;
  }
  return axes;
}

/// What can't be split: `over`, the key's positions, the value's own axes and what is numbered with others.
template <typename Op> static SmallVector<StringAttr> attentionSplitAxes(Op op) {
  NamedTensorType query = op.getQuery().getType(), key = op.getKey().getType();
  auto own = valueOwnAxes(op.getOver(), key, op.getValue().getType());
  auto numbered = axesNumberedWithOthers(op, query, key);
  SmallVector<StringAttr> axes = axesOfOperandsAndResults(op);
  llvm::erase_if(axes, [&](StringAttr name) {
    return contains(op.getOver(), name) || name == op.getKeyAxisAttr() || llvm::is_contained(own, name) ||
           llvm::is_contained(numbered, name);
  });
  return axes;
}

static LogicalResult checkAxes(NamedTensorType type, ArrayRef<StringAttr> expected, StringRef what,
                               EmitError error) {
  bool same = type.getAxes().size() == expected.size() &&
              llvm::all_of(expected, [&](StringAttr name) { return type.has(name); });
  if (same)
    return success();
  std::string list = llvm::join(llvm::map_range(expected, [](StringAttr name) { return name.str(); }), ", ");
  return fail(error, Twine(what) + " is " + toString(type) + ", its axes must be [" + list + "]");
}

/// C1 to C6, shared by attention and its gradient.
template <typename Op>
static LogicalResult checkAttention(Op op, NamedTensorType query, NamedTensorType key, NamedTensorType value,
                                    EmitError error) {
  for (auto name : op.getOver().template getAsRange<StringAttr>()) // C1
    if (!query.has(name) || !key.has(name))
      return fail(error, "folds " + quoted(name) + ", which is not an axis of both query and key");
  StringAttr queryAxis = op.getQueryAxisAttr(), keyAxis = op.getKeyAxisAttr();
  if (!query.has(queryAxis) || key.has(queryAxis) || value.has(queryAxis)) // C2
    return fail(error, "the query axis " + quoted(queryAxis) + " must be the query's only");
  if (!key.has(keyAxis) || !value.has(keyAxis) || query.has(keyAxis))
    return fail(error, "the key axis " + quoted(keyAxis) + " must be the key's and the value's only");
  for (StringAttr name : key.names()) // C3
    if (name != keyAxis && !contains(op.getOver(), name) && (!query.has(name) || !value.has(name)))
      return fail(error, "the key's axis " + quoted(name) + " must be in query and value too");
  auto own = valueOwnAxes(op.getOver(), key, value);
  auto numbered = axesNumberedWithOthers(op, query, key);
  for (NamedTensorType type : {query, key, value}) // C4
    for (AxisAttr axis : type.getAxes())
      if (axis.isPlaced() && (contains(op.getOver(), axis.getName()) || axis.getName() == keyAxis ||
                              (type == value && llvm::is_contained(own, axis.getName())) ||
                              llvm::is_contained(numbered, axis.getName())))
        return fail(error, "axis " + toString(axis) + " must be whole here");
  if (op.getDropout() && (op.getDropout()->convertToDouble() < 0 || op.getDropout()->convertToDouble() >= 1))
    return fail(error, "dropout must be at least 0 and below 1");
  if (op.getDropout() && op.getDropout()->convertToDouble() > 0 && !op.getRandomKey()) // C6
    return fail(error, "dropout needs a random key");
  return success();
}

//===-- attention ----------------------------------------------------------===//

SmallVector<StringAttr> AttentionOp::getSplitAxes() {
  return attentionSplitAxes(*this);
}

LogicalResult AttentionOp::inferLayouts(ArrayRef<Type> operands, SmallVectorImpl<Type> &results,
                                        EmitError error) {
  auto query = cast<NamedTensorType>(operands[0]), key = cast<NamedTensorType>(operands[1]),
       value = cast<NamedTensorType>(operands[2]);
  SmallVector<StringAttr> resultAxes = attentionResultAxes(getOver(), query, key, value);
  SmallVector<StringAttr> lseAxes(query.names());
  llvm::erase_if(lseAxes, [&](StringAttr name) { return contains(getOver(), name); });
  if (failed(checkAttention(*this, query, key, value, error)) ||
      failed(rejectPartials(operands, error)) ||                                               // C5
      failed(checkAxes(cast<NamedTensorType>(results[0]), resultAxes, "the result", error)) || // C7
      failed(checkAxes(cast<NamedTensorType>(results[1]), lseAxes, "lse", error)))
    return failure();
  IterationSpace space(error);
  const NamedTensorType inputs[] = {query, key, value};
  for (auto [index, type] : llvm::enumerate(inputs))
    if (failed(space.add(type, index)))
      return failure();
  for (Type &type : results) {
    FailureOr<NamedTensorType> result = space.resultType(cast<NamedTensorType>(type));
    if (failed(result))
      return failure();
    type = *result;
  }
  return success();
}
LogicalResult AttentionOp::verify() {
  return verifyLayouts(*this);
}

//===-- attention_backward -------------------------------------------------===//

SmallVector<StringAttr> AttentionBackwardOp::getSplitAxes() {
  return attentionSplitAxes(*this);
}

LogicalResult AttentionBackwardOp::inferLayouts(ArrayRef<Type> operands, SmallVectorImpl<Type> &results,
                                                EmitError error) {
  auto query = cast<NamedTensorType>(operands[0]), key = cast<NamedTensorType>(operands[1]),
       value = cast<NamedTensorType>(operands[2]);
  SmallVector<StringAttr> outAxes = attentionResultAxes(getOver(), query, key, value);
  SmallVector<StringAttr> lseAxes(query.names());
  llvm::erase_if(lseAxes, [&](StringAttr name) { return contains(getOver(), name); });
  if (failed(checkAttention(*this, query, key, value, error)) || failed(rejectPartials(operands, error)) ||
      failed(checkAxes(cast<NamedTensorType>(operands[3]), outAxes, "out", error)) ||
      failed(checkAxes(cast<NamedTensorType>(operands[4]), lseAxes, "lse", error)) ||
      failed(checkAxes(cast<NamedTensorType>(operands[5]), outAxes, "d_out", error)))
    return failure();
  IterationSpace space(error);
  for (unsigned index = 0; index < 6; ++index)
    if (failed(space.add(cast<NamedTensorType>(operands[index]), index)))
      return failure();
  const NamedTensorType inputs[] = {query, key, value};
  const StringRef names[] = {"d_query", "d_key", "d_value"};
  for (auto [type, like, what] : llvm::zip(results, inputs, names)) {
    if (failed(checkAxes(cast<NamedTensorType>(type), like.names(), what, error)))
      return failure();
    FailureOr<NamedTensorType> result = space.resultType(cast<NamedTensorType>(type));
    if (failed(result))
      return failure();
    type = *result;
  }
  return success();
}
LogicalResult AttentionBackwardOp::verify() {
  return verifyLayouts(*this);
}

//===-- rope ---------------------------------------------------------------===//

SmallVector<StringAttr> RopeOp::getSplitAxes() {
  SmallVector<StringAttr> axes = axesOfOperandsAndResults(*this);
  llvm::erase(axes, getOverAttr());
  return axes;
}

LogicalResult RopeOp::inferLayouts(ArrayRef<Type> operands, SmallVectorImpl<Type> &results, EmitError error) {
  auto operand = cast<NamedTensorType>(operands[0]), positions = cast<NamedTensorType>(operands[1]);
  AxisAttr over = operand.find(getOverAttr());
  if (!over) // C1
    return fail(error, "rotates " + quoted(getOverAttr()) + ", which the operand lacks");
  if (over.getSize() % 2)
    return fail(error, "rotates " + toString(over) + ", whose size must be even");
  if (over.isPlaced())
    return fail(error, "axis " + toString(over) + " must be whole here");
  if (!positions.getElementType().isInteger(32)) // C2
    return fail(error, "positions must be i32");
  for (StringAttr name : positions.names())
    if (!operand.has(name) || name == getOverAttr())
      return fail(error, "the positions' axis " + quoted(name) +
                             " must be an axis of the operand that is not rotated");
  IterationSpace space(error);
  if (failed(space.add(operand, 0)) || failed(space.add(positions, 1)) ||
      failed(rejectPartials(operands, error))) // C3
    return failure();
  if (failed(checkAxes(cast<NamedTensorType>(results[0]), operand.names(), "the result", error))) // C4
    return failure();
  FailureOr<NamedTensorType> result = space.resultType(cast<NamedTensorType>(results[0]));
  if (failed(result))
    return failure();
  results[0] = *result;
  return success();
}
LogicalResult RopeOp::verify() {
  return verifyLayouts(*this);
}
