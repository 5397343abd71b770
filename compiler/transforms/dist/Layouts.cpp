//===- Layouts.cpp - where every value and op of a function lies ----------===//
//
// The rule applied to one op: its iteration space is placed, its operands follow, its results are inferred.
// Functions, calls, loops and bundles are in LayoutsOfEdges.cpp.
//
//===----------------------------------------------------------------------===//

#include "compiler/transforms/dist/Layouts.h"
#include "compiler/transforms/dist/Sources.h"

using namespace mlir;
using namespace dist;
using nn::NamedTensorType;
using nn::PartialAttr;

static bool holdsPartial(Type type) {
  if (auto bundle = dyn_cast<nn::BundleType>(type))
    return llvm::any_of(bundle.getTypes(), holdsPartial);
  auto tensor = dyn_cast<NamedTensorType>(type);
  return tensor && tensor.getPartial();
}

/// Whether each partial of `type` is found in `wanted`.
static bool keepsPartials(Type type, Type wanted) {
  if (auto bundle = dyn_cast<nn::BundleType>(type))
    return llvm::all_of(llvm::zip(bundle.getTypes(), cast<nn::BundleType>(wanted).getTypes()),
                        [](auto pair) { return keepsPartials(std::get<0>(pair), std::get<1>(pair)); });
  auto tensor = dyn_cast<NamedTensorType>(type);
  return !tensor || !tensor.getPartial() || type == wanted;
}

//===-- placing axes -------------------------------------------------------===//

FailureOr<nn::Placement> FunctionLayouts::place(ArrayRef<nn::AxisAttr> axes, StringRef kind,
                                                ArrayRef<StringAttr> taken) {
  return module.plan.place(axes, kind, [&] { return current->emitError(); }, taken);
}

Type FunctionLayouts::canonical(Type type, StringRef kind) {
  if (isa<nn::KeyType>(type))
    return type;
  std::pair<Type, const void *> key = {type, module.plan.atRest(kind).data()}; // levels that this kind reads
  if (Type known = module.canonicalTypes.lookup(key))
    return known;
  Type result;
  if (auto bundle = dyn_cast<nn::BundleType>(type)) {
    SmallVector<Type> fields;
    for (Type field : bundle.getTypes())
      if (fields.push_back(canonical(field, kind)); !fields.back())
        return {};
    result = bundle.withTypes(fields);
  } else {
    auto tensor = cast<NamedTensorType>(type);
    FailureOr<nn::Placement> placement = place(tensor.getAxes(), kind);
    if (failed(placement))
      return {};
    result = nn::place(tensor, *placement);
  }
  return module.canonicalTypes[key] = result;
}

NamedTensorType FunctionLayouts::partialAtEdge(NamedTensorType type, StringRef kind,
                                               ArrayRef<StringAttr> mesh) {
  auto resting = dyn_cast_or_null<NamedTensorType>(canonical(type, module.plan.kindWhileSummed(kind)));
  if (!resting)
    return {};
  PartialAttr partial = nn::makePartial(type.getContext(), nn::ReductionKind::sum, mesh);
  NamedTensorType &known = module.partialTypes[{resting, partial}];
  if (known)
    return known;
  // What places the tensor at rest is not left partial: contributions are scattered as they come.
  SmallVector<StringAttr> rest(mesh);
  for (nn::AxisAttr axis : resting.getAxes())
    llvm::erase_if(rest, [&](StringAttr meshAxis) { return llvm::is_contained(axis.getMesh(), meshAxis); });
  return known = resting.withPartial(nn::makePartial(type.getContext(), nn::ReductionKind::sum, rest));
}

NamedTensorType FunctionLayouts::accumulatorType(NamedTensorType type, int id) {
  return partialAtEdge(type, accumulators.kindOf(id), partialOver[id].getArrayRef());
}

void FunctionLayouts::growAccumulator(int id, NamedTensorType contribution) {
  PartialAttr partial = contribution.getPartial();
  if (!partial || partial.getKind() != nn::ReductionKind::sum)
    return;
  for (StringAttr meshAxis : partial.getMesh())
    grew |= partialOver[id].insert(meshAxis);
}

