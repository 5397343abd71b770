//===- StepModules.cpp - update, norm and first weights of a module's bundle ---===//
//
// The optimizer is torch.optim.AdamW: decay first and apart from the gradient, both moments corrected for
// their zero start; or torch.optim.SGD: decay is added to the gradient, and momentum adds up what then moves
// the weights. The moving average of the weights is torch.optim.swa_utils' ema_avg: the weights after the
// first step, then a share of the weights after each.
//
//===----------------------------------------------------------------------===//

#include "compiler/transforms/nn/StepModules.h"

#include "compiler/transforms/nn/Derivative.h"
#include "compiler/transforms/nn/ScalarMath.h"
#include "compiler/transforms/nn/StepScalars.h"
#include "dialects/nn/Build.h"
#include "dialects/nn/Padding.h"

using namespace mlir;
using namespace nn;

namespace {
class Writer {
public:
  Writer(SymbolTable &symbols, Location loc, const Recipe &recipe, BundleType weights,
         ArrayRef<ParameterAttr> parameters)
      : symbols(symbols), loc(loc), context(loc.getContext()), recipe(recipe), weights(weights),
        parameters(parameters) {}

  ModuleFunctions write() {
    ModuleFunctions functions;
    functions.weights = weights;
    functions.gradients = gradients = gradientsType(weights);
    functions.state = state =
        BundleType::get(context, name("_state"), gradients.getFields(), gradients.getTypes());
    functions.squaredNorm = writeSquaredNorm();
    functions.update = writeUpdate();
    functions.init = writeInit();
    return functions;
  }

private:
  StringAttr name(StringRef suffix) const {
    return StringAttr::get(context, weights.getName().getValue() + suffix);
  }
  FuncOp start(StringRef suffix, ArrayRef<Slot> slots) {
    return startFunction(symbols, loc, freshName(symbols, name(suffix).getValue()), slots);
  }
  ValueRange unpack(OpBuilder &builder, Value bundle) {
    return builder.create<UnpackOp>(bundle.getLoc(), bundle).getResults();
  }
  Location fieldLoc(StringRef field) const { return named(loc, field); }

  FuncOp writeSquaredNorm();
  FuncOp writeUpdate();
  FuncOp writeInit();
  Value withoutPadding(OpBuilder &builder, Value value);
  using Named = llvm::StringMap<Value>;
  /// The new weight; replaces the optimizer's states among `in`, what is there by name (g is the gradient).
  Value adamw(ScalarMath s, Named &in, bool decays) const;
  Value sgd(ScalarMath s, Named &in, bool decays) const;

