//===- DecodeModel.cpp - a checked model tree into its typed form ---------===//
//
// In:  a tree that the schema accepts, defaults filled in.
// Out: a ModelSpec whose names refer to what exists: axes, config keys, modules, ties.
// Not here: names inside forward bodies (build/), values and sizes (ConfigEval).
//
//===----------------------------------------------------------------------===//
#include "compiler/frontend/ModelSpec.h"
#include "compiler/frontend/Parser.h"
#include <algorithm>
#include <fmt/format.h>

namespace shardc::frontend {
namespace {

Name nameAt(const Node &node) {
  return {node.text, node.at};
}
Name keyOf(const Entry &entry) {
  return {entry.key, entry.keyAt};
}

bool isDottedName(std::string_view text) {
  while (true) {
    const size_t dot = text.find('.');
    if (!isIdentifier(text.substr(0, dot)))
      return false;
    if (dot == std::string_view::npos)
      return true;
    text.remove_prefix(dot + 1);
  }
}

class ModelDecoder {
public:
  ModelDecoder(const Node &root, const Node *library, Diagnostics &diags)
      : root(root), library(library), diags(diags) {}

  std::optional<ModelSpec> run() {
    const size_t before = diags.size();
    model.name = nameAt(*root.find("model"));
    if (const Node *config = root.find("config"))
      model.config = configEntries(*config);
    for (const Entry &entry : root.find("axes")->entries)
      decodeAxis(entry);
    checkProducts();
    for (const Entry &entry : root.find("inputs")->entries)
      decodeInput(entry);
    for (const Entry &entry : root.find("modules")->entries)
      decodeModule(entry);
    for (const ModuleSpec &module : model.modules)
      for (const ChildSpec &child : module.children)
        checkModuleNames(*child.module);
    checkMain();
    decodeHf(*root.find("hf"));
    for (const Node *source : {library, &root})
      if (const Node *functions = source ? source->find("functions") : nullptr)
        addFunctions(*functions);
    return diags.size() == before ? std::optional(std::move(model)) : std::nullopt;
  }

private:
  std::vector<ConfigEntry> configEntries(const Node &map) {
    std::vector<ConfigEntry> entries;
    for (const Entry &entry : map.entries)
      if (std::optional<ConfigEntry> decoded = decodeConfigEntry(entry, diags))
        entries.push_back(std::move(*decoded));
    return entries;
  }

  bool checkName(const Name &name, std::string_view what, bool dotted = false) {
    const bool valid =
        (dotted ? isDottedName(name.value) : isIdentifier(name.value)) && !isReservedWord(name.value);
    if (!valid)
      diags.error(name.at, fmt::format("'{}' cannot name {}", name.value, what))
          .note(isReservedWord(name.value)
                    ? "it is a word of the expression language"
                    : fmt::format("a name is letters, digits and '_'{}, beginning with a letter",
                                  dotted ? " with dots between" : ""));
    return valid;
  }

  void decodeAxis(const Entry &entry) {
    AxisSpec axis{keyOf(entry), nullptr, {}};
    if (!checkName(axis.name, "an axis"))
      return;
    if (isStepAxis(axis.name.value))
      diags.error(axis.name.at,
                  fmt::format("axis '{}' is given by the job and cannot be declared", axis.name.value));
    if (axis.name.value == autoAxis)
      diags.error(axis.name.at, "'auto' cannot name an axis")
          .note("rules at rest say 'auto' for whichever axis divides");
    if (entry.value.kind == Node::Kind::List) {
      for (const Node &part : entry.value.items)
        axis.product.push_back(nameAt(part));
      if (axis.product.size() < 2)
        diags.error(entry.value.at, fmt::format("product '{}' has fewer than two parts", axis.name.value));
    } else {
      axis.size = parseExpression(entry.value, diags);
    }
    model.axes.push_back(std::move(axis));
  }

