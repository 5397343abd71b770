//===- Schema.cpp - a tree against the table ------------------------------===//
#include "compiler/frontend/Schema.h"
#include "compiler/frontend/SchemaTable.h"
#include <algorithm>
#include <fmt/format.h>

namespace shardc::frontend {
namespace {

bool accepts(unsigned shapes, const Node &node) {
  if (shapes & Any)
    return true;
  if ((shapes & Expression) && node.isScalar() && !node.block)
    return true;
  switch (node.kind) {
  case Node::Kind::Null:
    return shapes & Null;
  case Node::Kind::Bool:
    return shapes & Bool;
  case Node::Kind::Integer:
    return shapes & (Integer | Number);
  case Node::Kind::Number:
    return shapes & Number;
  case Node::Kind::Text:
    return shapes & Text;
  case Node::Kind::List:
    return shapes & List;
  case Node::Kind::Map:
    return shapes & Map;
  }
  return false;
}

std::string shapeNames(unsigned shapes) {
  static constexpr std::pair<unsigned, const char *> names[] = {
      {Integer, "a whole number"},   {Number, "a number"}, {Bool, "true or false"}, {Text, "text"},
      {Expression, "an expression"}, {List, "a list"},     {Map, "a map"},          {Null, "null"}};
  std::vector<std::string> parts;
  for (auto [shape, name] : names)
    if (shapes & shape)
      parts.push_back(name);
  std::string text;
  for (size_t i = 0; i < parts.size(); ++i)
    text += (i == 0 ? "" : i + 1 < parts.size() ? ", " : " or ") + parts[i];
  return text;
}

class Checker {
public:
  explicit Checker(Diagnostics &diags) : diags(diags) {}

  /// `name` is how errors call the value: its key, and for an item `an item of 'key'`.
  void value(const SchemaNode &schema, Node &node, const std::string &name) {
    const KeySpec *spec = schema.spec;
    if (spec && !scalar(*spec, node, name))
      return;
    if (node.kind == Node::Kind::Map && !(spec && spec->shapes & Any))
      map(schema, node, name);
    if (node.kind == Node::Kind::List && schema.items)
      for (Node &item : node.items)
        value(*schema.items, item, itemName(name));
  }

  void map(const SchemaNode &schema, Node &node, const std::string &name) {
    if (schema.fields.empty() && !schema.any)
      return; // a key that does not work yet: its inside is not described
    for (Entry &entry : node.entries) {
      if (isCutAtComma(entry.key)) {
        diags.error(entry.keyAt, fmt::format("key '{}' is cut at its comma", entry.key))
            .note("write 'forward(a, b): |' in block style, its statements on the lines below");
        return; // the rest of it stands here as another key
      }
      const SchemaNode *field = schema.field(entry.key);
      if (!field)
        unknownKey(schema, entry, name);
      else if (isAvailable(*field, entry))
        value(*field, entry.value, fmt::format("'{}'", entry.key));
    }
    for (const SchemaNode &field : schema.fields)
      if (!isSet(node, field.key))
        complete(field, node, name);
  }

private:
  static std::string itemName(const std::string &list) {
    return list.starts_with("an item of ") ? list : "an item of " + list;
  }

  /// In a flow map, `{forward(a, b): ...}` is two keys to YAML: `forward(a` and `b)`.
  static bool isCutAtComma(std::string_view key) {
    return key.find('(') != std::string_view::npos && !key.ends_with(')');
  }

  static bool isSet(const Node &node, const std::string &key) {
    if (!key.ends_with("()"))
      return node.entry(key);
    const std::string begin = key.substr(0, key.size() - 1);
    return std::any_of(node.entries.begin(), node.entries.end(),
                       [&](const Entry &entry) { return entry.key.starts_with(begin); });
  }

  /// Reports a missing key, or fills in its default.
  void complete(const SchemaNode &field, Node &node, const std::string &name) {
    const KeySpec &spec = *field.spec;
    const std::string &key = field.key;
    if (spec.limits.required)
      diags
          .error(node.at, fmt::format("'{}' is missing{}", key.ends_with("()") ? "forward(...)" : key,
                                      name.empty() ? "" : " in " + name))
          .note(fmt::format("it is {}", spec.doc));
    if (!spec.limits.fallback)
      return;
    Node value = defaultValue(spec, node.at);
    Checker::value(field, value, fmt::format("'{}'", key)); // fills in what is below it
    node.entries.push_back({key, node.at, std::move(value)});
  }

