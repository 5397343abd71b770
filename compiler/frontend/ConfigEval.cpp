//===- ConfigEval.cpp - evaluating config expressions in a scope ----------===//
#include "compiler/frontend/ConfigEval.h"
#include "compiler/frontend/ScopedAxes.h"
#include <algorithm>
#include <cmath>
#include <fmt/format.h>

namespace shardc::frontend {

Value Value::ofBool(bool value) {
  return {.kind = Kind::Bool, .boolean = value};
}
Value Value::ofNumber(double value) {
  return {.kind = Kind::Number, .number = value};
}
Value Value::ofOpaque(std::shared_ptr<const Node> value) {
  return {.kind = Kind::Opaque, .opaque = std::move(value)};
}

bool Value::truth() const {
  switch (kind) {
  case Kind::Null:
    return false;
  case Kind::Bool:
    return boolean;
  case Kind::Number:
    return number != 0;
  case Kind::Opaque:
    return !opaque->items.empty() || !opaque->entries.empty();
  }
  return false;
}

namespace {

std::string flowText(const Node &node) {
  std::string text;
  for (const Node &item : node.items)
    text += (text.empty() ? "" : ", ") + flowText(item);
  for (const Entry &entry : node.entries)
    text += fmt::format("{}{}: {}", text.empty() ? "" : ", ", entry.key, flowText(entry.value));
  if (node.isScalar())
    return node.kind == Node::Kind::Null ? "null" : node.text;
  return node.kind == Node::Kind::List ? "[" + text + "]" : "{" + text + "}";
}

} // namespace

std::string Value::str() const {
  switch (kind) {
  case Kind::Null:
    return "null";
  case Kind::Bool:
    return boolean ? "true" : "false";
  case Kind::Number:
    return fmt::format("{}", number);
  case Kind::Opaque:
    return flowText(*opaque);
  }
  return "";
}

bool Value::operator==(const Value &other) const {
  return kind == other.kind && str() == other.str();
}

std::optional<Value> binaryNumber(BinaryOp op, double a, double b) {
  double result = 0;
  switch (op) {
  case BinaryOp::Lt:
    return Value::ofBool(a < b);
  case BinaryOp::Le:
    return Value::ofBool(a <= b);
  case BinaryOp::Gt:
    return Value::ofBool(a > b);
  case BinaryOp::Ge:
    return Value::ofBool(a >= b);
  case BinaryOp::Add:
    result = a + b;
    break;
  case BinaryOp::Sub:
    result = a - b;
    break;
  case BinaryOp::Mul:
    result = a * b;
    break;
  case BinaryOp::Div:
    result = a / b;
    break;
  case BinaryOp::Mod: // as in Python, with the sign of b
    result = a - b * std::floor(a / b);
    break;
  case BinaryOp::Pow:
    result = std::pow(a, b);
    break;
  default:
    return std::nullopt;
  }
  return std::isfinite(result) ? std::optional(Value::ofNumber(result)) : std::nullopt;
}

/// One question to a scope. Follows keys and axes to what they are made of; what it is on the way
/// of computing is on `path`, so that a cycle is found.
class Evaluator {
public:
  Evaluator(const Scope &scope, Diagnostics &diags) : scope(scope), diags(diags) {}

  struct Stop {}; ///< thrown after an error was reported

  Value key(std::string_view name, const Position &at) {
    const bool direct = path.empty();
    Value value = keyValue(name, at);
    if (direct)
      note(std::string(name), value);
    return value;
  }

  int64_t axisSize(std::string_view name, const Position &at) {
    name = plainAxis(name);
    if (isStepAxis(name))
      return name == "batch" ? scope.step.batch : scope.step.seq;
    const bool direct = path.empty();
    const int64_t size = axisValue(axisSpec(name, at), at);
    if (direct)
      note(fmt::format("axis {}", name), Value::ofNumber(static_cast<double>(size)));
    return size;
  }

