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

SmallVector<Value> StepScalars::all() const {
  SmallVector<Value> values = {scale, lr};
  if (correction1)
    values.append({correction1, correction2});
  return values;
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

void nn::writeCorrections(OpBuilder &builder, Location loc, const Recipe &recipe, Value step,
                          StepScalars &scalars) {
  if (!recipe.hasMoments)
    return;
  // 1 - beta^t = -expm1(t ln beta), which keeps its digits where beta^t is close to 1.
  auto power = [](ScalarMath s, Value t, double beta) {
    return s.op<arith::NegFOp>(s.op<math::ExpM1Op>(s.mul(t, s.number(std::log(beta)))));
  };
  Type type = scalarF32(loc.getContext());
  auto correction = [&](StringRef name, double beta, bool root) {
    return writeMap(builder, named(loc, name), TypeRange(type), step,
                    [&](ScalarMath s, ValueRange in) -> SmallVector<Value> {
                      Value t = s.add(s.toFloat(in[0]), s.number(1));
                      Value rest = beta > 0 ? power(s, t, beta) : s.number(1);
                      return {root ? s.sqrt(rest) : rest};
                    })
        .getResult(0);
  };
  scalars.correction1 = correction("correction1", recipe.beta1, /*root=*/false);
  scalars.correction2 = correction("correction2", recipe.beta2, /*root=*/true);
}
