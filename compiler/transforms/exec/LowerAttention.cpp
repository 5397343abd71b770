//===- LowerAttention.cpp - attention's axes by role, rope ----------------===//

#include "compiler/transforms/exec/LowerFunction.h"
#include "dialects/exec/Loops.h"

using namespace mlir;
using namespace exec;

namespace {
/// Which axes are what, and where this rank's part of each begins.
struct AttentionRoles {
  SmallVector<StringAttr> batch, kvHead, group, query, key, dim, valueDim;
};

template <class Op> AttentionRoles rolesOf(Op op) {
  AttentionRoles roles;
  nn::NamedTensorType query = op.getQuery().getType(), key = op.getKey().getType(),
                      value = op.getValue().getType();
  for (StringAttr name : query.names()) {
    auto &role = nn::contains(op.getOver(), name) ? roles.dim
                 : name == op.getQueryAxisAttr()  ? roles.query
                 : !key.has(name)                 ? roles.group
                 : nn::plainName(name) == "batch" ? roles.batch
                                                  : roles.kvHead;
    role.push_back(name);
  }
  roles.key.push_back(op.getKeyAxisAttr());
  for (StringAttr name : value.names())
    if (!key.has(name) || nn::contains(op.getOver(), name))
      roles.valueDim.push_back(name);
  return roles;
}

int64_t globalSize(ArrayRef<StringAttr> names, nn::NamedTensorType type) {
  int64_t size = 1;
  for (StringAttr name : names)
    size *= type.find(name).getSize();
  return size;
}

/// The number of the rank's first element along merged axes.
RankAttr startOf(TypeLowering &types, ArrayRef<StringAttr> names, nn::NamedTensorType type) {
  RankAttr start = RankAttr::get(type.getContext(), 0);
  int64_t stride = 1;
  for (StringAttr name : llvm::reverse(names)) {
    start = types.add(start, types.start(type.find(name), stride));
    stride *= type.find(name).getSize();
  }
  return start;
}

/// The seven loops of an attention op; fails where the axes of a role don't lie like one.
template <class Op>
LogicalResult attentionLoops(Op op, const AttentionRoles &roles, ArrayRef<BufferType> operands,
                             SmallVectorImpl<LoopAttr> &loops) {
  MLIRContext *context = op.getContext();
  for (auto *role :
       {&roles.batch, &roles.kvHead, &roles.group, &roles.query, &roles.key, &roles.dim, &roles.valueDim}) {
    SmallVector<BufferType> shown(operands);
    // Query's and value's own axes may have one name: dim is of query and key, value_dim of value and out.
    for (auto [index, type] : llvm::enumerate(shown)) {
      bool isValueSide = llvm::is_contained({2, 3, 5, 8}, int(index));
      if ((role == &roles.dim && isValueSide) || (role == &roles.valueDim && !isValueSide))
        type = BufferType::get(context, type.getElementType(), {});
    }
    SmallVector<LoopAttr> merged = mergeLoops(context, *role, shown);
    if (merged.size() > 1)
      return op.emitOpError() << "axes '" << (*role)[0].getValue() << "' and '" << (*role)[1].getValue()
                              << "' have one role but don't lie like one axis";
    loops.push_back(merged.empty() ? unitLoop(context, operands.size()) : merged[0]);
  }
  return success();
}
} // namespace

template <class From, class Make>
static LogicalResult lowerAttentionOp(From op, TypeLowering &types, ArrayRef<Value> operands, Make make) {
  AttentionRoles roles = rolesOf(op);
  auto operandTypes = llvm::map_to_vector(operands, [](Value v) { return cast<BufferType>(v.getType()); });
  SmallVector<LoopAttr> loops;
  if (failed(attentionLoops(op, roles, operandTypes, loops)))
    return failure();
  nn::NamedTensorType query = op.getQuery().getType(), key = op.getKey().getType();
  SmallVector<RankAttr> starts{startOf(types, roles.batch, query), startOf(types, roles.kvHead, query),
                               startOf(types, roles.group, query), startOf(types, roles.query, query),
                               startOf(types, roles.key, key)};
  for (RankAttr &start : starts)
    if (start.isZero())
      start = {};
  make(loops, starts, globalSize(roles.group, query), globalSize(roles.query, query),
       globalSize(roles.key, key));
  return success();
}

