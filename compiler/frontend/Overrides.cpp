//===- Overrides.cpp - `--set key=value` on a tree ------------------------===//
#include "compiler/frontend/Overrides.h"
#include <algorithm>
#include <charconv>
#include <fmt/format.h>

namespace shardc::frontend {

std::optional<Override> parseOverride(const std::string &argument, Diagnostics &diags) {
  auto file = std::make_shared<SourceFile>(SourceFile{"--set " + argument, ""});
  const Position at{file};
  Diagnostics inner; // places within the value would read as places in a file
  if (!checkText(std::make_shared<SourceFile>(SourceFile{file->name, argument}), inner)) {
    diags.error({std::make_shared<SourceFile>(SourceFile{"--set"})}, inner.all().front().message);
    return std::nullopt;
  }
  const size_t equals = argument.find('=');
  Override override;
  for (size_t begin = 0; equals != std::string::npos && begin <= equals;) {
    const size_t end = std::min(argument.find('.', begin), equals);
    override.path.push_back(argument.substr(begin, end - begin));
    begin = end + 1;
  }
  const bool hasEmptyPart = std::find(override.path.begin(), override.path.end(), "") != override.path.end();
  if (override.path.empty() || hasEmptyPart || equals + 1 == argument.size()) {
    diags.error(at, "expected KEY=VALUE, such as train.steps=20");
    return std::nullopt;
  }
  if (override.path.size() > maxNesting) {
    diags.error(at, fmt::format("the key has more than {} parts", maxNesting));
    return std::nullopt;
  }
  file->text = argument.substr(equals + 1);
  std::optional<Node> value;
  if (file->text == "null" || file->text == "~")
    value.emplace(); // parseYaml takes a document that is null for an empty file
  else
    value = parseYaml(file, inner);
  for (const Diagnostic &error : inner.all())
    diags.error(at, error.message);
  if (!value)
    return std::nullopt;
  override.value = std::move(*value);
  placeAll(override.value, at);
  return override;
}

namespace {

/// The item or value called `part` in `node`, made if that is possible.
Node *step(Node &node, const std::string &part, const std::string &path, const Position &at,
           Diagnostics &diags) {
  if (node.kind == Node::Kind::Null) {
    node = Node{.kind = Node::Kind::Map, .at = at};
  }
  if (node.kind == Node::Kind::Map) {
    if (Node *found = node.find(part))
      return found;
    return &node.entries.emplace_back(part, at, Node{.at = at}).value;
  }
  if (node.kind == Node::Kind::List) {
    size_t index = 0;
    auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), index);
    if (end == part.data() + part.size() && error == std::errc() && index < node.items.size())
      return &node.items[index];
    diags.error(at,
                fmt::format("'{}' is a list of {}, which has no item '{}'", path, node.items.size(), part));
    return nullptr;
  }
  diags.error(at, fmt::format("'{}' is {}, which has no key '{}'", path, node.describe(), part));
  return nullptr;
}

} // namespace

void applyOverride(const Override &override, size_t first, Node &root, Diagnostics &diags) {
  Node *node = &root;
  std::string path;
  for (size_t i = 0; i < override.path.size(); ++i) {
    if (i >= first)
      node = step(*node, override.path[i], path, override.value.at, diags);
    if (!node)
      return;
    path += (i == 0 ? "" : ".") + override.path[i];
  }
  *node = override.value;
}

} // namespace shardc::frontend