  /// Parts of products exist, no product contains itself, and none has an axis twice.
  void checkProducts() {
    for (const AxisSpec &axis : model.axes) {
      for (const Name &part : axis.product)
        checkAxis(part);
      std::vector<std::string> path, parts;
      flatten(axis, axis, path, parts);
    }
  }

  /// Adds the parts of `axis`, which is met on `path` from `product`; false after an error.
  bool flatten(const AxisSpec &product, const AxisSpec &axis, std::vector<std::string> &path,
               std::vector<std::string> &parts) {
    const std::string &name = axis.name.value;
    if (std::find(path.begin(), path.end(), name) != path.end()) {
      diags.error(product.name.at, fmt::format("product '{}' contains itself: {} -> {}", product.name.value,
                                               fmt::join(path, " -> "), name));
      return false;
    }
    if (!axis.isProduct()) {
      if (std::find(parts.begin(), parts.end(), name) != parts.end())
        diags.error(product.name.at,
                    fmt::format("product '{}' has axis '{}' twice", product.name.value, name));
      parts.push_back(name);
      return std::count(parts.begin(), parts.end(), name) == 1;
    }
    path.push_back(name);
    for (const Name &part : axis.product)
      if (const AxisSpec *next = model.axis(part.value))
        if (!flatten(product, *next, path, parts))
          return false;
    path.pop_back();
    return true;
  }

  bool checkAxis(const Name &name) {
    if (isStepAxis(name.value) || model.axis(name.value))
      return true;
    hasKnownAxes = false;
    std::vector<std::string> known{"batch", "seq"};
    for (const AxisSpec &axis : model.axes)
      known.push_back(axis.name.value);
    diags.error(name.at, fmt::format("unknown axis '{}'", name.value))
        .suggestOrList(name.value, known, "the axes are");
    return false;
  }

  void decodeInput(const Entry &entry) {
    InputSpec input{keyOf(entry)};
    checkName(input.name, "an input");
    for (const Node &axis : entry.value.find("axes")->items) {
      checkAxis(nameAt(axis));
      input.axes.push_back(nameAt(axis));
    }
    input.dtype = nameAt(*entry.value.find("dtype"));
    input.shift = entry.value.find("shift")->integer;
    if (const Node *ignore = entry.value.find("ignore"))
      input.ignore = ignore->integer;
    model.inputs.push_back(std::move(input));
  }

  void decodeModule(const Entry &entry) {
    ModuleSpec module;
    module.name = keyOf(entry);
    checkName(module.name, "a module");
    for (const Entry &weight : entry.value.find("weights")->entries)
      decodeWeight(weight, module);
    for (const Entry &child : entry.value.find("children")->entries)
      decodeChild(child, module);
    decodeForward(entry.value, module);
    for (const WeightSpec &weight : module.weights)
      if (weight.tie)
        checkTie(weight, module);
    model.modules.push_back(std::move(module));
  }

  void decodeForward(const Node &map, ModuleSpec &module) {
    const Entry *forward = nullptr;
    for (const Entry &entry : map.entries) {
      if (!entry.key.starts_with("forward("))
        continue;
      if (forward)
        diags.error(entry.keyAt, fmt::format("module '{}' has two forwards", module.name.value))
            .note(forward->keyAt, "the first is here");
      forward = &entry;
    }
    if (std::optional<Function> function = parseFunction(*forward, diags))
      module.forward = std::move(*function);
  }

  void decodeWeight(const Entry &entry, ModuleSpec &module) {
    const Node &map = entry.value;
    WeightSpec weight;
    weight.name = keyOf(entry);
    checkName(weight.name, "a weight", /*dotted=*/true);
    for (const Node &item : map.find("axes")->items)
      weight.dims.push_back(decodeDimension(item));
    if (weight.dims.empty())
      diags.error(map.find("axes")->at, fmt::format("weight '{}' has no axes", weight.name.value));
    decodeInit(*map.find("init"), weight.init);
    weight.when = optionalExpression(map.find("when"));
    if (const Node *decay = map.find("decay"))
      weight.decay = decay->boolean;
    if (const Node *tie = map.find("tie"))
      weight.tie = TieSpec{nameAt(*tie->find("to")), optionalExpression(tie->find("when"))};
    if (const Node *hf = map.find("hf"))
      weight.hf = nameAt(*hf);
    module.weights.push_back(std::move(weight));
  }

