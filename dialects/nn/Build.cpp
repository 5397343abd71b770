//===- Build.cpp - the few programs that passes write often ---------------===//

#include "dialects/nn/Build.h"

using namespace mlir;
using namespace nn;

StringRef nn::nameOf(Value value) {
  if (auto unpack = value.getDefiningOp<UnpackOp>())
    return unpack.getBundle().getType().getFields()[cast<OpResult>(value).getResultNumber()];
  if (auto attention = value.getDefiningOp<AttentionOp>(); attention && value == attention.getLse())
    return "lse";
  StringRef name = nameOf(value.getLoc());
  auto result = dyn_cast<OpResult>(value);
  if (!result || !name.contains(", "))
    return name;
  SmallVector<StringRef> names; // one for each result
  name.split(names, ", ");
  return names.size() == result.getOwner()->getNumResults() ? names[result.getResultNumber()] : StringRef();
}

Location nn::locOf(Value value) {
  StringRef name = nameOf(value);
  return name.empty() ? value.getLoc() : named(value.getLoc(), name);
}

Location nn::namedAll(Location loc, ArrayRef<std::string> names) {
  return named(loc, llvm::join(names, ", "));
}

Location nn::locWithout(Location loc, const llvm::BitVector &dead) {
  SmallVector<StringRef> names;
  nameOf(loc).split(names, ", ");
  if (names.size() != dead.size())
    return loc;
  SmallVector<std::string> kept;
  for (auto [index, name] : llvm::enumerate(names))
    if (!dead[index])
      kept.push_back(name.str());
  return namedAll(loc, kept);
}

std::string nn::gradientName(Operation *op, Value value) {
  StringRef name = nameOf(value);
  if (name.empty())
    name = nameOf(op->getLoc());
  return name.empty() ? "gradient" : ("d_" + name).str();
}

Location nn::gradientLoc(Operation *op, Value value) {
  std::string name = gradientName(op, value);
  return name == "gradient" ? op->getLoc() : named(op->getLoc(), name);
}

Value nn::buildFill(OpBuilder &builder, Location loc, NamedTensorType type, double number) {
  return builder
      .create<MapOp>(loc, TypeRange(type), ValueRange(),
                     [&](OpBuilder &body, Location loc, ValueRange) -> SmallVector<Value> {
                       Type element = type.getElementType();
                       auto value = isa<FloatType>(element)
                                        ? TypedAttr(body.getFloatAttr(element, number))
                                        : TypedAttr(body.getIntegerAttr(element, int64_t(number)));
                       return {body.create<arith::ConstantOp>(loc, value)};
                     })
      .getResult(0);
}

Value nn::buildBroadcast(OpBuilder &builder, Location loc, Value value, NamedTensorType type) {
  if (value.getType() == type)
    return value;
  return builder
      .create<MapOp>(loc, TypeRange(type), ValueRange(value),
                     [](OpBuilder &, Location, ValueRange in) -> SmallVector<Value> { return {in[0]}; })
      .getResult(0);
}

Value nn::buildSum(OpBuilder &builder, Location loc, Value lhs, Value rhs) {
  return builder
      .create<MapOp>(loc, TypeRange(lhs.getType()), ValueRange{lhs, rhs},
                     [](OpBuilder &body, Location loc, ValueRange in) -> SmallVector<Value> {
                       if (isa<FloatType>(in[0].getType()))
                         return {body.create<arith::AddFOp>(loc, in[0], in[1])};
                       return {body.create<arith::AddIOp>(loc, in[0], in[1])};
                     })
      .getResult(0);
}

ArrayAttr nn::axesWithout(NamedTensorType type, NamedTensorType other) {
  SmallVector<Attribute> names;
  for (StringAttr name : type.names())
    if (!other.has(name))
      names.push_back(name);
  return ArrayAttr::get(type.getContext(), names);
}

Value nn::buildSumTo(OpBuilder &builder, Location loc, Value value, NamedTensorType type) {
  if (value.getType() == type)
    return value;
  ArrayAttr over = axesWithout(cast<NamedTensorType>(value.getType()), type);
  if (over.empty())
    return buildBroadcast(builder, loc, value, type); // the same axes in another order
  return builder.create<ReduceOp>(loc, type, ReductionKind::sum, value, over);
}
