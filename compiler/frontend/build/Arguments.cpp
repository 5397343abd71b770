//===- Arguments.cpp - what calls are given, checked ----------------------===//
#include "compiler/frontend/build/FunctionBuilder.h"
#include "compiler/frontend/build/Scalars.h"

#include <cmath>
#include <fmt/format.h>

using namespace mlir;

namespace shardc::frontend::build {
namespace {

/// `rope(x, positions, over, scaling=)`: arguments that may be left out have a `=`.
std::string signatureOf(const std::string &name, const std::vector<Param> &params) {
  std::string text;
  for (const Param &param : params)
    text += fmt::format("{}{}{}", text.empty() ? "" : ", ", param.name, param.required ? "" : "=");
  return fmt::format("{}({})", name, text);
}

} // namespace

//===-- errors and places ------------------------------------------------------===//

Diagnostic &FunctionBuilder::error(const Position &at, std::string message) {
  Diagnostic &made = program.diags.error(at, std::move(message));
  for (const Frame *inner = frame; inner && inner->caller; inner = inner->caller)
    made.note(inner->callSite, fmt::format("in the call of '{}'", inner->function->name));
  return made;
}

void FunctionBuilder::fail(const Position &at, std::string message, std::string note) {
  Diagnostic &made = error(at, std::move(message));
  if (!note.empty())
    made.note(std::move(note));
  throw Stop{};
}

/// Ops of an inlined function stand where the module calls it: that is the line a reader knows.
Location FunctionBuilder::loc(const Position &at, StringRef name) {
  const Position *place = &at;
  for (const Frame *inner = frame; inner && inner->caller; inner = inner->caller)
    place = &inner->callSite;
  return nn::named(program.place(*place), name);
}

//===-- binding ----------------------------------------------------------------===//

std::vector<const Expr *> FunctionBuilder::bind(const Expr &call, const std::vector<Param> &params) {
  const std::string signature = fmt::format("it is written {}", signatureOf(call.name, params));
  if (call.operands.size() > params.size())
    fail(call.at,
         fmt::format("'{}' takes {} argument{}, got {}", call.name, params.size(),
                     params.size() == 1 ? "" : "s", call.operands.size()),
         signature);
  std::vector<const Expr *> bound(params.size());
  for (auto [i, operand] : llvm::enumerate(call.operands))
    bound[i] = operand.get();
  for (const Keyword &keyword : call.keywords) {
    auto param = llvm::find_if(params, [&](const Param &p) { return p.name == keyword.name; });
    if (param == params.end()) {
      std::vector<std::string> names;
      for (const Param &candidate : params)
        names.push_back(candidate.name);
      Diagnostic &unknown =
          error(keyword.at, fmt::format("'{}' has no argument '{}'", call.name, keyword.name));
      if (nearest(keyword.name, names))
        unknown.suggest(keyword.name, names);
      else
        unknown.note(signature);
      throw Stop{};
    }
    const Expr *&slot = bound[param - params.begin()];
    if (slot)
      fail(keyword.at, fmt::format("argument '{}' of '{}' is given twice", keyword.name, call.name));
    slot = keyword.value.get();
  }
  for (auto [param, expr] : llvm::zip(params, bound))
    if (!expr && param.required)
      fail(call.at, fmt::format("'{}' lacks its argument '{}'", call.name, param.name), signature);
  return bound;
}

//===-- values -----------------------------------------------------------------===//

TensorPtr FunctionBuilder::asTensor(const Term &term, const Expr &expr, const std::string &what) {
  if (!term.isTensor())
    fail(expr.at, fmt::format("{} must be a tensor, got {}", what, term.describe()));
  return term.tensor;
}

TensorPtr FunctionBuilder::tensor(const Expr &expr, const std::string &what) {
  TensorPtr made = asTensor(evaluate(expr), expr, what);
  valueOf(*made);
  return made;
}

Value FunctionBuilder::config(const Expr &expr, const std::string &what) {
  Term term = evaluate(expr);
  if (!term.isConfig())
    fail(expr.at, fmt::format("{} must be known at compile time, got {}", what, term.describe()),
         "numbers and config keys are; tensors are not");
  return term.config;
}

std::optional<double> FunctionBuilder::number(const Expr *expr, const std::string &what, bool orNull) {
  if (!expr)
    return std::nullopt;
  Value value = config(*expr, what);
  if (orNull && value.isNull())
    return std::nullopt;
  if (!value.isNumber())
    fail(expr->at, fmt::format("{} must be a number, got {}", what, value.str()));
  return value.number;
}

std::optional<int64_t> FunctionBuilder::count(const Expr *expr, const std::string &what) {
  std::optional<double> value = number(expr, what, /*orNull=*/true);
  if (!value)
    return std::nullopt;
  if (*value != std::floor(*value) || *value < 1 || *value > 1e15)
    fail(expr->at, fmt::format("{} must be whole and at least 1, got {}", what, *value));
  return static_cast<int64_t>(*value);
}

double FunctionBuilder::probability(const Expr &expr, const std::string &what) {
  const double p = number(&expr, what, /*orNull=*/true).value_or(0);
  if (!(p >= 0 && p < 1))
    fail(expr.at, fmt::format("{} must be at least 0 and below 1, got {}", what, p));
  return p;
}

bool FunctionBuilder::flag(const Expr *expr, const std::string &what, bool fallback) {
  return expr ? config(*expr, what).truth() : fallback;
}

//===-- axes -------------------------------------------------------------------===//

std::vector<std::string> FunctionBuilder::axes(const Expr &expr) {
  std::vector<std::string> all;
  if (expr.kind == Expr::Kind::List) {
    for (const ExprPtr &item : expr.operands)
      for (std::string &axis : axes(*item)) {
        if (llvm::is_contained(all, axis))
          fail(item->at, fmt::format("axis '{}' is listed twice", axis));
        all.push_back(std::move(axis));
      }
    return all;
  }
  if (expr.kind != Expr::Kind::Name)
    fail(expr.at, fmt::format("'{}' is not the name of an axis", toString(expr)));
  if (auto parameter = frame->axes.find(expr.name); parameter != frame->axes.end())
    return parameter->second;
  if (!scope.hasAxis(expr.name)) {
    std::vector<std::string> known{"batch", "seq"};
    for (const AxisSpec &axis : scope.model().axes)
      known.push_back(axis.name.value);
    for (const auto &[parameter, parts] : frame->axes)
      known.push_back(parameter);
    error(expr.at, fmt::format("unknown axis '{}'", expr.name)).suggest(expr.name, known);
    throw Stop{};
  }
  auto parts = scope.flatten(expr.name, expr.at, program.diags);
  if (!parts)
    throw Stop{};
  return *parts;
}

std::string FunctionBuilder::singleAxis(const Expr &expr, const std::string &what) {
  std::vector<std::string> parts = axes(expr);
  if (parts.size() != 1)
    fail(expr.at, fmt::format("{} must be one axis, got {}", what, listed(parts, "and")));
  return parts.front();
}

nn::AxisAttr FunctionBuilder::axisAttr(const std::string &axis, const Position &at) {
  std::optional<int64_t> size = scope.size(axis, at, program.diags);
  if (!size)
    throw Stop{};
  return nn::AxisAttr::get(&program.context, str(axis), program.padding.sizeOf(axis, *size), {});
}

void FunctionBuilder::refusePadded(const nn::NamedTensorType &type, const Position &at,
                                   const std::string &what) {
  for (nn::AxisAttr axis : type.getAxes())
    if (const PaddedAxis *padded = program.padding.find(axis.getName().getValue()))
      fail(at,
           fmt::format("{} has axis '{}', which the plan's mesh axes do not divide: {} is padded to {}", what,
                       axis.getName().str(), padded->valid, padded->padded),
           fmt::format("this needs a size of '{}' that they divide", axis.getName().str()));
}

TensorPtr FunctionBuilder::withoutPadding(TensorPtr x, ArrayRef<std::string> over, double neutral) {
  for (const std::string &axis : over) {
    const PaddedAxis *padded = program.padding.find(axis);
    if (!padded)
      continue;
    const Type i32 = builder.getI32Type(), i1 = builder.getI1Type();
    mlir::Value &iota = positions[{axis}];
    if (!iota)
      iota = builder.create<nn::IotaOp>(nn::named(x->loc, "positions"),
                                        nn::NamedTensorType::get(i32, x->type.find(str(axis))));
    auto isValid =
        elementwise(builder, nn::NamedTensorType::get(i1, x->type.find(str(axis))),
                    {result(iota).tensor, constant(static_cast<double>(padded->valid), i32, x->loc)},
                    binaryScalar(BinaryOp::Lt), "is_valid", x->loc);
    x = elementwise(builder, x->type, {isValid, x, constant(neutral, x->type.getElementType(), x->loc)},
                    selectScalar(), x->name, x->loc);
  }
  return x;
}

Term FunctionBuilder::withHarmlessPadding(const Term &x) {
  if (!x.isTensor())
    return x;
  std::vector<std::string> axes;
  for (StringAttr axis : x.tensor->type.names())
    axes.push_back(axis.str());
  return Term::of(withoutPadding(x.tensor, axes, 1.0));
}

void FunctionBuilder::requireAxes(const Tensor &tensor, const std::vector<std::string> &axes, const Expr &at,
                                  const std::string &what) {
  for (const std::string &axis : axes)
    if (!tensor.type.has(str(axis))) {
      std::vector<std::string> names;
      for (StringAttr name : tensor.type.names())
        names.push_back(nn::plainName(name).str());
      const std::string plain(plainAxis(axis));
      const bool shown = at.kind == Expr::Kind::Name && at.name != plain && !frame->axes.contains(at.name);
      error(at.at,
            fmt::format("{} has no axis '{}'{}: {}", what, plain,
                        shown ? fmt::format(", a part of '{}'", at.name) : "", nn::toString(tensor.type)))
          .suggest(plain, names);
      throw Stop{};
    }
}

void FunctionBuilder::refuseBatch(const std::vector<std::string> &axes, const Expr &at,
                                  const std::string &what) {
  if (llvm::any_of(axes, [](const std::string &axis) { return plainAxis(axis) == "batch"; }))
    fail(at.at, fmt::format("{} cannot fold axis 'batch'", what),
         "only the step folds it, so that no result depends on micro-batches");
}

void FunctionBuilder::requireWholeProducts(const std::vector<std::string> &folded,
                                           ArrayRef<TensorPtr> tensors, const Position &at,
                                           const std::string &what) {
  for (const AxisSpec &axis : scope.model().axes) {
    if (!axis.isProduct())
      continue;
    auto parts = scope.flatten(axis.name.value, axis.name.at, program.diags);
    if (!parts)
      throw Stop{};
    auto isFolded = [&](const std::string &part) { return llvm::is_contained(folded, part); };
    auto hasAll = [&](const TensorPtr &tensor) {
      return llvm::all_of(*parts, [&](const std::string &part) { return tensor->type.has(str(part)); });
    };
    if (llvm::none_of(*parts, isFolded) || llvm::all_of(*parts, isFolded) || llvm::none_of(tensors, hasAll))
      continue;
    const std::string missing = *llvm::find_if_not(*parts, isFolded);
    const bool isLacking = !llvm::all_of(tensors, hasAll);
    fail(at,
         fmt::format("{} would fold only {} of the product '{}'", what,
                     listed({*llvm::find_if(*parts, isFolded)}), axis.name.value),
         fmt::format("'{}' is folded whole or not at all{}", axis.name.value,
                     isLacking ? fmt::format(", and one side lacks '{}'", missing) : ""));
  }
}

ArrayAttr FunctionBuilder::strs(const std::vector<std::string> &texts) {
  return builder.getArrayAttr(
      llvm::map_to_vector(texts, [&](const std::string &text) -> Attribute { return str(text); }));
}

//===-- maps -------------------------------------------------------------------===//

Type FunctionBuilder::commonElement(const Expr &at, ArrayRef<Term> terms) {
  bool isFloat = false;
  for (const Term &term : terms) {
    if (term.isTensor() && term.tensor->type.getElementType().isInteger(1))
      fail(at.at, fmt::format("a condition is no number: {}", term.describe()),
           "where(condition, a, b) makes a number of it");
    isFloat |= term.isTensor() && isa<FloatType>(term.tensor->type.getElementType());
    isFloat |= term.isNumber() && term.config.number != std::floor(term.config.number);
  }
  return isFloat ? Type(builder.getF32Type()) : Type(builder.getI32Type());
}

TensorPtr FunctionBuilder::cast(TensorPtr tensor, Type element) {
  if (tensor->type.getElementType() == element)
    return tensor;
  return elementwise(builder, tensor->type.withElementType(element), {tensor}, castScalar(element),
                     tensor->name, tensor->loc);
}

Term FunctionBuilder::mapped(const Expr &at, ArrayRef<Term> terms, Type element, Type result, ScalarFn scalar,
                             const std::string &name) {
  const Location place = loc(at.at, name);
  std::vector<TensorPtr> operands;
  SmallVector<nn::NamedTensorType> types;
  for (const Term &term : terms) {
    if (term.isTensor()) {
      if (term.tensor->type.getElementType().isInteger(1) && !element.isInteger(1))
        commonElement(at, term);
      operands.push_back(cast(term.tensor, element));
    } else if (term.isNumber()) {
      operands.push_back(constant(term.config.number, element, place));
    } else {
      fail(at.at, fmt::format("an operand of '{}' must be a tensor or a number, got {}",
                              at.kind == Expr::Kind::Binary ? spelling(at.op) : at.name, term.describe()));
    }
    types.push_back(operands.back()->type);
  }
  return mapTensors(at, operands, result, std::move(scalar), name);
}

Term FunctionBuilder::mapTensors(const Expr &at, std::vector<TensorPtr> operands, Type result,
                                 ScalarFn scalar, const std::string &name) {
  SmallVector<nn::NamedTensorType> types;
  for (const TensorPtr &operand : operands)
    types.push_back(operand->type);
  size_t first = 0, second = 0;
  nn::NamedTensorType type = broadcast(types, result, first, second);
  if (!type)
    fail(at.at,
         fmt::format("operands of '{}' do not fit: {} and {}",
                     at.kind == Expr::Kind::Binary ? spelling(at.op) : at.name, nn::toString(types[first]),
                     nn::toString(types[second])),
         "of two tensors that share an axis, one must have all axes of the other");
  return Term::of(elementwise(builder, type, std::move(operands), std::move(scalar), name, loc(at.at, name)));
}

Term FunctionBuilder::result(mlir::Value value) {
  return Term::of(std::make_shared<Tensor>(Tensor{.type = llvm::cast<nn::NamedTensorType>(value.getType()),
                                                  .name = nn::nameOf(value.getLoc()).str(),
                                                  .loc = value.getLoc(),
                                                  .value = value}));
}

Term FunctionBuilder::view(mlir::Value value, const Tensor &of) {
  Term term = result(value);
  term.tensor->isWeight = of.isWeight;
  term.tensor->fields = of.fields;
  term.tensor->params = of.params;
  return term;
}

TensorPtr FunctionBuilder::inNamesOf(const Scope &names, TensorPtr tensor) {
  for (StringAttr from : tensor->type.names()) {
    const StringAttr to = str(names.nameOf(from.getValue()));
    if (to == from)
      continue;
    auto axes = llvm::map_to_vector(tensor->type.getAxes(), [&](nn::AxisAttr axis) {
      return axis.getName() == from ? axis.withName(to) : axis;
    });
    const Location place = nn::named(tensor->loc, tensor->name);
    tensor =
        view(builder.create<nn::RenameOp>(place, tensor->type.withAxes(axes), valueOf(*tensor), from, to),
             *tensor)
            .tensor;
  }
  return tensor;
}

void FunctionBuilder::markContracted(const Tensor &tensor) {
  for (unsigned field : tensor.fields)
    instance.contractedFields[field] = true;
  for (unsigned param : tensor.params)
    instance.contractedArguments[param] = true;
}

} // namespace shardc::frontend::build
