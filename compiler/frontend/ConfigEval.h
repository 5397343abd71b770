//===- ConfigEval.h - values of config keys, sizes of axes ----------------===//
//
// A Scope is the config that one module instance sees: the model's, with what
// the children above it override. Values are computed when asked for.
//
//   Scope root(model, {.batch = 8, .seq = 512});
//   Scope block = *root.child(layersChild, /*layer=*/3, diags);
//   block.size("mlp", at, diags);        // with `intermediate_size` as overridden
//
// It also knows where the instance is, and so what axes are called there (ScopedAxes.h).
//
//===----------------------------------------------------------------------===//
#pragma once
#include "compiler/frontend/ModelSpec.h"
#include <map>

namespace shardc::frontend {

class ScopedAxes;

/// What a config expression comes to.
struct Value {
  enum class Kind { Null, Bool, Number, Opaque };
  Kind kind = Kind::Null;
  bool boolean = false;
  double number = 0;
  std::shared_ptr<const Node> opaque;

  static Value ofBool(bool value);
  static Value ofNumber(double value);
  static Value ofOpaque(std::shared_ptr<const Node> value);

  bool isNull() const { return kind == Kind::Null; }
  bool isNumber() const { return kind == Kind::Number; }
  /// Null, false and 0 are false.
  bool truth() const;
  /// Shortest text that reads back as the same value: `null`, `true`, `0.02`, `{...}`.
  std::string str() const;
  bool operator==(const Value &other) const;
};

/// `a OP b` of numbers: a number, or a boolean for `<` and its kin; nothing where there is no finite value.
std::optional<Value> binaryNumber(BinaryOp op, double a, double b);

/// `layers` or `layers.3`.
std::string childPath(const ChildSpec &child, std::optional<int64_t> layer);

/// Sizes of the two axes that the job gives, not the model.
struct StepSizes {
  int64_t batch = 1;
  int64_t seq = 1;
};

/// Keys, axes (as `axis NAME`) and their names (as `name NAME`) that were read, and their values: what a
/// module's function depends on. Two instances with equal reads share a function.
using Reads = std::map<std::string, std::string>;

class Scope {
public:
  /// The model's. Without `names`, axes are called what the model calls them.
  Scope(const ModelSpec &model, StepSizes sizes, const ScopedAxes *names = nullptr);

  const ModelSpec &model() const { return *spec; }
  bool hasKey(std::string_view key) const { return spec->configKey(key) != nullptr; }

  /// A key's value. `at` is the place that asks, for errors.
  std::optional<Value> get(std::string_view key, const Position &at, Diagnostics &diags) const;
  /// An expression over keys: no tensors, no axes. Null `expr` is an error of the caller.
  std::optional<Value> evaluate(const Expr &expr, Diagnostics &diags) const;
  /// The same, where the result must be a number.
  std::optional<double> number(const Expr &expr, Diagnostics &diags) const;

  bool hasAxis(std::string_view axis) const;
  /// What a single axis is called here, whatever its name comes from.
  std::string nameOf(std::string_view axis) const;
  /// Whether the same axis may have another name in a child.
  bool hasScopedAxes() const { return names != nullptr; }
  /// A product's parts, down to axes with sizes of their own, by their names here; a single axis is itself.
  std::optional<std::vector<std::string>> flatten(std::string_view axis, const Position &at,
                                                  Diagnostics &diags) const;
  /// Whole and at least 1; of a product, the product. By any of its names.
  std::optional<int64_t> size(std::string_view axis, const Position &at, Diagnostics &diags) const;

  /// `when:`: a null `condition` is always there.
  std::optional<bool> holds(const ExprPtr &condition, Diagnostics &diags) const;
  /// How often a child stands here: 1 without `repeat`.
  std::optional<int64_t> repeats(const ChildSpec &child, Diagnostics &diags) const;
  /// Whether a child (of a repeat: number `layer`) is there at all.
  std::optional<bool> present(const ChildSpec &child, std::optional<int64_t> layer, Diagnostics &diags) const;
  /// The module that a child (of a repeat: number `layer`) is made of.
  const ModuleSpec *moduleOf(const ChildSpec &child, std::optional<int64_t> layer, Diagnostics &diags) const;
  /// What the child sees: its overrides are read here, in the parent's scope.
  std::optional<Scope> child(const ChildSpec &child, std::optional<int64_t> layer, Diagnostics &diags) const;

  /// Standard deviation of a weight with a normal init.
  std::optional<double> initStd(const WeightSpec &weight, Diagnostics &diags) const;

  /// From here on, what is read is noted in `reads` (which outlives this), or no longer for null.
  void record(Reads *reads) { recorder = reads; }

private:
  friend class Evaluator;
  const ModelSpec *spec;
  StepSizes step;
  const ScopedAxes *names;
  std::string path; ///< of the instance, where axes have several names
  std::map<std::string, Value, std::less<>> overrides;
  std::optional<int64_t> layerIndex; ///< while a repeat's config, module or when is read
  Reads *recorder = nullptr;
};

} // namespace shardc::frontend