StringRef FunctionLayouts::kindOfOp(Operation *op) {
  StringRef most;
  auto rank = [](StringRef kind) {
    return kind == nn::kindOptimizerState ? 3
           : kind == nn::kindGradient     ? 2
           : kind == nn::kindParameter    ? 1
                                          : 0;
  };
  for (Value operand : op->getOperands()) {
    auto type = dyn_cast<NamedTensorType>(operand.getType());
    if (!type || type.isScalar() || isSource(operand.getDefiningOp()))
      continue; // these have no home
    StringRef kind = kindOf(operand);
    if (rank(kind) == 0)
      return {};
    if (rank(kind) > rank(most))
      most = kind;
  }
  return most;
}

//===-- values -------------------------------------------------------------===//

Type FunctionLayouts::available(Value value) {
  Type type = produced.lookup(value);
  return reduced.contains(value) ? canonical(type, kindOf(value)) : type;
}

void FunctionLayouts::reduce(Value value) {
  grew |= reduced.insert(value).second;
}

void FunctionLayouts::need(Value value, Type wanted) {
  if (!keepsPartials(available(value), wanted))
    reduce(value);
}

/// A partial is worth carrying only while that makes no second reduction: one user, or users that end it.
bool FunctionLayouts::usersMayCarry(Value value) {
  if (value.hasOneUse())
    return true;
  return llvm::all_of(value.getUses(), [&](OpOperand &use) {
    Operation *user = use.getOwner();
    if (isa<nn::ReturnOp, nn::PackOp, nn::UnpackOp, nn::CallOp, nn::YieldOp>(user))
      return true; // each says itself what it needs
    return isa<nn::MapOp>(user) && accumulators.holdsAny(user->getResult(0));
  });
}

void FunctionLayouts::produce(Value value, Type type, StringRef kind) {
  produced[value] = type;
  kinds[value] = kind;
  if (holdsPartial(type) && !accumulators.holdsAny(value) && !usersMayCarry(value))
    reduce(value);
}

//===-- ops with a layout --------------------------------------------------===//

/// Gives operands and results the layout of the space and asks the op for its results' types.
bool FunctionLayouts::inferOn(nn::LayoutOpInterface op, const nn::Placement &space, PartialAttr partial,
                              nn::EmitError error) {
  OpLayout layout;
  for (Type type : op->getOperandTypes()) {
    auto tensor = dyn_cast<NamedTensorType>(type);
    layout.operands.push_back(tensor ? nn::place(tensor, space, partial) : type);
  }
  for (Type type : op->getResultTypes())
    layout.results.push_back(nn::place(cast<NamedTensorType>(type), space));
  if (failed(op.inferLayouts(layout.operands, layout.results, error)))
    return false;
  ops[op] = std::move(layout);
  return true;
}

bool FunctionLayouts::carry(nn::LayoutOpInterface op, StringRef kind) {
  PartialAttr common;
  for (Value operand : op->getOperands()) {
    auto type = dyn_cast<NamedTensorType>(available(operand));
    if (!type || !type.getPartial() || (common && common != type.getPartial()))
      return false;
    common = type.getPartial();
  }
  auto placement = place(nn::axesNamed(op, op.getSplitAxes()), kind, common.getMesh());
  if (failed(placement) || !inferOn(op, *placement, common, nullptr))
    return false;
  return llvm::all_of(llvm::zip(op->getOperands(), ops[op].operands),
                      [&](auto pair) { return available(std::get<0>(pair)) == std::get<1>(pair); });
}

bool FunctionLayouts::carryScalars(nn::LayoutOpInterface op) {
  SmallVector<StringAttr> mesh;
  for (Value operand : op->getOperands()) {
    auto type = dyn_cast<NamedTensorType>(available(operand));
    if (!type || !type.isScalar())
      return false;
    if (PartialAttr partial = type.getPartial()) {
      if (partial.getKind() != nn::ReductionKind::sum)
        return false;
      llvm::append_range(mesh, partial.getMesh());
    }
  }
  return inferOn(op, nn::Placement(), nn::makePartial(op->getContext(), nn::ReductionKind::sum, mesh),
                 nullptr);
}