  Dimension decodeDimension(const Node &item) {
    Dimension dimension{{}, item.at};
    if (item.kind == Node::Kind::List)
      for (const Node &axis : item.items)
        dimension.axes.push_back(nameAt(axis));
    else
      dimension.axes.push_back(nameAt(item));
    if (dimension.axes.empty())
      diags.error(item.at, "a dimension has no axes");
    for (const Name &axis : dimension.axes) {
      if (checkAxis(axis) && isStepAxis(axis.value))
        diags.error(axis.at, fmt::format("a weight cannot have axis '{}'", axis.value));
    }
    return dimension;
  }

  void decodeInit(const Node &node, InitSpec &init) {
    init.at = node.at;
    ExprPtr expr = parseExpression(node, diags);
    if (!expr)
      return;
    const bool isNormal = expr->kind == Expr::Kind::Call && expr->name == "normal" &&
                          expr->operands.size() == 1 && expr->keywords.empty();
    if (isNormal) {
      init.kind = InitSpec::Kind::Normal;
      init.std = expr->operands[0];
    } else if (expr->isName("ones")) {
      init.kind = InitSpec::Kind::Ones;
    } else if (expr->isName("zeros")) {
      init.kind = InitSpec::Kind::Zeros;
    } else {
      diags.error(node.at, fmt::format("'init' must be ones, zeros or normal(std), got {}", node.describe()));
    }
  }

  void checkTie(const WeightSpec &weight, const ModuleSpec &module) {
    const Name &to = weight.tie->to;
    const WeightSpec *other = module.weight(to.value);
    if (!other) {
      std::vector<std::string> names;
      for (const WeightSpec &candidate : module.weights)
        names.push_back(candidate.name.value);
      diags.error(to.at, fmt::format("module '{}' has no weight '{}' to tie to", module.name.value, to.value))
          .suggest(to.value, names);
    } else if (other == &weight || other->tie) {
      diags.error(to.at, fmt::format("weight '{}' cannot be tied to '{}', which is tied itself",
                                     weight.name.value, to.value));
    } else if (hasKnownAxes && axesOf(weight) != axesOf(*other)) {
      diags
          .error(to.at, fmt::format("weight '{}' is tied to '{}', which has other axes", weight.name.value,
                                    to.value))
          .note(other->name.at, "it is declared here");
    }
  }

  static std::vector<std::string> axesOf(const WeightSpec &weight) {
    std::vector<std::string> axes;
    for (const Dimension &dimension : weight.dims)
      for (const Name &axis : dimension.axes)
        axes.push_back(axis.value);
    std::sort(axes.begin(), axes.end());
    return axes;
  }

  void decodeChild(const Entry &entry, ModuleSpec &module) {
    ChildSpec child;
    child.name = keyOf(entry);
    checkName(child.name, "a child", /*dotted=*/true);
    if (const WeightSpec *weight = module.weight(child.name.value))
      diags.error(child.name.at, fmt::format("'{}' is both a child and a weight", child.name.value))
          .note(weight->name.at, "the weight is here");
    const Node &spec = entry.value;
    const bool isMap = spec.kind == Node::Kind::Map;
    child.module = parseExpression(isMap ? *spec.find("module") : spec, diags);
    if (isMap) {
      child.repeat = optionalExpression(spec.find("repeat"));
      child.config = configEntries(*spec.find("config"));
      checkOverrides(child.config);
      child.when = optionalExpression(spec.find("when"));
      if (const Node *hf = spec.find("hf"))
        child.hf = nameAt(*hf);
    }
    if (child.module)
      module.children.push_back(std::move(child));
  }

  /// A child overrides only keys that the model declares.
  void checkOverrides(const std::vector<ConfigEntry> &entries) {
    ModelSpec scratch{.name = model.name, .config = model.config};
    for (const ConfigEntry &entry : entries)
      scratch.setConfig(entry, diags);
  }