  SymbolTable &symbols;
  Location loc;
  MLIRContext *context;
  const Recipe &recipe;
  BundleType weights, gradients, state;
  ArrayRef<ParameterAttr> parameters;
};

FuncOp Writer::writeSquaredNorm() {
  FuncOp func = start("_squared_norm", {{gradients, "gradients", kindAttrs(context, kindGradient)}});
  OpBuilder builder = OpBuilder::atBlockEnd(&func.getBody().front());
  SmallVector<Value> squares;
  for (auto [gradient, field] : llvm::zip(unpack(builder, func.getArgument(0)), gradients.getFields())) {
    Value square =
        writeMap(builder, fieldLoc(field.getValue()), TypeRange(gradient.getType()), gradient,
                 [](ScalarMath s, ValueRange in) -> SmallVector<Value> { return {s.mul(in[0], in[0])}; })
            .getResult(0);
    squares.push_back(buildSumTo(builder, fieldLoc(field.getValue()), square, scalarF32(context)));
  }
  Value total = squares[0];
  if (squares.size() > 1)
    total = writeMap(builder, named(loc, "squared_norm"), TypeRange(scalarF32(context)), squares,
                     [](ScalarMath s, ValueRange in) -> SmallVector<Value> {
                       Value sum = in[0];
                       for (Value square : in.drop_front())
                         sum = s.add(sum, square);
                       return {sum};
                     })
                .getResult(0);
  finishFunction(func, total, kindAttrs(context, kindAccumulator));
  return func;
}

Value Writer::adamw(ScalarMath s, Named &in, bool decays) const {
  Value gradient = s.mul(in["g"], in["scale"]), lr = in["lr"], weight = in["w"];
  Value &m = in["m"], &v = in["v"];
  m = s.add(s.mul(s.number(recipe.beta1), m), s.mul(s.number(1 - recipe.beta1), gradient));
  v = s.add(s.mul(s.number(recipe.beta2), v), s.mul(s.number(1 - recipe.beta2), s.mul(gradient, gradient)));
  if (decays && recipe.weightDecay != 0)
    weight = s.mul(weight, s.sub(s.number(1), s.mul(lr, s.number(recipe.weightDecay))));
  Value denominator = s.add(s.div(s.sqrt(v), in["correction2"]), s.number(recipe.eps));
  return s.sub(weight, s.mul(s.div(lr, in["correction1"]), s.div(m, denominator)));
}

Value Writer::sgd(ScalarMath s, Named &in, bool decays) const {
  Value step = s.mul(in["g"], in["scale"]);
  if (decays && recipe.weightDecay != 0)
    step = s.add(step, s.mul(s.number(recipe.weightDecay), in["w"]));
  if (recipe.momentum != 0)
    step = in["momentum"] = s.add(s.mul(s.number(recipe.momentum), in["momentum"]), step);
  return s.sub(in["w"], s.mul(in["lr"], step));
}

/// One map for each weight: the weight and its states after the step.
FuncOp Writer::writeUpdate() {
  DictionaryAttr isState = kindAttrs(context, kindOptimizerState);
  DictionaryAttr isParameter = kindAttrs(context, kindParameter);
  SmallVector<StringRef> states = recipe.states(), names = {"w", "g"}; // of a map's arguments
  llvm::append_range(names, states);
  llvm::append_range(names, scalarNames(recipe));
  SmallVector<Slot> slots = {{weights, "weights", isParameter},
                             {gradients, "gradients", kindAttrs(context, kindGradient)}};
  for (StringRef name : states)
    slots.push_back({state, name.str(), isState});
  const size_t firstScalar = slots.size();
  for (StringRef name : scalarNames(recipe))
    slots.push_back({scalarF32(context), name.str(), {}});
  FuncOp func = start("_update", slots);

  OpBuilder builder = OpBuilder::atBlockEnd(&func.getBody().front());
  SmallVector<ValueRange> bundles;
  for (BlockArgument argument : func.getArguments().take_front(firstScalar))
    bundles.push_back(unpack(builder, argument));
  ValueRange scalars = func.getArguments().drop_front(firstScalar);
  SmallVector<SmallVector<Value>> updated(1 + states.size());
  unsigned floatField = 0;
  for (auto [index, weight] : llvm::enumerate(bundles[0])) {
    if (!carriesGradient(weight.getType())) { // what is not trained stays
      updated[0].push_back(weight);
      continue;
    }
    SmallVector<Value> operands = {weight};
    for (ValueRange others : llvm::drop_begin(bundles))
      operands.push_back(others[floatField]);
    llvm::append_range(operands, scalars);
    ++floatField;
    bool decays = parameters[index].getDecay().getValue();
    SmallVector<Type> types(updated.size(), weight.getType());
    auto write = [&](ScalarMath s, ValueRange in) {
      Named values;
      for (auto [name, value] : llvm::zip_equal(names, in))
        values[name] = value;
      SmallVector<Value> results = {recipe.isAdamW ? adamw(s, values, decays) : sgd(s, values, decays)};
      if (Value &ema = values[stateEma]; recipe.emaDecay)
        ema = s.add(ema, s.mul(values["ema_share"], s.sub(results[0], ema)));
      for (StringRef name : states)
        results.push_back(values[name]);
      return results;
    };
    MapOp map = writeMap(builder, fieldLoc(weights.getFields()[index].getValue()), types, operands, write);
    for (auto [argument, name] : llvm::zip_equal(map.getBody().getArguments(), names))
      argument.setLoc(named(loc, name));
    for (auto [bundle, result] : llvm::zip(updated, map.getResults()))
      bundle.push_back(result);
  }
  SmallVector<Value> results = {
      builder.create<PackOp>(named(loc, "weights"), weights, updated[0]).getResult()};
  SmallVector<DictionaryAttr> attrs = {isParameter};
  for (auto [name, fields] : llvm::zip_equal(states, llvm::drop_begin(updated))) {
    results.push_back(builder.create<PackOp>(named(loc, name), state, fields));
    attrs.push_back(isState);
  }
  finishFunction(func, results, attrs);
  return func;
}

/// `value` with zeros in the padding of its axes.
Value Writer::withoutPadding(OpBuilder &builder, Value value) {
  auto type = cast<NamedTensorType>(value.getType());
  for (AxisAttr axis : type.getAxes()) {
    const int64_t valid = validSizeOf(symbols.getOp(), axis);
    if (valid == axis.getSize())
      continue;
    Value place = builder.create<IotaOp>(named(value.getLoc(), "positions"),
                                         NamedTensorType::get(builder.getI32Type(), axis));
    value = writeMap(builder, value.getLoc(), type, {value, place},
                     [&](ScalarMath s, ValueRange in) -> SmallVector<Value> {
                       Value end = s.builder.create<arith::ConstantOp>(
                           s.loc, s.builder.getI32IntegerAttr(static_cast<int32_t>(valid)));
                       Value isValid =
                           s.builder.create<arith::CmpIOp>(s.loc, arith::CmpIPredicate::slt, in[1], end);
                       return {s.builder.create<arith::SelectOp>(s.loc, isValid, in[0], s.number(0))};
                     })
                .getResult(0);
  }
  return value;
}

FuncOp Writer::writeInit() {
  FuncOp func = start("_init", {{KeyType::get(context), "key", {}}});
  OpBuilder builder = OpBuilder::atBlockEnd(&func.getBody().front());
  SmallVector<Value> fields;
  for (auto [index, parameter] : llvm::enumerate(parameters)) {
    auto type = cast<NamedTensorType>(weights.getTypes()[index]);
    Location at = fieldLoc(weights.getFields()[index].getValue());
    StringRef how = parameter.getInit().getValue();
    Value value;
    if (how == "normal")
      value = builder.create<RandomOp>(at, type, func.getArgument(0),
                                       builder.getF64FloatAttr(parameter.getStd().getValueAsDouble()),
                                       builder.getI32IntegerAttr(index));
    else
      value = buildFill(builder, at, type, how == "ones" ? 1 : 0);
    fields.push_back(how == "zeros" ? value : withoutPadding(builder, value));
  }
  Value result = builder.create<PackOp>(named(loc, "weights"), weights, fields);
  finishFunction(func, result, kindAttrs(context, kindParameter));
  return func;
}
} // namespace

ModuleFunctions nn::writeModuleFunctions(SymbolTable &symbols, Location loc, const Recipe &recipe,
                                         BundleType weights, ArrayRef<ParameterAttr> parameters) {
  return Writer(symbols, loc, recipe, weights, parameters).write();
}
