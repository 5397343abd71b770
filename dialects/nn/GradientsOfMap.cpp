//===- GradientsOfMap.cpp - the gradient of an elementwise function -------===//
//
//   y = map (a = x, b = w) { a * b }          x, y: [seq, embed], w: [embed]
//   d_x, p = map (a = x, b = w, d = d_y) { d * b, d * a }
//   d_w = reduce sum p over [seq]
//
// One map computes the gradients of all operands, from the operands: the function is computed again rather
// than its intermediate values kept. What was broadcast is summed afterwards.
//
//===----------------------------------------------------------------------===//

#include "dialects/nn/Build.h"
#include "dialects/nn/ScalarGradients.h"

#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace nn;

namespace {

/// The scalar program of the gradients, before it is known what of it is needed. Its block's arguments are
/// `inputs`, in order.
struct Draft {
  Region region;
  SmallVector<Value> inputs;    // tensors
  SmallVector<Value> gradients; // scalars, one for each operand of the map; null where zero
  Block &block() { return region.front(); }

  void addInput(Value tensor, Location loc) {
    inputs.push_back(tensor);
    block().addArgument(cast<NamedTensorType>(tensor.getType()).getElementType(), loc);
  }
};

LogicalResult draftGradients(MapOp map, ValueRange operands, ArrayRef<Value> resultGrads,
                             ArrayRef<bool> needed, Draft &draft) {
  Block &body = map.getBody().front(), &block = draft.region.emplaceBlock();
  IRMapping forward;
  for (auto [operand, argument] : llvm::zip(operands, body.getArguments())) {
    draft.addInput(operand, argument.getLoc());
    forward.map(argument, block.getArguments().back());
  }
  SmallVector<Value> seeds;
  for (auto [gradient, result] : llvm::zip(resultGrads, map.getResults())) {
    if (gradient)
      draft.addInput(gradient, gradientLoc(map, result));
    seeds.push_back(gradient ? Value(block.getArguments().back()) : Value());
  }
  OpBuilder builder(map.getContext()); // the draft belongs to no op
  builder.setInsertionPointToEnd(&block);
  for (Operation &op : body.without_terminator())
    builder.clone(op, forward);
  FailureOr<SmallVector<Value>> gradients = differentiateBody(block, body, forward, seeds, needed);
  if (failed(gradients))
    return failure();
  for (Value gradient : *gradients)
    draft.gradients.push_back(gradient && matchPattern(gradient, m_AnyZeroFloat()) ? Value() : gradient);
  return success();
}

/// A map that yields `yields` of the draft, with only the operands and scalar ops that they need.
MapOp buildPart(OpBuilder &builder, Location loc, Draft &draft, ArrayRef<Value> yields,
                ArrayRef<Type> types) {
  llvm::SetVector<Value> used(yields.begin(), yields.end());
  for (Operation &op : llvm::reverse(draft.block()))
    if (used.contains(op.getResult(0)))
      used.insert(op.operand_begin(), op.operand_end());
  SmallVector<Value> inputs;
  SmallVector<BlockArgument> arguments;
  for (auto [input, argument] : llvm::zip(draft.inputs, draft.block().getArguments()))
    if (used.contains(argument)) {
      inputs.push_back(input);
      arguments.push_back(argument);
    }
  auto part = builder.create<MapOp>(
      loc, types, inputs, [&](OpBuilder &body, Location, ValueRange in) -> SmallVector<Value> {
        IRMapping mapping;
        for (auto [argument, value] : llvm::zip(arguments, in))
          mapping.map(argument, value);
        for (Operation &op : draft.block())
          if (used.contains(op.getResult(0)))
            body.clone(op, mapping);
        return llvm::map_to_vector(yields, [&](Value value) { return mapping.lookup(value); });
      });
  for (auto [argument, drafted] : llvm::zip(part.getBody().getArguments(), arguments))
    argument.setLoc(drafted.getLoc());
  return part;
}

} // namespace

LogicalResult MapOp::buildGradients(OpBuilder &builder, ValueRange operands, ValueRange,
                                    ArrayRef<Value> resultGrads, ArrayRef<bool> needed,
                                    MutableArrayRef<Value> operandGrads) {
  Draft draft;
  if (failed(draftGradients(*this, operands, resultGrads, needed, draft)))
    return failure();

  // Gradients over the whole iteration space, by the order of axes in which they are computed.
  auto space = cast<NamedTensorType>(getResult(0).getType());
  llvm::MapVector<Attribute, SmallVector<unsigned>> parts;
  SmallVector<Value> wide(operands.size());
  for (auto [index, gradient] : llvm::enumerate(draft.gradients)) {
    if (!gradient)
      continue;
    auto type = cast<NamedTensorType>(operands[index].getType());
    bool isBroadcast = !axesWithout(space, type).empty();
    ArrayRef<AxisAttr> axes = isBroadcast ? space.getAxes() : type.getAxes();
    auto argument = dyn_cast<BlockArgument>(gradient);
    Value passed = argument ? draft.inputs[argument.getArgNumber()] : Value();
    if (passed && cast<NamedTensorType>(passed.getType()).getAxes() == axes)
      wide[index] = passed; // the result's gradient itself
    else
      parts[TypeAttr::get(type.withAxes(axes).withElementType(builder.getI1Type()))].push_back(index);
  }
  for (auto &[axes, indices] : parts) {
    auto like = cast<NamedTensorType>(cast<TypeAttr>(axes).getValue());
    SmallVector<Value> yields;
    SmallVector<Type> types;
    SmallVector<std::string> names;
    for (unsigned index : indices) {
      names.push_back(gradientName(*this, operands[index]));
      yields.push_back(draft.gradients[index]);
      types.push_back(like.withElementType(yields.back().getType()));
    }
    MapOp part = buildPart(builder, namedAll(getLoc(), names), draft, yields, types);
    for (auto [index, result] : llvm::zip(indices, part.getResults()))
      wide[index] = result;
  }
  for (auto [index, gradient] : llvm::enumerate(wide))
    if (gradient)
      operandGrads[index] = buildSumTo(builder, gradientLoc(*this, operands[index]), gradient,
                                       cast<NamedTensorType>(operands[index].getType()));
  return success();
}