  const AxisSpec &axisSpec(std::string_view name, const Position &at) {
    const AxisSpec *axis = scope.spec->axis(name);
    if (axis)
      return *axis;
    std::vector<std::string> known{"batch", "seq"};
    for (const AxisSpec &candidate : scope.spec->axes)
      known.push_back(candidate.name.value);
    diags.error(at, fmt::format("unknown axis '{}'", name)).suggest(name, known);
    throw Stop{};
  }

  void flatten(std::string_view name, const Position &at, std::vector<std::string> &parts) {
    if (isStepAxis(name) || !axisSpec(name, at).isProduct()) {
      parts.push_back(scope.nameOf(name));
      return;
    }
    for (const Name &part : axisSpec(name, at).product)
      flatten(part.value, part.at, parts);
  }

  Value evaluate(const Expr &expr) {
    switch (expr.kind) {
    case Expr::Kind::Number:
      return Value::ofNumber(expr.number);
    case Expr::Kind::Bool:
      return Value::ofBool(expr.boolean);
    case Expr::Kind::None:
      return {};
    case Expr::Kind::Name:
      return name(expr);
    case Expr::Kind::Negate:
      return Value::ofNumber(-number(*expr.operands[0]));
    case Expr::Kind::Not:
      return Value::ofBool(!evaluate(*expr.operands[0]).truth());
    case Expr::Kind::Choice:
      return evaluate(*expr.operands[evaluate(*expr.operands[1]).truth() ? 0 : 2]);
    case Expr::Kind::Binary:
      return binary(expr);
    case Expr::Kind::List:
      fail(expr.at, "a list cannot stand in a config expression");
    case Expr::Kind::Call:
      fail(expr.at, fmt::format("'{}' cannot be called in a config expression", expr.name),
           "config expressions hold numbers, keys, arithmetic, comparisons and 'a if c else b'");
    }
    return {};
  }

  double number(const Expr &expr) {
    Value value = evaluate(expr);
    if (!value.isNumber())
      fail(expr.at, fmt::format("'{}' is {}, where a number is needed", toString(expr), value.str()));
    return value.number;
  }

  int64_t whole(const Expr &expr, const std::string &what, int64_t atLeast) {
    constexpr double largest = 1LL << 53; // beyond, doubles skip whole numbers
    const double value = number(expr);
    const double rounded = std::round(value);
    // 0.25 * 128 may come out a last place beside 32
    if (std::abs(value - rounded) > 1e-9 * std::max(1.0, std::abs(value)))
      fail(expr.at, fmt::format("{} comes out as {} = {}, which is not whole", what, toString(expr), value));
    if (!(rounded >= static_cast<double>(atLeast) && rounded <= largest))
      fail(expr.at, fmt::format("{} comes out as {} = {}; it must be at least {}", what, toString(expr),
                                value, atLeast));
    return static_cast<int64_t>(rounded);
  }

  [[noreturn]] void fail(const Position &at, std::string message, std::string_view hint = "") {
    Diagnostic &error = diags.error(at, std::move(message));
    if (!hint.empty())
      error.note(std::string(hint));
    throw Stop{};
  }

private:
  /// What is being computed, while it is.
  class OnPath {
  public:
    OnPath(Evaluator &evaluator, std::string what, const Position &at) : path(evaluator.path) {
      const bool cycle = std::find(path.begin(), path.end(), what) != path.end();
      path.push_back(std::move(what));
      if (cycle)
        evaluator.fail(at, fmt::format("{} depends on itself: {}", path.back(), fmt::join(path, " -> ")));
    }
    ~OnPath() { path.pop_back(); }

  private:
    std::vector<std::string> &path;
  };

  /// Only what the module itself asks for is noted: keys behind it show in its value.
  void note(const std::string &what, const Value &value) {
    if (scope.recorder)
      scope.recorder->insert_or_assign(what, value.str());
  }

  Value keyValue(std::string_view name, const Position &at) {
    auto overridden = scope.overrides.find(name);
    if (overridden != scope.overrides.end())
      return overridden->second;
    const ConfigEntry *entry = scope.spec->configKey(name);
    if (!entry)
      unknown(name, at);
    if (entry->opaque)
      return Value::ofOpaque(entry->opaque);
    OnPath guard(*this, fmt::format("'{}'", name), at);
    return evaluate(*entry->value);
  }

