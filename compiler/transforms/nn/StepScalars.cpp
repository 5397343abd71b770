//===- StepScalars.cpp - the scalars of a step: learning rate, norm, scale ---===//

#include "compiler/transforms/nn/StepScalars.h"

#include "compiler/transforms/nn/ScalarMath.h"

#include <cmath>
#include <numbers>

using namespace mlir;
using namespace nn;

NamedTensorType nn::scalarF32(MLIRContext *context) {
  return NamedTensorType::get(Float32Type::get(context), {});
}
NamedTensorType nn::scalarI64(MLIRContext *context) {
  return NamedTensorType::get(IntegerType::get(context, 64), {});
}

SmallVector<StringRef> nn::scalarNames(const Recipe &recipe) {
  SmallVector<StringRef> names = {"scale", "lr"};
  if (recipe.isAdamW)
    names.append({"correction1", "correction2"});
  if (recipe.emaDecay)
    names.push_back("ema_share");
  return names;
}

/// From lr at the end of the warm-up to min_lr at the last step.
static Value afterWarmup(ScalarMath s, const Recipe &recipe, Value step) {
  if (recipe.schedule == "constant")
    return s.number(recipe.lr);
  int64_t span = std::max<int64_t>(1, recipe.steps - recipe.warmupSteps);
  Value since = s.sub(step, s.number(double(recipe.warmupSteps)));
  Value progress = s.min(s.div(since, s.number(double(span))), s.number(1));
  Value left =
      recipe.schedule == "linear"
          ? s.sub(s.number(1), progress)
          : s.mul(s.number(0.5),
                  s.add(s.number(1), s.op<math::CosOp>(s.mul(s.number(std::numbers::pi), progress))));
  return s.add(s.number(recipe.minLr), s.mul(s.number(recipe.lr - recipe.minLr), left));
}

Value nn::writeLearningRate(OpBuilder &builder, Location loc, const Recipe &recipe, Value step) {
  auto write = [&](ScalarMath s, ValueRange in) -> SmallVector<Value> {
    if (recipe.warmupSteps == 0 && recipe.schedule == "constant")
      return {s.number(recipe.lr)};
    Value now = s.toFloat(in[0]), scheduled = afterWarmup(s, recipe, now);
    if (recipe.warmupSteps == 0)
      return {scheduled};
    Value share = s.div(s.add(now, s.number(1)), s.number(double(recipe.warmupSteps)));
    Value warms = s.builder.create<arith::CmpIOp>(s.loc, arith::CmpIPredicate::slt, in[0],
                                                  s.integer(recipe.warmupSteps));
    return {s.builder.create<arith::SelectOp>(s.loc, warms, s.mul(s.number(recipe.lr), share), scheduled)};
  };
  return writeMap(builder, named(loc, "lr"), TypeRange(scalarF32(loc.getContext())), step, write)
      .getResult(0);
}

Value nn::writeNorm(OpBuilder &builder, Location loc, Value square, Value count) {
  return writeMap(builder, named(loc, "grad_norm"), TypeRange(square.getType()), {square, count},
                  [](ScalarMath s, ValueRange in) -> SmallVector<Value> {
                    return {s.div(s.sqrt(in[0]), s.max(in[1], s.number(1)))};
                  })
      .getResult(0);
}

Value nn::writeScale(OpBuilder &builder, Location loc, const Recipe &recipe, Value norm, Value count) {
  return writeMap(builder, named(loc, "scale"), TypeRange(norm.getType()), {norm, count},
                  [&](ScalarMath s, ValueRange in) -> SmallVector<Value> {
                    Value safeCount = s.max(in[1], s.number(1)); // no label at all: no gradient either
                    if (recipe.maxGradNorm <= 0)
                      return {s.div(s.number(1), safeCount)};
                    Value ratio = s.div(s.number(recipe.maxGradNorm), s.add(in[0], s.number(1e-6)));
                    return {s.div(s.min(s.number(1), ratio), safeCount)};
                  })
      .getResult(0);
}

/// 1 - beta^t, or its root, in step t = step + 1.
static Value writeCorrection(OpBuilder &builder, Location loc, Value step, double beta, bool root) {
  return writeMap(builder, loc, TypeRange(scalarF32(loc.getContext())), step,
                  [&](ScalarMath s, ValueRange in) -> SmallVector<Value> {
                    Value rest = s.number(1);
                    if (beta > 0) { // as -expm1(t ln beta), which keeps its digits where beta^t is close to 1
                      Value t = s.add(s.toFloat(in[0]), s.number(1));
                      rest = s.op<arith::NegFOp>(s.op<math::ExpM1Op>(s.mul(t, s.number(std::log(beta)))));
                    }
                    return {root ? s.sqrt(rest) : rest};
                  })
      .getResult(0);
}

/// 1 in the first step, which leaves what the average was before out of it; then 1 - decay.
static Value writeEmaShare(OpBuilder &builder, Location loc, Value step, double decay) {
  return writeMap(builder, loc, TypeRange(scalarF32(loc.getContext())), step,
                  [&](ScalarMath s, ValueRange in) -> SmallVector<Value> {
                    Value isFirst =
                        s.builder.create<arith::CmpIOp>(s.loc, arith::CmpIPredicate::eq, in[0], s.integer(0));
                    return {
                        s.builder.create<arith::SelectOp>(s.loc, isFirst, s.number(1), s.number(1 - decay))};
                  })
      .getResult(0);
}

SmallVector<Value> nn::writeStateScalars(OpBuilder &builder, Location loc, const Recipe &recipe, Value step) {
  SmallVector<Value> scalars;
  if (recipe.isAdamW)
    scalars = {writeCorrection(builder, named(loc, "correction1"), step, recipe.beta1, /*root=*/false),
               writeCorrection(builder, named(loc, "correction2"), step, recipe.beta2, /*root=*/true)};
  if (recipe.emaDecay)
    scalars.push_back(writeEmaShare(builder, named(loc, "ema_share"), step, *recipe.emaDecay));
  return scalars;
}
