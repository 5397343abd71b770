//===- Ops.cpp - where each movement leaves its operand -------------------===//
//
// Each op infers its result's type from its operand's and its attributes; the verifier compares.
//
//===----------------------------------------------------------------------===//

#include "dialects/dist/Dist.h"
#include "dialects/nn/Syntax.h"

#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace dist;
using nn::AxisAttr;
using nn::EmitError;
using nn::fail;
using nn::NamedTensorType;
using nn::parseName;
using nn::parseNames;
using nn::PartialAttr;
using nn::printName;
using nn::printNames;
using nn::quoted;
using nn::ReductionKind;

#define GET_OP_CLASSES
#include "dialects/dist/DistOps.cpp.inc"

//===-- what the constraints have in common --------------------------------===//

static SmallVector<StringAttr> meshOf(ArrayAttr over) {
  return llvm::to_vector(over.getAsRange<StringAttr>());
}

/// C1 of every movement.
static LogicalResult checkOver(ArrayRef<StringAttr> over, EmitError error) {
  if (over.empty())
    return fail(error, "names no mesh axis");
  llvm::SmallDenseSet<StringAttr> seen;
  for (StringAttr meshAxis : over)
    if (!seen.insert(meshAxis).second)
      return fail(error, "names mesh axis " + quoted(meshAxis) + " twice");
  return success();
}

static LogicalResult checkPartialOver(NamedTensorType type, ArrayRef<StringAttr> over, ReductionKind kind,
                                      EmitError error) {
  PartialAttr partial = type.getPartial();
  for (StringAttr meshAxis : over)
    if (!partial || !llvm::is_contained(partial.getMesh(), meshAxis))
      return fail(error, "the operand (" + nn::toString(type) + ") is not partial over " + quoted(meshAxis));
  if (partial.getKind() != kind)
    return fail(error, "folds by '" + stringifyReductionKind(kind) + "' an operand that is partial by '" +
                           stringifyReductionKind(partial.getKind()) + "'");
  return success();
}

static LogicalResult checkFree(NamedTensorType type, ArrayRef<StringAttr> over, EmitError error) {
  for (StringAttr meshAxis : over) {
    if (PartialAttr partial = type.getPartial(); partial && llvm::is_contained(partial.getMesh(), meshAxis))
      return fail(error, "the operand (" + nn::toString(type) + ") is partial over " + quoted(meshAxis));
    for (AxisAttr axis : type.getAxes())
      if (llvm::is_contained(axis.getMesh(), meshAxis))
        return fail(error, "the operand (" + nn::toString(type) + ") is placed by " + quoted(meshAxis));
  }
  return success();
}

static FailureOr<AxisAttr> findAxis(NamedTensorType type, StringAttr name, EmitError error) {
  if (AxisAttr axis = type.find(name))
    return axis;
  return fail(error, "the operand (" + nn::toString(type) + ") has no axis " + quoted(name));
}

static NamedTensorType replaceAxis(NamedTensorType type, AxisAttr axis) {
  return type.withAxes(llvm::map_to_vector(
      type.getAxes(), [&](AxisAttr other) { return other.getName() == axis.getName() ? axis : other; }));
}

/// `type` with `over` appended, as minor-most, to what places `name`.
static FailureOr<NamedTensorType> placeAxis(NamedTensorType type, StringAttr name, ArrayRef<StringAttr> over,
                                            EmitError error) {
  FailureOr<AxisAttr> axis = findAxis(type, name, error);
  if (failed(axis))
    return failure();
  SmallVector<StringAttr> mesh(axis->getMesh());
  llvm::append_range(mesh, over);
  return replaceAxis(type, axis->withMesh(mesh));
}

/// `type` without `over`, the minor-most part of what places `name`.
static FailureOr<NamedTensorType> removeMinor(NamedTensorType type, StringAttr name,
                                              ArrayRef<StringAttr> over, EmitError error) {
  FailureOr<AxisAttr> axis = findAxis(type, name, error);
  if (failed(axis))
    return failure();
  ArrayRef<StringAttr> mesh = axis->getMesh();
  if (mesh.size() < over.size() || mesh.take_back(over.size()) != over)
    return nn::fail(error, [&](InFlightDiagnostic &diagnostic) {
      diagnostic << "[";
      llvm::interleaveComma(over, diagnostic,
                            [&](StringAttr meshAxis) { diagnostic << meshAxis.getValue(); });
      diagnostic << "] is not the minor-most part of what places axis " << nn::toString(*axis)
                 << ": moving a major part alone would reorder the data";
    });
  return replaceAxis(type, axis->withMesh(mesh.drop_back(over.size())));
}

static NamedTensorType removePartial(NamedTensorType type, ArrayRef<StringAttr> over) {
  SmallVector<StringAttr> rest;
  for (StringAttr meshAxis : type.getPartial().getMesh())
    if (!llvm::is_contained(over, meshAxis))
      rest.push_back(meshAxis);
  return type.withPartial(nn::makePartial(type.getContext(), type.getPartial().getKind(), rest));
}

template <typename Op> static LogicalResult verifyMove(Op op) {
  auto error = [&] { return op.emitOpError(); };
  FailureOr<NamedTensorType> inferred = op.inferType(op.getOperand().getType(), error);
  if (failed(inferred))
    return failure();
  if (*inferred != op.getType())
    return op.emitOpError() << "the result is " << nn::toString(op.getType()) << ", its operand makes it "
                            << nn::toString(*inferred);
  return success();
}

