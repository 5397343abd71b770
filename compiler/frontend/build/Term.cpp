//===- Term.cpp - scalar chains into maps ---------------------------------===//
#include "compiler/frontend/build/Term.h"

#include <fmt/format.h>

using namespace mlir;
using nn::AxisAttr;
using nn::NamedTensorType;

namespace shardc::frontend::build {

std::string Term::describe() const {
  if (isTensor())
    return nn::toString(tensor->type);
  if (kind == Kind::Tuple)
    return fmt::format("{} tensors", parts.size());
  return absent.empty() ? config.str() : fmt::format("the absent weight '{}'", absent);
}

TensorPtr constant(double number, Type element, Location loc) {
  auto scalar = [number, element](OpBuilder &builder, Location loc, ArrayRef<mlir::Value>) -> mlir::Value {
    TypedAttr attr = isa<FloatType>(element)
                         ? TypedAttr(builder.getFloatAttr(element, number))
                         : TypedAttr(builder.getIntegerAttr(element, static_cast<int64_t>(number)));
    return builder.create<arith::ConstantOp>(loc, attr);
  };
  return std::make_shared<Tensor>(
      Tensor{.type = NamedTensorType::get(element, {}), .loc = loc, .scalar = scalar, .isWeight = true});
}

namespace {

/// Tensors with values that the chain under `tensor` reads, each once.
void collectLeaves(const Tensor &tensor, llvm::SetVector<mlir::Value> &leaves) {
  if (tensor.value)
    leaves.insert(tensor.value);
  else
    for (const TensorPtr &operand : tensor.operands)
      collectLeaves(*operand, leaves);
}

/// The scalars of a chain, in a map's region; what two places share is written once.
class RegionWriter {
public:
  RegionWriter(OpBuilder &builder, const llvm::SetVector<mlir::Value> &leaves, ValueRange arguments)
      : builder(builder) {
    for (auto [leaf, argument] : llvm::zip(leaves, arguments))
      byLeaf[leaf] = argument;
  }

  mlir::Value write(const Tensor &tensor) {
    if (tensor.value)
      return byLeaf.lookup(tensor.value);
    mlir::Value &known = written[&tensor];
    if (known)
      return known;
    SmallVector<mlir::Value> operands;
    for (const TensorPtr &operand : tensor.operands)
      operands.push_back(write(*operand));
    return written[&tensor] = tensor.scalar(builder, tensor.loc, operands);
  }

private:
  OpBuilder &builder;
  llvm::DenseMap<mlir::Value, mlir::Value> byLeaf;
  llvm::DenseMap<const Tensor *, mlir::Value> written;
};

} // namespace

mlir::Value materialise(OpBuilder &builder, Tensor &tensor) {
  if (tensor.value)
    return tensor.value;
  llvm::SetVector<mlir::Value> leaves;
  collectLeaves(tensor, leaves);
  auto map = builder.create<nn::MapOp>(
      nn::named(tensor.loc, tensor.name), TypeRange(tensor.type), leaves.getArrayRef(),
      [&](OpBuilder &body, Location, ValueRange arguments) -> SmallVector<mlir::Value> {
        return {RegionWriter(body, leaves, arguments).write(tensor)};
      });
  tensor.value = map.getResult(0);
  tensor.operands.clear();
  return tensor.value;
}

TensorPtr elementwise(OpBuilder &builder, NamedTensorType type, std::vector<TensorPtr> operands,
                      ScalarFn scalar, std::string name, Location loc) {
  auto result = std::make_shared<Tensor>(Tensor{
      .type = type, .name = std::move(name), .loc = loc, .scalar = std::move(scalar), .isWeight = true});
  for (const TensorPtr &operand : operands) {
    if (!operand->isConstant() && operand->type.getAxes().size() != type.getAxes().size())
      materialise(builder, *operand);
    result->isWeight &= operand->isWeight;
    result->fields.append(operand->fields);
    result->params.append(operand->params);
  }
  if (!result->isWeight) { // a bias was added, say: what uses the sum does not use the bias as a weight
    result->fields.clear();
    result->params.clear();
  }
  result->operands = std::move(operands);
  return result;
}

NamedTensorType broadcast(ArrayRef<NamedTensorType> types, Type element, size_t &first, size_t &second) {
  SmallVector<AxisAttr> axes;
  auto covers = [](NamedTensorType a, NamedTensorType b) {
    return llvm::all_of(b.getAxes(), [&](AxisAttr axis) { return a.find(axis.getName()) == axis; });
  };
  auto shares = [](NamedTensorType a, NamedTensorType b) {
    return llvm::any_of(b.getAxes(), [&](AxisAttr axis) { return a.has(axis.getName()); });
  };
  for (second = 0; second < types.size(); ++second)
    for (first = 0; first < second; ++first)
      if (shares(types[first], types[second]) && !covers(types[first], types[second]) &&
          !covers(types[second], types[first]))
        return {};
  // the largest operand's order reads best
  SmallVector<NamedTensorType> bySize(types);
  llvm::stable_sort(
      bySize, [](NamedTensorType a, NamedTensorType b) { return a.getAxes().size() > b.getAxes().size(); });
  for (NamedTensorType type : bySize)
    for (AxisAttr axis : type.getAxes())
      if (llvm::none_of(axes, [&](AxisAttr known) { return known.getName() == axis.getName(); }))
        axes.push_back(axis);
  return NamedTensorType::get(element, axes);
}

} // namespace shardc::frontend::build
