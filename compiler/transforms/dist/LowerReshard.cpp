//===- LowerReshard.cpp - turn reshards into collectives ------------------===//
//
// In:  every operand has the layout its op needs; only dist.reshard changes a layout.
// Out: no dist.reshard; each layout change is a few collectives or local slices (ReshardSteps says which). A
//      reshard of a bundle is a call of a function that moves its fields: one line for each layer.
// Not here: merging, delaying or hoisting reshards (Simplify).
//
//   partial = sum@tp  ->  [batch@dp, seq@tp, embed]      reduce_scatter over tp
//
//===----------------------------------------------------------------------===//

#include "compiler/transforms/dist/Passes.h"
#include "compiler/transforms/dist/ReshardSteps.h"
#include "compiler/transforms/dist/Sources.h"

namespace dist {
#define GEN_PASS_DEF_DISTLOWERRESHARD
#include "compiler/transforms/dist/Passes.h.inc"
} // namespace dist

using namespace mlir;
using namespace dist;
using nn::NamedTensorType;

namespace {
/// One movement of `value`.
Value build(OpBuilder &builder, Location loc, Value value, const ReshardStep &step) {
  ArrayAttr over = builder.getArrayAttr(SmallVector<Attribute>(step.over.begin(), step.over.end()));
  auto type = cast<NamedTensorType>(value.getType());
  nn::ReductionKind kind = type.getPartial() ? type.getPartial().getKind() : nn::ReductionKind::sum;
  auto finish = [&](auto op) -> Value {
    FailureOr<NamedTensorType> result = op.inferType(type, [&] { return op.emitOpError(); });
    if (failed(result))
      return {};
    op.getResult().setType(*result);
    return op;
  };
  switch (step.kind) {
  case ReshardStep::shardSlice:
    return finish(builder.create<ShardSliceOp>(loc, type, value, step.axis, over));
  case ReshardStep::reduceScatter:
    return finish(builder.create<ReduceScatterOp>(loc, type, kind, value, step.axis, over));
  case ReshardStep::allToAll:
    return finish(builder.create<AllToAllOp>(loc, type, value, step.from, step.axis, over));
  case ReshardStep::allReduce:
    return finish(builder.create<AllReduceOp>(loc, type, kind, value, over));
  case ReshardStep::allGather:
    return finish(builder.create<AllGatherOp>(loc, type, value, step.axis, over));
  case ReshardStep::mask:
    return finish(builder.create<MaskOp>(loc, type, value, over));
  }
  llvm_unreachable("all kinds of steps are handled");
}

struct LowerReshard : dist::impl::DistLowerReshardBase<LowerReshard> {
  void runOnOperation() override {
    SmallVector<ReshardOp> reshards;
    getOperation().walk([&](ReshardOp reshard) { reshards.push_back(reshard); });
    for (ReshardOp reshard : reshards) {
      Value result = lower(reshard);
      if (!result)
        return signalPassFailure();
      reshard.replaceAllUsesWith(result);
      reshard.erase();
    }
  }

  Value lower(ReshardOp reshard) {
    OpBuilder builder(reshard);
    if (isa<nn::BundleType>(reshard.getType())) {
      nn::FuncOp mover = moverOf(cast<nn::BundleType>(reshard.getOperand().getType()),
                                 cast<nn::BundleType>(reshard.getType()), reshard.getLoc());
      return mover ? builder.create<nn::CallOp>(reshard.getLoc(), mover, reshard.getOperand()).getResult(0)
                   : Value();
    }
    return move(builder, reshard.getLoc(), reshard.getOperand(), reshard.getType());
  }

  /// The movements that give `value` layout `type`.
  Value move(OpBuilder &builder, Location loc, Value value, Type type) {
    auto target = cast<NamedTensorType>(type);
    for (const ReshardStep &step : planReshard(cast<NamedTensorType>(value.getType()), target))
      if (value = build(builder, loc, value, step); !value)
        return {};
    if (value.getType() != target) {
      emitError(loc) << "a reshard reached " << nn::toString(cast<NamedTensorType>(value.getType()))
                     << ", wanted " << nn::toString(target);
      return {};
    }
    return value;
  }

  /// The function that moves the fields of a bundle; one for each pair of layouts.
  nn::FuncOp moverOf(nn::BundleType from, nn::BundleType to, Location loc) {
    nn::FuncOp &known = moverOfTypes[{from, to}];
    if (known)
      return known;
    OpBuilder builder(&getContext());
    auto func = builder.create<nn::FuncOp>(loc, (from.getName().getValue() + "_reshard").str(),
                                           builder.getFunctionType({from}, {to}));
    func->setAttr(reshardAttrName, builder.getUnitAttr());
    SymbolTable(getOperation()).insert(func);
    builder.setInsertionPointToStart(&func.getBody().front());
    func.getArgument(0).setLoc(nn::named(loc, from.getName()));
    auto unpack = builder.create<nn::UnpackOp>(loc, func.getArgument(0));
    SmallVector<Value> fields;
    for (auto [name, value, type] : llvm::zip(from.getFields(), unpack->getResults(), to.getTypes())) {
      Location fieldLoc = nn::named(loc, name);
      if (value.getType() == type)
        fields.push_back(value);
      else if (auto inner = dyn_cast<nn::BundleType>(type))
        fields.push_back(
            builder
                .create<nn::CallOp>(fieldLoc, moverOf(cast<nn::BundleType>(value.getType()), inner, fieldLoc),
                                    value)
                .getResult(0));
      else
        fields.push_back(move(builder, fieldLoc, value, type));
      if (!fields.back())
        return {};
    }
    Value packed = builder.create<nn::PackOp>(nn::named(loc, from.getName()), to, fields);
    builder.create<nn::ReturnOp>(loc, packed);
    return moverOfTypes[{from, to}] = func;
  }

  llvm::DenseMap<std::pair<Type, Type>, nn::FuncOp> moverOfTypes;
};
} // namespace