  /// The module of a child is a name, or a choice between such.
  void checkModuleNames(const Expr &expr) {
    if (expr.kind == Expr::Kind::Choice) {
      checkModuleNames(*expr.operands[0]);
      checkModuleNames(*expr.operands[2]);
      return;
    }
    if (expr.kind == Expr::Kind::Name && model.module(expr.name))
      return;
    std::vector<std::string> names;
    for (const ModuleSpec &module : model.modules)
      names.push_back(module.name.value);
    diags
        .error(expr.at, expr.kind == Expr::Kind::Name
                            ? fmt::format("unknown module '{}'", expr.name)
                            : "a child's module must be a name, or a choice of names")
        .suggestOrList(expr.name, names, "the modules are");
  }

  void checkMain() {
    const ModuleSpec *main = model.module("main");
    if (!main) {
      diags.error(root.find("modules")->at, "module 'main' is missing")
          .note("it is given the inputs and returns the loss per element");
      return;
    }
    for (const Name &param : main->forward.params)
      if (!model.input(param.value))
        diags.error(param.at, fmt::format("'{}' is not an input", param.value))
            .note(root.entry("inputs")->keyAt, "the inputs are declared here");
  }

  ExprPtr optionalExpression(const Node *node) { return node ? parseExpression(*node, diags) : nullptr; }

  void decodeHf(const Node &map) {
    const Node &types = *map.find("model_type");
    if (types.kind == Node::Kind::Text)
      model.hf.types.push_back({nameAt(types), {}});
    for (const Node &type : types.items)
      model.hf.types.push_back({nameAt(type), {}});
    for (const Entry &type : types.entries) {
      model.hf.types.push_back({keyOf(type), configEntries(type.value)});
      checkOverrides(model.hf.types.back().config);
    }
    model.hf.prefix = map.find("prefix")->text;
    for (const Entry &rename : map.find("config")->entries) {
      model.hf.renames.emplace_back(keyOf(rename), nameAt(rename.value));
      if (!model.configKey(rename.value.text))
        diags.error(rename.value.at,
                    fmt::format("'{}' is not a config key of this model", rename.value.text));
    }
    for (const Entry &entry : map.find("expect")->entries)
      model.hf.expect.emplace_back(keyOf(entry), entry.value);
    for (const Node &name : map.find("ignore")->items)
      model.hf.ignore.push_back(nameAt(name));
  }

  void addFunctions(const Node &functions) {
    for (const Entry &entry : functions.entries) {
      std::optional<Function> function = parseFunction(entry, diags);
      if (!function)
        continue;
      if (const Function *first = model.function(function->name))
        diags.error(function->at, fmt::format("function '{}' is defined twice", function->name))
            .note(first->at, "it is first defined here");
      else
        model.functions.push_back(std::move(*function));
    }
  }

  const Node &root;
  const Node *library;
  Diagnostics &diags;
  ModelSpec model;
  bool hasKnownAxes = true; ///< so far
};

} // namespace

std::optional<ConfigEntry> decodeConfigEntry(const Entry &entry, Diagnostics &diags) {
  ConfigEntry decoded{keyOf(entry), nullptr, nullptr, entry.value.at};
  if (!isIdentifier(entry.key) || isReservedWord(entry.key) || entry.key == "layer") {
    diags.error(entry.keyAt, fmt::format("'{}' cannot name a config key", entry.key));
    return std::nullopt;
  }
  if (entry.value.isScalar())
    decoded.value = parseExpression(entry.value, diags);
  else
    decoded.opaque = std::make_shared<const Node>(entry.value);
  return decoded.value || decoded.opaque ? std::optional(std::move(decoded)) : std::nullopt;
}

std::optional<ModelSpec> decodeModel(const Node &root, const Node *library, Diagnostics &diags) {
  return ModelDecoder(root, library, diags).run();
}

} // namespace shardc::frontend