LogicalResult FunctionLayouts::visitLayoutOp(nn::LayoutOpInterface op) {
  StringRef kind = kindOfOp(op);
  bool anyPartial =
      llvm::any_of(op->getOperands(), [&](Value operand) { return holdsPartial(available(operand)); });
  if (!anyPartial || !(carry(op, kind) || carryScalars(op))) {
    for (Value operand : op->getOperands())
      if (holdsPartial(available(operand)))
        reduce(operand);
    auto placement = place(nn::axesNamed(op, op.getSplitAxes()), kind);
    if (failed(placement) || !inferOn(op, *placement, {}, [&] { return op->emitOpError(); }))
      return failure();
  }
  for (auto [result, type] : llvm::zip(op->getResults(), ops[op].results))
    produce(result, type, kind);
  return success();
}

/// A sum into an accumulator: contributions are reduced, scattered or masked to its layout.
LogicalResult FunctionLayouts::visitAccumulation(nn::MapOp map) {
  int id = accumulators.find(map.getResult(0));
  for (Value operand : map.getOperands())
    growAccumulator(id, cast<NamedTensorType>(available(operand)));
  auto result = accumulatorType(cast<NamedTensorType>(map.getResult(0).getType()), id);
  if (!result)
    return failure();
  nn::Placement placement;
  for (nn::AxisAttr axis : result.getAxes())
    placement[axis.getName()] = llvm::to_vector<2>(axis.getMesh());
  if (!inferOn(map, placement, result.getPartial(), [&] { return map->emitOpError(); }))
    return failure();
  for (Value operand : map.getOperands())
    if (auto partial = cast<NamedTensorType>(available(operand)).getPartial();
        partial && partial.getKind() != nn::ReductionKind::sum)
      reduce(operand);
  produce(map.getResult(0), result, accumulators.kindOf(id));
  return success();
}

/// Keys, messages and whatever else has no layout: tensors come by their names, and by the op's kind if it
/// names one.
LogicalResult FunctionLayouts::visitOther(Operation *op) {
  OpLayout &layout = ops[op];
  layout = {};
  auto named = op->getAttrOfType<StringAttr>(nn::kindAttrName);
  StringRef kind = named ? named.getValue() : StringRef();
  for (Value operand : op->getOperands()) {
    layout.operands.push_back(canonical(operand.getType(), kind.empty() ? kindOf(operand) : kind));
    if (!layout.operands.back())
      return failure();
    need(operand, layout.operands.back());
  }
  for (Value result : op->getResults()) {
    layout.results.push_back(canonical(result.getType(), kind));
    if (!layout.results.back())
      return failure();
    produce(result, layout.results.back(), kind);
  }
  return success();
}

//===-- the function -------------------------------------------------------===//

LogicalResult FunctionLayouts::visit(Operation *op) {
  current = op;
  if (auto unpack = dyn_cast<nn::UnpackOp>(op))
    return visitUnpack(unpack);
  if (auto pack = dyn_cast<nn::PackOp>(op))
    return visitPack(pack);
  if (auto call = dyn_cast<nn::CallOp>(op))
    return visitCall(call);
  if (auto loop = dyn_cast<nn::LoopOp>(op))
    return visitLoop(loop);
  if (auto ret = dyn_cast<nn::ReturnOp>(op))
    return visitReturn(ret);
  if (auto map = dyn_cast<nn::MapOp>(op);
      map && map.getNumOperands() && accumulators.find(map.getResult(0)) != Accumulators::none)
    return visitAccumulation(map);
  if (auto layoutOp = dyn_cast<nn::LayoutOpInterface>(op))
    return visitLayoutOp(layoutOp);
  return visitOther(op);
}

LogicalResult FunctionLayouts::visitBlock(Block &block) {
  for (Operation &op : block)
    if (isa<nn::YieldOp>(op) ? failed(visitYield(cast<nn::LoopOp>(op.getParentOp()), &op))
                             : failed(visit(&op)))
      return failure();
  return success();
}

LogicalResult FunctionLayouts::infer() {
  do {
    grew = false;
    if (failed(inferOnce()))
      return failure();
  } while (grew);
  return success();
}