LogicalResult FunctionLowering::lowerAttention(nn::AttentionOp op) {
  Leaf out{op.getResult(), 0}, lse{op.getLse(), 0};
  where[out] = placeOf(out);
  where[lse] = placeOf(lse);
  Value q = at(op.getQuery()), k = at(op.getKey()), v = at(op.getValue());
  Value key = op.getRandomKey() ? keys.lookup(op.getRandomKey()) : Value();
  return lowerAttentionOp(
      op, types, {q, k, v, where[out], where[lse]},
      [&](ArrayRef<LoopAttr> l, ArrayRef<RankAttr> s, int64_t groups, int64_t rows, int64_t keyRows) {
        builder.create<AttentionOp>(op.getLoc(), q, k, v, key, where[out], where[lse], l[0], l[1], l[2], l[3],
                                    l[4], l[5], l[6], op.getScaleAttr(), op.getCausalAttr(),
                                    op.getWindowAttr(), op.getChunkAttr(), op.getSoftCapAttr(),
                                    op.getDropoutAttr(), op.getSiteAttr(), s[0], s[1], s[2], s[3], s[4],
                                    builder.getI64IntegerAttr(groups), builder.getI64IntegerAttr(rows),
                                    builder.getI64IntegerAttr(keyRows));
      });
}

LogicalResult FunctionLowering::lowerAttentionBackward(nn::AttentionBackwardOp op) {
  SmallVector<Value> operands;
  for (Value operand : {op.getQuery(), op.getKey(), op.getValue(), op.getOut(), op.getLse(), op.getDOut()})
    operands.push_back(at(operand));
  for (Value result : op.getResults())
    operands.push_back(where[{result, 0}] = placeOf({result, 0}));
  Value key = op.getRandomKey() ? keys.lookup(op.getRandomKey()) : Value();
  ArrayRef<Value> x = operands;
  return lowerAttentionOp(
      op, types, operands,
      [&](ArrayRef<LoopAttr> l, ArrayRef<RankAttr> s, int64_t groups, int64_t rows, int64_t keyRows) {
        builder.create<AttentionBackwardOp>(
            op.getLoc(), x[0], x[1], x[2], x[3], x[4], x[5], key, x[6], x[7], x[8], l[0], l[1], l[2], l[3],
            l[4], l[5], l[6], op.getScaleAttr(), op.getCausalAttr(), op.getWindowAttr(), op.getChunkAttr(),
            op.getSoftCapAttr(), op.getDropoutAttr(), op.getSiteAttr(), s[0], s[1], s[2], s[3], s[4],
            builder.getI64IntegerAttr(groups), builder.getI64IntegerAttr(rows),
            builder.getI64IntegerAttr(keyRows));
      });
}

void FunctionLowering::lowerRope(nn::RopeOp op) {
  Leaf result{op.getResult(), 0};
  Value in = at(op.getOperand()), positions = at(op.getPositions()),
        out = where[result] = placeOf(result, resolve(op.getOperand()));
  auto typeIn = cast<BufferType>(in.getType()), typeOut = cast<BufferType>(out.getType());
  StringAttr dim = op.getOverAttr();
  SmallVector<StringAttr> order;
  for (AxisAttr axis : typeOut.getAxes())
    if (axis.getName() != dim)
      order.push_back(axis.getName());
  auto loops = mergeLoops(op.getContext(), order, {typeIn, cast<BufferType>(positions.getType()), typeOut});
  LoopAttr inner = LoopAttr::get(op.getContext(), dim, typeIn.find(dim).getSize(),
                                 {typeIn.find(dim).getStride(), typeOut.find(dim).getStride()});
  builder.create<RopeOp>(op.getLoc(), in, positions, out,
                         builder.getArrayAttr(SmallVector<Attribute>(loops.begin(), loops.end())), inner,
                         op.getThetaAttr(), op.getScalingAttr(), op.getInterleavedAttr(),
                         op.getInverseAttr());
}