  int64_t axisValue(const AxisSpec &axis, const Position &at) {
    const std::string what = fmt::format("axis '{}'", axis.name.value);
    OnPath guard(*this, what, at);
    if (!axis.isProduct())
      return whole(*axis.size, what, 1);
    int64_t size = 1;
    for (const Name &part : axis.product)
      if (__builtin_mul_overflow(size, axisSize(part.value, part.at), &size))
        fail(axis.name.at, fmt::format("{} is too large", what));
    return size;
  }

  Value name(const Expr &expr) {
    if (expr.name == "layer") {
      if (!scope.layerIndex)
        fail(expr.at, "'layer' has a value only in the config, module and when of a child with repeat");
      return Value::ofNumber(static_cast<double>(*scope.layerIndex));
    }
    const bool isAxis = scope.spec->axis(expr.name) && !scope.hasKey(expr.name);
    if (isAxis && !path.empty() && path.front().starts_with("axis "))
      return Value::ofNumber(static_cast<double>(axisSize(expr.name, expr.at)));
    return key(expr.name, expr.at);
  }

  [[noreturn]] void unknown(std::string_view name, const Position &at) {
    std::vector<std::string> known;
    for (const ConfigEntry &entry : scope.spec->config)
      known.push_back(entry.key.value);
    Diagnostic &error = diags.error(at, fmt::format("unknown config key '{}'", name));
    if (scope.spec->axis(name))
      error.note("an axis has a value only in the sizes of other axes");
    else
      error.suggest(name, known);
    throw Stop{};
  }

  Value binary(const Expr &expr) {
    const Expr &left = *expr.operands[0], &right = *expr.operands[1];
    switch (expr.op) {
    case BinaryOp::And:
    case BinaryOp::Or: { // as in Python, the value of the side that decides
      Value first = evaluate(left);
      return first.truth() == (expr.op == BinaryOp::Or) ? first : evaluate(right);
    }
    case BinaryOp::Eq:
      return Value::ofBool(evaluate(left) == evaluate(right));
    case BinaryOp::Ne:
      return Value::ofBool(!(evaluate(left) == evaluate(right)));
    case BinaryOp::MatMul:
      fail(expr.at, "'@' cannot stand in a config expression");
    default:
      return arithmetic(expr, number(left), number(right));
    }
  }

  Value arithmetic(const Expr &expr, double a, double b) {
    const bool divides = expr.op == BinaryOp::Div || expr.op == BinaryOp::Mod;
    if (divides && b == 0)
      fail(expr.at, fmt::format("'{}' divides by zero", toString(expr)));
    std::optional<Value> value = binaryNumber(expr.op, a, b);
    if (!value)
      fail(expr.at, fmt::format("'{}' has no finite value", toString(expr)));
    return *value;
  }

