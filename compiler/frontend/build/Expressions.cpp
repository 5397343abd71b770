//===- Expressions.cpp - names, operators and calls -----------------------===//
#include "compiler/frontend/build/FunctionBuilder.h"
#include "compiler/frontend/build/Scalars.h"

#include <fmt/format.h>

using namespace mlir;

namespace shardc::frontend::build {
namespace {

bool isComparison(BinaryOp op) {
  return op >= BinaryOp::Eq && op <= BinaryOp::Ge;
}

/// What the value of an operator is called where nothing else names it.
std::string nameOfResult(BinaryOp op) {
  switch (op) {
  case BinaryOp::Sub:
    return "difference";
  case BinaryOp::Mul:
    return "product";
  case BinaryOp::Div:
    return "quotient";
  case BinaryOp::Mod:
    return "remainder";
  case BinaryOp::Pow:
    return "power";
  default:
    return isComparison(op) ? "condition" : "sum";
  }
}

/// `c_attn` for `c_attn.weight`: what a product with this weight is called.
std::string productName(const Tensor &weight, const std::string &module) {
  const size_t dot = weight.name.rfind('.');
  if (dot != std::string::npos)
    return weight.name.substr(0, dot);
  return weight.name == "weight" ? module : weight.name;
}

bool isNumberOf(const Term &term, double number) {
  return term.isNumber() && term.config.number == number;
}

} // namespace

Term FunctionBuilder::evaluate(const Expr &expr, const std::string &name) {
  switch (expr.kind) {
  case Expr::Kind::Number:
    return Term::of(expr.number);
  case Expr::Kind::Bool:
    return Term::of(Value::ofBool(expr.boolean));
  case Expr::Kind::None:
    return {};
  case Expr::Kind::Name:
    return evaluateName(expr);
  case Expr::Kind::List:
    fail(expr.at, "a list stands here, where a value is needed", "lists name axes, as in over=[seq, embed]");
  case Expr::Kind::Negate:
    return evaluateNegate(expr, name);
  case Expr::Kind::Not:
    return Term::of(Value::ofBool(!config(*expr.operands[0], "an operand of 'not'").truth()));
  case Expr::Kind::Choice:
    return evaluate(*expr.operands[config(*expr.operands[1], "the condition").truth() ? 0 : 2], name);
  case Expr::Kind::Binary:
    return evaluateBinary(expr, name);
  case Expr::Kind::Call:
    return evaluateCall(expr, name);
  }
  return {};
}

Term FunctionBuilder::evaluateName(const Expr &expr) {
  if (auto local = frame->locals.find(expr.name); local != frame->locals.end()) {
    if (!local->second)
      throw Stop{}; // its statement failed, which was reported
    return *local->second;
  }
  const bool inModule = !frame->caller;
  if (auto weight = weights.find(expr.name); inModule && weight != weights.end())
    return weight->second;
  if (scope.hasKey(expr.name)) {
    std::optional<Value> value = scope.get(expr.name, expr.at, program.diags);
    if (!value)
      throw Stop{};
    return Term::of(std::move(*value));
  }
  std::vector<std::string> known;
  for (const auto &[name, term] : frame->locals)
    known.push_back(name);
  if (inModule)
    for (const auto &[name, weight] : weights)
      known.push_back(name);
  for (const ConfigEntry &entry : scope.model().config)
    known.push_back(entry.key.value);
  Diagnostic &unknown = error(expr.at, fmt::format("unknown name '{}'", expr.name));
  if (instance.module->child(expr.name))
    unknown.note(fmt::format("'{}' is a child: it can be called, as in {}(x)", expr.name, expr.name));
  else if (scope.hasAxis(expr.name) || frame->axes.contains(expr.name))
    unknown.note(fmt::format("'{}' is an axis; axes stand in over=, axis= and positions()", expr.name));
  else
    unknown.suggest(expr.name, known);
  throw Stop{};
}

Term FunctionBuilder::evaluateNegate(const Expr &expr, const std::string &name) {
  const Expr &inner = *expr.operands[0];
  Term term = evaluate(inner);
  if (term.isNumber())
    return Term::of(-term.config.number);
  TensorPtr operand = asTensor(term, inner, "the operand of '-'");
  return mapped(expr, {term}, builder.getF32Type(), builder.getF32Type(), unaryScalar("negative"),
                name.empty() ? operand->name : name);
}

Term FunctionBuilder::evaluateBinary(const Expr &expr, const std::string &name) {
  if (expr.op == BinaryOp::And || expr.op == BinaryOp::Or)
    return evaluateLogic(expr);
  Term left = evaluate(*expr.operands[0]), right = evaluate(*expr.operands[1]);
  for (auto [term, operand] : {std::pair(&left, &expr.operands[0]), std::pair(&right, &expr.operands[1])})
    if (term->kind == Term::Kind::Tuple)
      fail((*operand)->at, fmt::format("an operand of '{}' is {}", spelling(expr.op), term->describe()),
           "give each a name first: a, b = ...");
  if (expr.op == BinaryOp::MatMul)
    return matmul(expr, left, right, name);
  if (left.isTensor() || right.isTensor())
    return arithmetic(expr, left, right, name);

  if (expr.op == BinaryOp::Eq || expr.op == BinaryOp::Ne)
    return Term::of(Value::ofBool((left.config == right.config) == (expr.op == BinaryOp::Eq)));
  for (auto [term, operand] : {std::pair(&left, &expr.operands[0]), std::pair(&right, &expr.operands[1])})
    if (!term->isNumber())
      fail((*operand)->at,
           fmt::format("'{}' is {}, where a number is needed", toString(**operand), term->describe()));
  if ((expr.op == BinaryOp::Div || expr.op == BinaryOp::Mod) && right.config.number == 0)
    fail(expr.at, fmt::format("'{}' divides by zero", toString(expr)));
  std::optional<Value> value = binaryNumber(expr.op, left.config.number, right.config.number);
  if (!value)
    fail(expr.at, fmt::format("'{}' has no finite value", toString(expr)));
  return Term::of(*value);
}

/// As in Python, the value of the side that decides; the other may be anything.
Term FunctionBuilder::evaluateLogic(const Expr &expr) {
  const std::string what = fmt::format("an operand of '{}'", spelling(expr.op));
  Value first = config(*expr.operands[0], what);
  if (first.truth() == (expr.op == BinaryOp::Or))
    return Term::of(first);
  return Term::of(config(*expr.operands[1], what));
}

Term FunctionBuilder::arithmetic(const Expr &expr, Term left, Term right, const std::string &name) {
  // an absent weight reads as 0: nothing is added
  const bool adds = expr.op == BinaryOp::Add, takes = expr.op == BinaryOp::Sub;
  const bool scales = expr.op == BinaryOp::Mul || expr.op == BinaryOp::Div;
  if (((adds || takes) && isNumberOf(right, 0)) || (scales && isNumberOf(right, 1)))
    return left;
  if ((adds && isNumberOf(left, 0)) || (expr.op == BinaryOp::Mul && isNumberOf(left, 1)))
    return right;
  if (expr.op == BinaryOp::Div && isNumberOf(right, 0))
    fail(expr.at, fmt::format("'{}' divides by zero", toString(expr)));

  std::string called = name.empty() ? nameOfResult(expr.op) : name;
  if (name.empty() && adds)
    called = left.isTensor() ? left.tensor->name : right.tensor->name;
  if (expr.op == BinaryOp::Pow)
    return power(expr, left, right, called);
  if (expr.op == BinaryOp::Div || expr.op == BinaryOp::Mod)
    right = withHarmlessPadding(right);
  const bool isFloat = expr.op == BinaryOp::Div;
  Type element = isFloat ? builder.getF32Type() : commonElement(expr, {left, right});
  Type result = isComparison(expr.op) ? builder.getI1Type() : element;
  return mapped(expr, {left, right}, element, result, binaryScalar(expr.op), called);
}

Term FunctionBuilder::power(const Expr &expr, const Term &left, const Term &right, const std::string &name) {
  Type f32 = builder.getF32Type();
  const Term base = withHarmlessPadding(left);
  if (right.isNumber())
    return mapped(expr, {base}, f32, f32, powerScalar(right.config.number), name);
  return mapped(expr, {base, right}, f32, f32, powerScalar(), name);
}

/// Folds every axis that both have, except batch and seq.
Term FunctionBuilder::matmul(const Expr &expr, const Term &left, const Term &right, const std::string &name) {
  for (auto [term, operand] : {std::pair(&left, &expr.operands[0]), std::pair(&right, &expr.operands[1])})
    if (!term->isTensor())
      fail((*operand)->at, fmt::format("'@' needs a tensor on each side, got {}", term->describe()),
           "write '*' to scale by a number");
  TensorPtr a = left.tensor, b = right.tensor;
  auto types = [&] { return fmt::format("{} @ {}", nn::toString(a->type), nn::toString(b->type)); };
  if (!a->isWeight && !b->isWeight)
    fail(expr.at, fmt::format("neither side of '@' is a weight: {}", types()),
         "say what is folded: contract(a, b, over=..., keep=...)");
  std::vector<std::string> folded;
  for (nn::AxisAttr axis : a->type.getAxes())
    if (b->type.has(axis.getName()) && !isStepAxis(axis.getName().str()))
      folded.push_back(axis.getName().str());
  if (folded.empty())
    fail(expr.at, fmt::format("the sides of '@' share no axis to fold: {}", types()),
         "'@' folds the axes that both have, except batch and seq");
  requireWholeProducts(folded, {a, b}, expr.at, "'@'");
  const std::string called =
      name.empty() ? productName(b->isWeight ? *b : *a, instance.module->name.value) : name;
  return contraction(expr, a, b, folded, called);
}

/// A weight as it is stored, no function of one.
static bool isOwnWeight(const Tensor &tensor) {
  return tensor.isWeight && tensor.value &&
         (isa<BlockArgument>(tensor.value) || tensor.value.getDefiningOp<nn::UnpackOp>());
}

Term FunctionBuilder::contraction(const Expr &expr, const TensorPtr &a, const TensorPtr &b,
                                  const std::vector<std::string> &over, const std::string &name) {
  SmallVector<nn::AxisAttr> axes;
  for (const TensorPtr &side : {a, b})
    for (nn::AxisAttr axis : side->type.getAxes()) {
      auto sameName = [&](nn::AxisAttr known) { return known.getName() == axis.getName(); };
      const nn::AxisAttr other = (side == a ? b : a)->type.find(axis.getName());
      if (other && other != axis)
        fail(expr.at, fmt::format("axis '{}' has two sizes: {} and {}", axis.getName().str(),
                                  nn::toString(a->type), nn::toString(b->type)));
      if (!llvm::is_contained(over, axis.getName().str()) && llvm::none_of(axes, sameName))
        axes.push_back(axis);
    }
  Type f32 = builder.getF32Type();
  TensorPtr lhs = cast(a, f32), rhs = cast(b, f32);
  // One masked side makes both gradients zero; a weight itself is zero there.
  if (!isOwnWeight(*a))
    lhs = withoutPadding(lhs, over, 0.0);
  else if (!isOwnWeight(*b))
    rhs = withoutPadding(rhs, over, 0.0);
  mlir::Value left = valueOf(*lhs), right = valueOf(*rhs);
  markContracted(*a);
  markContracted(*b);
  auto made = builder.create<nn::ContractOp>(loc(expr.at, name), nn::NamedTensorType::get(f32, axes), left,
                                             right, strs(over));
  Term term = result(made);
  term.tensor->isWeight = a->isWeight && b->isWeight;
  return term;
}

Term FunctionBuilder::evaluateCall(const Expr &expr, const std::string &name) {
  if (!frame->caller)
    if (const ChildSpec *child = instance.module->child(expr.name))
      return callChild(*child, expr, name);
  if (const Function *function = scope.model().function(expr.name))
    return callFunction(*function, expr, name);
  if (Builtin builtin = findBuiltin(expr.name))
    return builtin(*this, expr, name);
  unknownCall(expr);
}

void FunctionBuilder::unknownCall(const Expr &expr) {
  if (isReservedFunction(expr.name))
    fail(expr.at, fmt::format("'{}' is not supported yet", expr.name),
         "the name is reserved for mixtures of experts");
  std::vector<std::string> known = builtinNames();
  for (const Function &function : scope.model().functions)
    known.push_back(function.name);
  if (!frame->caller)
    for (const ChildSpec &child : instance.module->children)
      known.push_back(child.name.value);
  Diagnostic &unknown = error(expr.at, fmt::format("unknown function '{}'", expr.name));
  if (scope.model().module(expr.name))
    unknown.note(fmt::format("'{}' is a module; list it under 'children' of '{}' to call it", expr.name,
                             instance.module->name.value));
  else
    unknown.suggest(expr.name, known);
  throw Stop{};
}

} // namespace shardc::frontend::build