//===-- the movements ------------------------------------------------------===//

FailureOr<NamedTensorType> AllReduceOp::inferType(NamedTensorType operand, EmitError error) {
  SmallVector<StringAttr> over = meshOf(getOver());
  if (failed(checkOver(over, error)) ||                          // C1
      failed(checkPartialOver(operand, over, getKind(), error))) // C2
    return failure();
  return removePartial(operand, over); // C3
}

FailureOr<NamedTensorType> ReduceScatterOp::inferType(NamedTensorType operand, EmitError error) {
  SmallVector<StringAttr> over = meshOf(getOver());
  if (failed(checkOver(over, error)) ||                          // C1
      failed(checkPartialOver(operand, over, getKind(), error))) // C2
    return failure();
  return placeAxis(removePartial(operand, over), getAxisAttr(), over, error); // C3, C4
}

FailureOr<NamedTensorType> AllGatherOp::inferType(NamedTensorType operand, EmitError error) {
  SmallVector<StringAttr> over = meshOf(getOver());
  if (failed(checkOver(over, error))) // C1
    return failure();
  return removeMinor(operand, getAxisAttr(), over, error); // C2, C3
}

FailureOr<NamedTensorType> AllToAllOp::inferType(NamedTensorType operand, EmitError error) {
  SmallVector<StringAttr> over = meshOf(getOver());
  if (failed(checkOver(over, error))) // C1
    return failure();
  FailureOr<NamedTensorType> gathered = removeMinor(operand, getFromAttr(), over, error); // C2
  if (failed(gathered))
    return failure();
  if (getFromAttr() == getToAttr()) // C3
    return fail(error, "moves from axis " + quoted(getFromAttr()) + " to itself");
  return placeAxis(*gathered, getToAttr(), over, error); // C3, C4
}

FailureOr<NamedTensorType> ShardSliceOp::inferType(NamedTensorType operand, EmitError error) {
  SmallVector<StringAttr> over = meshOf(getOver());
  if (failed(checkOver(over, error)) ||        // C1
      failed(checkFree(operand, over, error))) // C2
    return failure();
  return placeAxis(operand, getAxisAttr(), over, error); // C3, C4
}

FailureOr<NamedTensorType> MaskOp::inferType(NamedTensorType operand, EmitError error) {
  SmallVector<StringAttr> over = meshOf(getOver());
  if (failed(checkOver(over, error)) ||        // C1
      failed(checkFree(operand, over, error))) // C2
    return failure();
  if (PartialAttr partial = operand.getPartial()) {
    if (partial.getKind() != ReductionKind::sum)
      return fail(error,
                  "the operand (" + nn::toString(operand) + ") is partial by 'max': zero is not neutral");
    llvm::append_range(over, partial.getMesh());
  }
  return operand.withPartial(nn::makePartial(getContext(), ReductionKind::sum, over)); // C3
}

LogicalResult AllReduceOp::verify() {
  return verifyMove(*this);
}
LogicalResult ReduceScatterOp::verify() {
  return verifyMove(*this);
}
LogicalResult AllGatherOp::verify() {
  return verifyMove(*this);
}
LogicalResult AllToAllOp::verify() {
  return verifyMove(*this);
}
LogicalResult ShardSliceOp::verify() {
  return verifyMove(*this);
}
LogicalResult MaskOp::verify() {
  return verifyMove(*this);
}

//===-- reshard ------------------------------------------------------------===//

/// C2, field by field.
static LogicalResult checkKinds(Type from, Type to, EmitError error) {
  if (auto bundle = dyn_cast<nn::BundleType>(from)) {
    for (auto [a, b] : llvm::zip(bundle.getTypes(), cast<nn::BundleType>(to).getTypes()))
      if (failed(checkKinds(a, b, error)))
        return failure();
    return success();
  }
  auto source = dyn_cast<NamedTensorType>(from), target = dyn_cast<NamedTensorType>(to);
  if (!source || !target.getPartial())
    return success();
  ReductionKind kind = source.getPartial() ? source.getPartial().getKind() : ReductionKind::sum;
  if (target.getPartial().getKind() != kind)
    return fail(error, "the result (" + nn::toString(target) + ") can't be partial by '" +
                           stringifyReductionKind(target.getPartial().getKind()) + "': the operand is " +
                           nn::toString(source));
  return success();
}

LogicalResult ReshardOp::verify() {
  Type from = getOperand().getType(), to = getType();
  if (nn::strip(from) != nn::strip(to)) // C1
    return emitOpError() << "operand " << from << " and result " << to << " are not the same tensor";
  return checkKinds(from, to, [&] { return emitOpError(); });
}

//===-- names of results ---------------------------------------------------===//

#define NAMED_AFTER_LOCATION(Op)                                                                             \
  void Op::getAsmResultNames(OpAsmSetValueNameFn setName) {                                                  \
    nn::nameAfterLocation(getResult(), setName);                                                             \
  }
NAMED_AFTER_LOCATION(ReshardOp)
NAMED_AFTER_LOCATION(AllReduceOp)
NAMED_AFTER_LOCATION(ReduceScatterOp)
NAMED_AFTER_LOCATION(AllGatherOp)
NAMED_AFTER_LOCATION(AllToAllOp)
NAMED_AFTER_LOCATION(ShardSliceOp)
NAMED_AFTER_LOCATION(MaskOp)
#undef NAMED_AFTER_LOCATION
