//===- ModelSpec.h - an architecture, as its YAML says it -----------------===//
//
// The typed form of a model file: config, axes, inputs and modules with their
// parsed bodies. Everything keeps the order and the places of the file.
// Not here: values of config and sizes of axes (ConfigEval), meaning of bodies (build/).
//
//===----------------------------------------------------------------------===//
#pragma once
#include "compiler/frontend/Ast.h"
#include "compiler/frontend/Yaml.h"

namespace shardc::frontend {

using Name = Located<std::string>;

/// A number, boolean, null or expression; or an opaque map or list (`rope_scaling`).
struct ConfigEntry {
  Name key;
  ExprPtr value;                      ///< null for an opaque value
  std::shared_ptr<const Node> opaque; ///< null for an expression
  Position at;                        ///< of the value
};

/// `mlp: intermediate_size`, or the product `heads: [kv_heads, group]`.
struct AxisSpec {
  Name name;
  ExprPtr size; ///< null for a product
  std::vector<Name> product;

  bool isProduct() const { return !product.empty(); }
};

struct InputSpec {
  Name name;
  std::vector<Name> axes;
  Located<std::string> dtype; ///< i32 or f32
  int64_t shift = 0;          ///< positions ahead that the loader reads
  std::optional<int64_t> ignore;
};

/// One dimension of the file: one axis, or several of which the last is minor-most.
struct Dimension {
  std::vector<Name> axes;
  Position at;
};

struct InitSpec {
  enum class Kind { Ones, Zeros, Normal };
  Kind kind = Kind::Normal;
  ExprPtr std; ///< of Normal only
  Position at;
};

struct TieSpec {
  Name to;      ///< a weight of the same module
  ExprPtr when; ///< null means always
};

struct WeightSpec {
  Name name; ///< dotted: `q_proj.weight`
  std::vector<Dimension> dims;
  InitSpec init;
  ExprPtr when;              ///< null means always
  std::optional<bool> decay; ///< unset: decided by how the weight is used
  std::optional<TieSpec> tie;
  std::optional<Name> hf; ///< with a leading `/`: the whole name in the file
};

struct ChildSpec {
  Name name;
  ExprPtr module; ///< a Name, or a Choice between such
  ExprPtr repeat; ///< null: a single child
  std::vector<ConfigEntry> config;
  ExprPtr when; ///< null means always
  std::optional<Name> hf;
};

struct ModuleSpec {
  Name name;
  std::vector<WeightSpec> weights;
  std::vector<ChildSpec> children;
  Function forward;

  const WeightSpec *weight(std::string_view name) const;
  const ChildSpec *child(std::string_view name) const;
};

/// What one `model_type` of Hugging Face implies.
struct HfType {
  Name name;
  std::vector<ConfigEntry> config;
};

struct HfSpec {
  std::vector<HfType> types;
  std::string prefix;
  std::vector<std::pair<Name, Name>> renames; ///< their key, our key
  std::vector<std::pair<Name, Node>> expect;
  std::vector<Name> ignore; ///< tensors in the file that are no parameters
};

struct ModelSpec {
  Name name;
  HfSpec hf;
  std::vector<ConfigEntry> config;
  std::vector<AxisSpec> axes;
  std::vector<InputSpec> inputs;
  std::vector<ModuleSpec> modules; ///< one is `main`
  std::vector<Function> functions; ///< of the library, then the model's own

  const ConfigEntry *configKey(std::string_view key) const;
  const AxisSpec *axis(std::string_view name) const;
  const InputSpec *input(std::string_view name) const;
  const ModuleSpec *module(std::string_view name) const;
  const Function *function(std::string_view name) const;

  /// Replaces the value of a declared key; an unknown key is an error with the nearest one.
  bool setConfig(ConfigEntry entry, Diagnostics &diags);
};

/// The typed model of a checked tree, or nothing after reporting errors. `library` (or null) is a
/// checked `functions.yaml`; a function of the model that has the name of one of its is an error.
std::optional<ModelSpec> decodeModel(const Node &root, const Node *library, Diagnostics &diags);

/// `key: value` of a config map, with its expression parsed.
std::optional<ConfigEntry> decodeConfigEntry(const Entry &entry, Diagnostics &diags);

/// The axis of a rule at rest that leaves the choice to sizes; no model's axis.
inline constexpr std::string_view autoAxis = "auto";

/// `mlp` of `mlp.2`, which is what a program calls it where scoped rules hold (ScopedAxes.h).
inline std::string_view plainAxis(std::string_view name) {
  return name.substr(0, name.find('.'));
}

/// The two axes that every model has without declaring them.
inline bool isStepAxis(std::string_view name) {
  return plainAxis(name) == "batch" || plainAxis(name) == "seq";
}

} // namespace shardc::frontend
