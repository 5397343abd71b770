//===- BuiltinsMath.cpp - elementwise functions, folds, products ----------===//
#include "compiler/frontend/build/Builtins.h"
#include "compiler/frontend/build/Scalars.h"

#include <fmt/format.h>
#include <limits>

using namespace mlir;

namespace shardc::frontend::build {

Term buildUnary(FunctionBuilder &b, const Expr &call, const std::string &name) {
  const Expr &operand = *b.bind(call, {{"x"}})[0];
  Term x = b.evaluate(operand);
  if (x.isNumber()) {
    std::optional<double> value = unaryNumber(call.name, x.config.number);
    if (!value)
      b.fail(call.at, fmt::format("'{}' has no finite value", toString(call)));
    return Term::of(*value);
  }
  b.asTensor(x, operand, fmt::format("the argument of '{}'", call.name));
  Type f32 = b.builder.getF32Type();
  // The others are finite everywhere, and so are their slopes.
  const bool isPartial =
      call.name == "exp" || call.name == "log" || call.name == "sqrt" || call.name == "rsqrt";
  return b.mapped(call, {isPartial ? b.withHarmlessPadding(x) : x}, f32, f32, unaryScalar(call.name),
                  nameOr(name, call.name));
}

Term buildMaximum(FunctionBuilder &b, const Expr &call, const std::string &name) {
  auto bound = b.bind(call, {{"a"}, {"b"}});
  Term left = b.evaluate(*bound[0]), right = b.evaluate(*bound[1]);
  if (left.isNumber() && right.isNumber())
    return Term::of(std::max(left.config.number, right.config.number));
  Type element = b.commonElement(call, {left, right});
  return b.mapped(call, {left, right}, element, element, maximumScalar(), nameOr(name, call.name));
}

Term buildWhere(FunctionBuilder &b, const Expr &call, const std::string &name) {
  auto bound = b.bind(call, {{"condition"}, {"a"}, {"b"}});
  Term condition = b.evaluate(*bound[0]), yes = b.evaluate(*bound[1]), no = b.evaluate(*bound[2]);
  if (condition.isConfig())
    return condition.config.truth() ? yes : no;
  TensorPtr chosen = b.asTensor(condition, *bound[0], "the condition of 'where'");
  if (!chosen->type.getElementType().isInteger(1))
    b.fail(bound[0]->at,
           fmt::format("the condition of 'where' must be a comparison, got {}", condition.describe()));
  Type element = b.commonElement(call, {yes, no});
  if (yes.isNumber() && no.isNumber())
    element = b.builder.getF32Type();
  std::vector<TensorPtr> operands{chosen};
  for (const Term &term : {yes, no}) {
    if (term.isNumber())
      operands.push_back(constant(term.config.number, element, b.loc(call.at, "where")));
    else
      operands.push_back(b.cast(b.asTensor(term, call, "an operand of 'where'"), element));
  }
  return b.mapTensors(call, operands, element, selectScalar(), nameOr(name, call.name));
}

namespace {

struct Fold {
  TensorPtr operand;
  std::vector<std::string> over;
  nn::NamedTensorType type;
};

Fold bindFold(FunctionBuilder &b, const Expr &call) {
  auto bound = b.bind(call, {{"x"}, {"over"}});
  const std::string what = fmt::format("the operand of '{}'", call.name);
  TensorPtr x = b.asTensor(b.evaluate(*bound[0]), *bound[0], what);
  Fold fold{nullptr, b.axes(*bound[1]), {}};
  b.requireAxes(*x, fold.over, *bound[1], what);
  b.refuseBatch(fold.over, *bound[1], fmt::format("'{}'", call.name));
  b.requireWholeProducts(fold.over, {x}, call.at, fmt::format("'{}'", call.name));
  if (x->type.getElementType().isInteger(1))
    b.commonElement(*bound[0], Term::of(x));
  fold.operand = b.cast(x, b.builder.getF32Type());
  SmallVector<nn::AxisAttr> kept;
  for (nn::AxisAttr axis : x->type.getAxes())
    if (!llvm::is_contained(fold.over, axis.getName().str()))
      kept.push_back(axis);
  fold.type = fold.operand->type.withAxes(kept);
  return fold;
}

Term buildReduce(FunctionBuilder &b, const Expr &call, const Fold &fold, nn::ReductionKind kind,
                 const std::string &name) {
  const double neutral =
      kind == nn::ReductionKind::sum ? 0.0 : static_cast<double>(std::numeric_limits<float>::lowest());
  mlir::Value operand = b.valueOf(*b.withoutPadding(fold.operand, fold.over, neutral));
  return b.result(
      b.builder.create<nn::ReduceOp>(b.loc(call.at, name), fold.type, kind, operand, b.strs(fold.over)));
}

} // namespace

Term buildSum(FunctionBuilder &b, const Expr &call, const std::string &name) {
  return buildReduce(b, call, bindFold(b, call), nn::ReductionKind::sum, nameOr(name, call.name));
}

Term buildMax(FunctionBuilder &b, const Expr &call, const std::string &name) {
  return buildReduce(b, call, bindFold(b, call), nn::ReductionKind::max, nameOr(name, call.name));
}

Term buildMean(FunctionBuilder &b, const Expr &call, const std::string &name) {
  const Fold fold = bindFold(b, call);
  double count = 1;
  for (const std::string &axis : fold.over)
    count *= static_cast<double>(
        b.program.padding.validSizeOf(axis, fold.operand->type.find(b.str(axis)).getSize()));
  Term sum = buildReduce(b, call, fold, nn::ReductionKind::sum, "sum");
  Type f32 = b.builder.getF32Type();
  return b.mapped(call, {sum, Term::of(count)}, f32, f32, binaryScalar(BinaryOp::Div),
                  nameOr(name, call.name));
}

Term buildContract(FunctionBuilder &b, const Expr &call, const std::string &name) {
  auto bound = b.bind(call, {{"a"}, {"b"}, {"over"}, {"keep", false}});
  TensorPtr lhs = b.tensor(*bound[0], "an operand of 'contract'");
  TensorPtr rhs = b.tensor(*bound[1], "an operand of 'contract'");
  std::vector<std::string> over = b.axes(*bound[2]);
  std::vector<std::string> keep = bound[3] ? b.axes(*bound[3]) : std::vector<std::string>{};
  for (const TensorPtr &side : {lhs, rhs}) {
    b.requireAxes(*side, over, *bound[2], "an operand of 'contract'");
    if (bound[3])
      b.requireAxes(*side, keep, *bound[3], "an operand of 'contract'");
  }
  b.refuseBatch(over, *bound[2], "'contract'");
  b.requireWholeProducts(over, {lhs, rhs}, call.at, "'contract'");
  for (nn::AxisAttr axis : lhs->type.getAxes()) {
    const std::string shared = axis.getName().str();
    if (!rhs->type.has(axis.getName()))
      continue;
    const bool folds = llvm::is_contained(over, shared), keeps = llvm::is_contained(keep, shared);
    if (folds && keeps)
      b.fail(bound[3]->at, fmt::format("axis '{}' stands in 'over' and in 'keep'", shared));
    if (!folds && !keeps)
      b.fail(call.at, fmt::format("axis '{}' is in both operands of 'contract'", shared),
             "say whether it is folded (over=) or not (keep=)");
  }
  return b.contraction(call, lhs, rhs, over, nameOr(name, call.name));
}

Term buildDetach(FunctionBuilder &b, const Expr &call, const std::string &name) {
  TensorPtr x = b.tensor(*b.bind(call, {{"x"}})[0], "the argument of 'detach'");
  return b.result(b.builder.create<nn::DetachOp>(b.loc(call.at, nameOr(name, x->name)), x->type, x->value));
}

} // namespace shardc::frontend::build
