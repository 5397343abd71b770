//===- JsonSchema.cpp - the table as a JSON schema, for editors -----------===//
//
// Keys that are reserved or not supported yet are left out, so that an editor
// marks them; so are values that do not work yet.
//
//===----------------------------------------------------------------------===//
#include "compiler/frontend/Schema.h"
#include "compiler/frontend/SchemaTable.h"
#include <nlohmann/json.hpp>

namespace shardc::frontend {
namespace {

using Json = nlohmann::ordered_json;

Json scalarOf(const Node &node) {
  switch (node.kind) {
  case Node::Kind::Bool:
    return node.boolean;
  case Node::Kind::Integer:
    return node.integer;
  case Node::Kind::Number:
    return node.number;
  case Node::Kind::Null:
    return nullptr;
  default:
    return node.text;
  }
}

Json valueOf(const std::string &text) {
  Node node;
  node.text = text;
  resolveScalar(node);
  return scalarOf(node);
}

Json defaultOf(const std::string &yaml) {
  if (yaml.empty())
    return "";
  return yaml == "{}" ? Json::object() : yaml[0] == '[' ? Json::parse(yaml) : valueOf(yaml);
}

std::string nameOf(Document kind) {
  static constexpr const char *names[] = {"job", "plan", "train", "model", "functions"};
  return names[static_cast<size_t>(kind)];
}

Json describe(const SchemaNode &node);

void describeMap(const SchemaNode &node, Json &json) {
  json["type"] = "object";
  Json required = Json::array();
  for (const SchemaNode &field : node.fields) {
    const std::string &key = field.key;
    if (field.spec->limits.unsupported || field.spec->limits.reserved)
      continue;
    if (key.ends_with("()")) {
      json["patternProperties"]["^" + key.substr(0, key.size() - 2) + "\\("] = describe(field);
      continue;
    }
    json["properties"][key] = describe(field);
    if (field.spec->limits.required)
      required.push_back(key);
  }
  if (!required.empty())
    json["required"] = required;
  json["additionalProperties"] = node.any ? describe(*node.any) : Json(false);
}

/// One accepted shape of a key.
Json describeShape(const SchemaNode &node, Shape shape) {
  const KeySpec &spec = *node.spec;
  Json json = Json::object();
  switch (shape) {
  case Integer:
  case Number:
    json["type"] = shape == Integer ? "integer" : "number";
    if (spec.limits.atLeast)
      json["minimum"] = *spec.limits.atLeast;
    if (spec.limits.above)
      json["exclusiveMinimum"] = *spec.limits.above;
    if (spec.limits.atMost)
      json["maximum"] = *spec.limits.atMost;
    break;
  case Bool:
    json["type"] = "boolean";
    break;
  case Text:
    json["type"] = "string";
    break;
  case Null:
    json["type"] = "null";
    break;
  case Expression:
    json["type"] = {"number", "boolean", "null", "string"};
    break;
  case List:
    json["type"] = "array";
    if (node.items)
      json["items"] = describe(*node.items);
    break;
  case Map:
    if (spec.limits.document)
      json["$ref"] = "#/$defs/" + nameOf(*spec.limits.document);
    else
      describeMap(node, json);
    break;
  case Any:
    break;
  }
  if (shape == List || shape == Map)
    return json; // choices are of texts
  const std::vector<std::string> &values =
      spec.limits.supported.empty() ? spec.limits.choices : spec.limits.supported;
  for (const std::string &value : values)
    json["enum"].push_back(valueOf(value));
  return json;
}

Json describe(const SchemaNode &node) {
  const KeySpec &spec = *node.spec;
  std::vector<Json> shapes;
  for (Shape shape : {Integer, Number, Bool, Text, Null, Expression, List, Map, Any})
    if (spec.shapes & shape)
      shapes.push_back(describeShape(node, shape));
  Json json = Json::object();
  json["description"] = spec.doc;
  if (spec.limits.fallback)
    json["default"] = defaultOf(spec.limits.fallback);
  if (shapes.size() > 1)
    json["anyOf"] = shapes;
  else
    json.update(shapes[0]);
  return json;
}

} // namespace

std::string jsonSchema(Document kind) {
  Json json = Json::object();
  json["$schema"] = "https://json-schema.org/draft/2020-12/schema";
  json["title"] = "shardc " + nameOf(kind);
  describeMap(schemaOf(kind), json);
  for (const KeySpec &spec : keysOf(kind)) {
    if (!spec.limits.document)
      continue;
    Json &definition = json["$defs"][nameOf(*spec.limits.document)];
    definition = Json::object();
    describeMap(schemaOf(*spec.limits.document), definition);
  }
  return json.dump(2) + "\n";
}

} // namespace shardc::frontend
