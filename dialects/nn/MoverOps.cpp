//===- MoverOps.cpp - rename, split, merge, slice, concat, unstack, stack, detach ===//
//
// Other names for the same numbers. Each carries placements of the axes it leaves alone, and a partial,
// through.
//
//===----------------------------------------------------------------------===//

#include "dialects/nn/Nn.h"

using namespace mlir;
using namespace nn;

static SmallVector<StringAttr> namesIn(ArrayAttr names) {
  return llvm::to_vector(names.getAsRange<StringAttr>());
}

static SmallVector<StringAttr> splitAxesWithout(Operation *op, ArrayRef<StringAttr> fixed) {
  SmallVector<StringAttr> axes = axesOfOperandsAndResults(op);
  llvm::erase_if(axes, [&](StringAttr name) { return llvm::is_contained(fixed, name); });
  return axes;
}

/// Gives `result` (axes in its own order) the placements of `expected`, after checking that both have the
/// same axes.
static FailureOr<NamedTensorType> adopt(NamedTensorType result, ArrayRef<AxisAttr> expected,
                                        PartialAttr partial, EmitError error) {
  SmallVector<AxisAttr> axes;
  for (AxisAttr axis : result.getAxes()) {
    const AxisAttr *found =
        llvm::find_if(expected, [&](AxisAttr e) { return e.getName() == axis.getName(); });
    if (found == expected.end() || found->getSize() != axis.getSize())
      return fail(error,
                  "the result has axis " + toString(axis) + ", which does not follow from the operand");
    axes.push_back(*found);
  }
  if (axes.size() != expected.size())
    return fail(error, "the result lacks an axis of the operand");
  return NamedTensorType::get(result.getElementType(), axes, partial);
}

static LogicalResult inferOne(SmallVectorImpl<Type> &results, size_t index, ArrayRef<AxisAttr> expected,
                              PartialAttr partial, EmitError error) {
  FailureOr<NamedTensorType> type = adopt(cast<NamedTensorType>(results[index]), expected, partial, error);
  if (failed(type))
    return failure();
  results[index] = *type;
  return success();
}

static LogicalResult mustBeWhole(AxisAttr axis, EmitError error) {
  return axis.isPlaced() ? fail(error, "axis " + toString(axis) + " must be whole here") : success();
}

/// All operands are the same in axes (apart from those that `differs` names) and in their partial.
static LogicalResult checkAlike(ArrayRef<Type> operands, EmitError error) {
  for (Type type : operands)
    if (cast<NamedTensorType>(type).getPartial() != cast<NamedTensorType>(operands[0]).getPartial())
      return fail(error, "operands are partial in different ways: reduce first"); // C4
  return success();
}

//===-- rename -------------------------------------------------------------===//

SmallVector<StringAttr> RenameOp::getSplitAxes() {
  return cast<NamedTensorType>(getOperand().getType()).names();
}

LogicalResult RenameOp::inferLayouts(ArrayRef<Type> operands, SmallVectorImpl<Type> &results,
                                     EmitError error) {
  auto operand = cast<NamedTensorType>(operands[0]);
  if (!operand.has(getFromAttr())) // C1
    return fail(error, "renames " + quoted(getFromAttr()) + ", which the operand lacks");
  if (operand.has(getToAttr()))
    return fail(error, "renames to " + quoted(getToAttr()) + ", which the operand has already");
  SmallVector<AxisAttr> axes = llvm::map_to_vector(operand.getAxes(), [&](AxisAttr axis) {
    return axis.getName() == getFromAttr() ? axis.withName(getToAttr()) : axis;
  });
  return inferOne(results, 0, axes, operand.getPartial(), error); // C2
}
LogicalResult RenameOp::verify() {
  return verifyLayouts(*this);
}

//===-- split and merge ----------------------------------------------------===//

/// The parts of `axis`: sizes from `type`, the placement of the whole on the major part.
static LogicalResult checkParts(AxisAttr axis, ArrayRef<AxisAttr> parts, EmitError error) {
  int64_t product = 1;
  for (AxisAttr part : parts)
    product *= part.getSize();
  if (product != axis.getSize())
    return fail(error, "the parts of " + toString(axis) + " multiply to " + Twine(product));
  return success();
}

SmallVector<StringAttr> SplitOp::getSplitAxes() { // C3: the minor parts stay whole
  SmallVector<StringAttr> minor = namesIn(getParts());
  return splitAxesWithout(*this, minor);
}