  const Scope &scope;
  Diagnostics &diags;
  std::vector<std::string> path;
};

namespace {

/// What `ask` answers, or nothing after it stopped at an error.
template <typename Ask> auto answer(Ask ask) -> std::optional<decltype(ask())> {
  try {
    return ask();
  } catch (const Evaluator::Stop &) {
    return std::nullopt;
  }
}

} // namespace

Scope::Scope(const ModelSpec &model, StepSizes sizes, const ScopedAxes *names)
    : spec(&model), step(sizes), names(names && !names->empty() ? names : nullptr) {}

std::optional<Value> Scope::get(std::string_view key, const Position &at, Diagnostics &diags) const {
  return answer([&] { return Evaluator(*this, diags).key(key, at); });
}

std::optional<Value> Scope::evaluate(const Expr &expr, Diagnostics &diags) const {
  return answer([&] { return Evaluator(*this, diags).evaluate(expr); });
}

std::optional<double> Scope::number(const Expr &expr, Diagnostics &diags) const {
  return answer([&] { return Evaluator(*this, diags).number(expr); });
}

bool Scope::hasAxis(std::string_view axis) const {
  return isStepAxis(axis) || spec->axis(axis);
}

std::string Scope::nameOf(std::string_view axis) const {
  const std::string_view plain = plainAxis(axis);
  if (!names)
    return std::string(plain);
  std::string name = names->nameAt(path, plain);
  if (recorder)
    recorder->insert_or_assign(fmt::format("name {}", plain), name);
  return name;
}

std::optional<std::vector<std::string>> Scope::flatten(std::string_view axis, const Position &at,
                                                       Diagnostics &diags) const {
  return answer([&] {
    std::vector<std::string> parts;
    Evaluator(*this, diags).flatten(axis, at, parts);
    return parts;
  });
}

std::optional<int64_t> Scope::size(std::string_view axis, const Position &at, Diagnostics &diags) const {
  return answer([&] { return Evaluator(*this, diags).axisSize(axis, at); });
}

std::optional<bool> Scope::holds(const ExprPtr &condition, Diagnostics &diags) const {
  if (!condition)
    return true;
  return answer([&] { return Evaluator(*this, diags).evaluate(*condition).truth(); });
}

std::optional<int64_t> Scope::repeats(const ChildSpec &child, Diagnostics &diags) const {
  if (!child.repeat)
    return 1;
  constexpr int64_t most = 1 << 20; // layers; each is a line of the program
  return answer([&] {
    Evaluator evaluator(*this, diags);
    const std::string what = fmt::format("the repeat of '{}'", child.name.value);
    const int64_t count = evaluator.whole(*child.repeat, what, 1);
    if (count > most)
      evaluator.fail(child.repeat->at, fmt::format("{} is {}; it must be at most {}", what, count, most));
    return count;
  });
}

std::string childPath(const ChildSpec &child, std::optional<int64_t> layer) {
  return layer ? fmt::format("{}.{}", child.name.value, *layer) : child.name.value;
}

namespace {

/// The scope in which a child of a repeat reads its config, module and when.
Scope atLayer(Scope scope, const ChildSpec &child, std::optional<int64_t> layer,
              std::optional<int64_t> Scope::*layerIndex) {
  scope.*layerIndex = child.repeat ? layer : std::nullopt;
  return scope;
}

} // namespace

std::optional<bool> Scope::present(const ChildSpec &child, std::optional<int64_t> layer,
                                   Diagnostics &diags) const {
  return atLayer(*this, child, layer, &Scope::layerIndex).holds(child.when, diags);
}

const ModuleSpec *Scope::moduleOf(const ChildSpec &child, std::optional<int64_t> layer,
                                  Diagnostics &diags) const {
  const Scope scope = atLayer(*this, child, layer, &Scope::layerIndex);
  ExprPtr chosen = child.module;
  while (chosen->kind == Expr::Kind::Choice) {
    std::optional<bool> condition = scope.holds(chosen->operands[1], diags);
    if (!condition)
      return nullptr;
    chosen = chosen->operands[*condition ? 0 : 2];
  }
  return spec->module(chosen->name);
}

std::optional<Scope> Scope::child(const ChildSpec &child, std::optional<int64_t> layer,
                                  Diagnostics &diags) const {
  const Scope parent = atLayer(*this, child, layer, &Scope::layerIndex);
  Scope below = *this;
  below.recorder = nullptr;
  if (names)
    below.path += (path.empty() ? "" : ".") + childPath(child, layer);
  for (const ConfigEntry &entry : child.config) {
    std::optional<Value> value =
        entry.opaque ? Value::ofOpaque(entry.opaque) : parent.evaluate(*entry.value, diags);
    if (!value)
      return std::nullopt;
    below.overrides.insert_or_assign(entry.key.value, std::move(*value));
  }
  return below;
}

std::optional<double> Scope::initStd(const WeightSpec &weight, Diagnostics &diags) const {
  std::optional<double> std = number(*weight.init.std, diags);
  if (std && *std < 0) {
    diags.error(weight.init.at, fmt::format("the standard deviation of '{}' is {}; it must be at least 0",
                                            weight.name.value, *std));
    return std::nullopt;
  }
  return std;
}

} // namespace shardc::frontend