  Node defaultValue(const KeySpec &spec, const Position &at) {
    Node node;
    node.text = spec.limits.fallback;
    if (node.text == "{}")
      node.kind = Node::Kind::Map;
    else if (node.text.starts_with("["))
      node = *parseYaml(std::make_shared<SourceFile>(SourceFile{spec.path, spec.limits.fallback}), diags);
    else if (node.text.empty())
      node.kind = Node::Kind::Text;
    else
      resolveScalar(node);
    placeAll(node, at);
    node.isDefault = true;
    return node;
  }

  void unknownKey(const SchemaNode &schema, const Entry &entry, const std::string &name) {
    std::vector<std::string> known;
    for (const SchemaNode &field : schema.fields)
      if (!field.spec->limits.unsupported && !field.spec->limits.reserved)
        known.push_back(field.key.ends_with("()") ? "forward(...)" : field.key);
    Diagnostic &error = diags.error(
        entry.keyAt, fmt::format("unknown key '{}'{}", entry.key, name.empty() ? "" : " in " + name));
    if (entry.key.starts_with("forward") || entry.key.ends_with(")"))
      error.note("write 'forward(a, b): |' in block style, its statements on the lines below");
    else
      error.suggestOrList(entry.key, known, "valid keys are");
  }

  bool isAvailable(const SchemaNode &field, const Entry &entry) {
    if (field.spec->limits.reserved)
      diags.error(entry.keyAt, fmt::format("'{}' is reserved for {}, which are not supported yet: remove it",
                                           entry.key, field.spec->limits.reserved));
    if (field.spec->limits.unsupported)
      diags.error(entry.keyAt,
                  fmt::format("'{}' is not supported yet: {}", entry.key, field.spec->limits.unsupported));
    return !field.spec->limits.reserved && !field.spec->limits.unsupported;
  }

  /// Whether the node is what its row says, apart from what is inside it.
  bool scalar(const KeySpec &spec, const Node &node, const std::string &name) {
    if (!accepts(spec.shapes, node)) {
      const std::string wanted =
          spec.limits.choices.empty() ? shapeNames(spec.shapes) : listed(spec.limits.choices);
      diags.error(node.at, fmt::format("{} must be {}, got {}", name, wanted, node.describe()));
      return false;
    }
    return inRange(spec, node, name) && isChoice(spec, node, name);
  }

  bool inRange(const KeySpec &spec, const Node &node, const std::string &name) {
    if (!node.isNumber())
      return true;
    std::string wanted;
    if (spec.limits.above && node.number <= *spec.limits.above)
      wanted = fmt::format("greater than {}", *spec.limits.above);
    else if (spec.limits.atLeast && node.number < *spec.limits.atLeast)
      wanted = fmt::format("at least {}", *spec.limits.atLeast);
    else if (spec.limits.atMost && node.number > *spec.limits.atMost)
      wanted = fmt::format("at most {}", *spec.limits.atMost);
    if (!wanted.empty())
      diags.error(node.at, fmt::format("{} must be {}, got {}", name, wanted, node.describe()));
    return wanted.empty();
  }

  bool isChoice(const KeySpec &spec, const Node &node, const std::string &name) {
    if (!node.isScalar())
      return true; // choices are of texts
    auto isIn = [&](const std::vector<std::string> &values) {
      return values.empty() || std::find(values.begin(), values.end(), node.text) != values.end();
    };
    if (!isIn(spec.limits.choices))
      diags
          .error(node.at,
                 fmt::format("{} must be {}, got {}", name, listed(spec.limits.choices), node.describe()))
          .suggest(node.text, spec.limits.choices);
    else if (!isIn(spec.limits.supported))
      diags.error(node.at, fmt::format("{} {} is not supported yet: remove it or use {}", name, node.text,
                                       fmt::join(spec.limits.supported, " or ")));
    return isIn(spec.limits.choices) && isIn(spec.limits.supported);
  }

  Diagnostics &diags;
};

} // namespace

bool checkDocument(Document kind, Node &root, Diagnostics &diags) {
  const size_t before = diags.size();
  if (root.kind != Node::Kind::Map)
    diags.error(root.at, fmt::format("expected a map of keys, got {}", root.describe()));
  else
    Checker(diags).map(schemaOf(kind), root, "");
  return diags.size() == before;
}

} // namespace shardc::frontend