LogicalResult SplitOp::inferLayouts(ArrayRef<Type> operands, SmallVectorImpl<Type> &results,
                                    EmitError error) {
  auto operand = cast<NamedTensorType>(operands[0]), result = cast<NamedTensorType>(results[0]);
  AxisAttr whole = operand.find(getAxisAttr());
  if (!whole) // C1
    return fail(error, "splits " + quoted(getAxisAttr()) + ", which the operand lacks");
  SmallVector<AxisAttr> parts;
  for (StringAttr name : namesIn(getParts())) {
    AxisAttr part = result.find(name);
    if (!part || operand.has(name))
      return fail(error, "part " + quoted(name) + " must be an axis of the result only");
    parts.push_back(part.withMesh(parts.empty() ? whole.getMesh() : ArrayRef<StringAttr>()));
  }
  if (failed(checkParts(whole, parts, error)))
    return failure();
  SmallVector<AxisAttr> axes;
  for (AxisAttr axis : operand.getAxes()) // C2
    if (axis != whole)
      axes.push_back(axis);
  llvm::append_range(axes, parts);
  return inferOne(results, 0, axes, operand.getPartial(), error);
}
LogicalResult SplitOp::verify() {
  return verifyLayouts(*this);
}

SmallVector<StringAttr> MergeOp::getSplitAxes() {
  SmallVector<StringAttr> fixed = namesIn(getParts());
  if (!fixed.empty())
    fixed.erase(fixed.begin()); // the major part can be placed
  fixed.push_back(getAxisAttr());
  return splitAxesWithout(*this, fixed);
}

LogicalResult MergeOp::inferLayouts(ArrayRef<Type> operands, SmallVectorImpl<Type> &results,
                                    EmitError error) {
  auto operand = cast<NamedTensorType>(operands[0]), result = cast<NamedTensorType>(results[0]);
  SmallVector<AxisAttr> parts, axes;
  for (StringAttr name : namesIn(getParts())) { // C1
    AxisAttr part = operand.find(name);
    if (!part)
      return fail(error, "merges " + quoted(name) + ", which the operand lacks");
    if (!parts.empty() && failed(mustBeWhole(part, error))) // C3
      return failure();
    parts.push_back(part);
  }
  AxisAttr whole = result.find(getAxisAttr());
  if (!whole || operand.has(getAxisAttr()) || parts.empty())
    return fail(error, "merges into " + quoted(getAxisAttr()) + ", which must be an axis of the result only");
  if (failed(checkParts(whole, parts, error)))
    return failure();
  for (AxisAttr axis : operand.getAxes()) // C2
    if (!llvm::is_contained(parts, axis))
      axes.push_back(axis);
  axes.push_back(whole.withMesh(parts.front().getMesh()));
  return inferOne(results, 0, axes, operand.getPartial(), error);
}
LogicalResult MergeOp::verify() {
  return verifyLayouts(*this);
}

//===-- slice and concat ---------------------------------------------------===//

SmallVector<StringAttr> SliceOp::getSplitAxes() {
  SmallVector<StringAttr> fixed = namesIn(getParts());
  fixed.push_back(getAxisAttr());
  return splitAxesWithout(*this, fixed);
}

LogicalResult SliceOp::inferLayouts(ArrayRef<Type> operands, SmallVectorImpl<Type> &results,
                                    EmitError error) {
  auto operand = cast<NamedTensorType>(operands[0]);
  SmallVector<StringAttr> parts = namesIn(getParts());
  AxisAttr whole = operand.find(getAxisAttr());
  if (!whole || parts.size() != results.size()) // C1
    return fail(error, "slices " + quoted(getAxisAttr()) + " into " + Twine(parts.size()) + " parts for " +
                           Twine(results.size()) + " results; the axis must be the operand's");
  if (failed(mustBeWhole(whole, error))) // C3
    return failure();
  int64_t total = 0;
  for (auto [index, name] : llvm::enumerate(parts)) {
    AxisAttr part = cast<NamedTensorType>(results[index]).find(name);
    if (!part)
      return fail(error, "result #" + Twine(index) + " lacks its part " + quoted(name));
    total += part.getSize();
    SmallVector<AxisAttr> axes = llvm::map_to_vector(
        operand.getAxes(), [&](AxisAttr axis) { return axis == whole ? part.withMesh({}) : axis; });
    if (failed(inferOne(results, index, axes, operand.getPartial(), error))) // C2
      return failure();
  }
  if (total != whole.getSize())
    return fail(error, "the parts of " + toString(whole) + " add up to " + Twine(total));
  return success();
}
LogicalResult SliceOp::verify() {
  return verifyLayouts(*this);
}

SmallVector<StringAttr> ConcatOp::getSplitAxes() {
  SmallVector<StringAttr> fixed = namesIn(getParts());
  fixed.push_back(getAxisAttr());
  return splitAxesWithout(*this, fixed);
}

LogicalResult ConcatOp::inferLayouts(ArrayRef<Type> operands, SmallVectorImpl<Type> &results,
                                     EmitError error) {
  SmallVector<StringAttr> parts = namesIn(getParts());
  AxisAttr whole = cast<NamedTensorType>(results[0]).find(getAxisAttr());
  if (!whole || parts.size() != operands.size() || parts.empty()) // C1
    return fail(error, "joins " + Twine(operands.size()) + " operands with " + Twine(parts.size()) +
                           " parts into " + quoted(getAxisAttr()) + ", which must be the result's");
  if (failed(checkAlike(operands, error)))
    return failure();
  int64_t total = 0;
  NamedTensorType stated = cast<NamedTensorType>(results[0]), inferred;
  for (auto [index, name] : llvm::enumerate(parts)) {
    auto operand = cast<NamedTensorType>(operands[index]);
    AxisAttr part = operand.find(name);
    if (!part)
      return fail(error, "operand #" + Twine(index) + " lacks its part " + quoted(name));
    if (failed(mustBeWhole(part, error))) // C3
      return failure();
    total += part.getSize();
    SmallVector<AxisAttr> axes = llvm::map_to_vector(
        operand.getAxes(), [&](AxisAttr axis) { return axis == part ? whole.withMesh({}) : axis; });
    FailureOr<NamedTensorType> type = adopt(stated, axes, operand.getPartial(), error);
    if (failed(type))
      return failure();
    if (inferred && inferred != *type) // C2
      return fail(error, "operand #" + Twine(index) + " (" + toString(operand) +
                             ") differs from operand #0 in its other axes");
    inferred = *type;
  }
  if (total != whole.getSize())
    return fail(error, "the parts of " + toString(whole) + " add up to " + Twine(total));
  results[0] = inferred;
  return success();
}
LogicalResult ConcatOp::verify() {
  return verifyLayouts(*this);
}

//===-- unstack and stack --------------------------------------------------===//

SmallVector<StringAttr> UnstackOp::getSplitAxes() {
  return splitAxesWithout(*this, {getAxisAttr()});
}

LogicalResult UnstackOp::inferLayouts(ArrayRef<Type> operands, SmallVectorImpl<Type> &results,
                                      EmitError error) {
  auto operand = cast<NamedTensorType>(operands[0]);
  AxisAttr stacked = operand.find(getAxisAttr());
  if (!stacked || stacked.getSize() != static_cast<int64_t>(results.size())) // C1
    return fail(error, "has " + Twine(results.size()) + " results for axis " +
                           (stacked ? toString(stacked) : quoted(getAxisAttr())));
  if (failed(mustBeWhole(stacked, error))) // C3
    return failure();
  SmallVector<AxisAttr> axes(operand.getAxes());
  llvm::erase(axes, stacked);
  for (size_t index = 0; index < results.size(); ++index) // C2
    if (failed(inferOne(results, index, axes, operand.getPartial(), error)))
      return failure();
  return success();
}
LogicalResult UnstackOp::verify() {
  return verifyLayouts(*this);
}

SmallVector<StringAttr> StackOp::getSplitAxes() {
  return splitAxesWithout(*this, {getAxisAttr()});
}

LogicalResult StackOp::inferLayouts(ArrayRef<Type> operands, SmallVectorImpl<Type> &results,
                                    EmitError error) {
  AxisAttr stacked = cast<NamedTensorType>(results[0]).find(getAxisAttr());
  if (!stacked || operands.empty() || stacked.getSize() != static_cast<int64_t>(operands.size())) // C1
    return fail(error, "has " + Twine(operands.size()) + " operands for axis " +
                           (stacked ? toString(stacked) : quoted(getAxisAttr())));
  if (failed(checkAlike(operands, error)))
    return failure();
  NamedTensorType stated = cast<NamedTensorType>(results[0]), inferred;
  for (auto [index, type] : llvm::enumerate(operands)) { // C2, C3
    auto operand = cast<NamedTensorType>(type);
    SmallVector<AxisAttr> axes(operand.getAxes());
    axes.push_back(stacked.withMesh({}));
    FailureOr<NamedTensorType> result = adopt(stated, axes, operand.getPartial(), error);
    if (failed(result))
      return failure();
    if (inferred && inferred != *result)
      return fail(error, "operand #" + Twine(index) + " (" + toString(operand) + ") differs from operand #0");
    inferred = *result;
  }
  results[0] = inferred;
  return success();
}
LogicalResult StackOp::verify() {
  return verifyLayouts(*this);
}

//===-- detach -------------------------------------------------------------===//

LogicalResult DetachOp::inferLayouts(ArrayRef<Type> operands, SmallVectorImpl<Type> &results,
                                     EmitError error) {
  auto operand = cast<NamedTensorType>(operands[0]);
  return inferOne(results, 0, operand.getAxes(), operand.getPartial(), error); // C1
}
LogicalResult DetachOp::verify() {
  return verifyLayouts(*this);
}
