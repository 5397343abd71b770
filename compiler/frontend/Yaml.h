//===- Yaml.h - YAML text into an ordered tree with places ----------------===//
//
// In:  text of a job, plan or model file.
// Out: a tree in which every key and value knows its place; keys are unique.
// Not here: what keys mean (Schema), where files are searched (LoadJob).
//
// Stricter than YAML: duplicate keys, anchors, aliases, tags and a second
// document are errors; size and nesting are bounded. Scalars are read as in
// YAML 1.2, so `on` and `yes` are text.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "compiler/frontend/Diagnostics.h"
#include <cstdint>
#include <filesystem>
#include <optional>

namespace shardc::frontend {

struct Entry;

struct Node {
  enum class Kind { Null, Bool, Integer, Number, Text, List, Map };

  Kind kind = Kind::Null;
  Position at;
  std::string text; ///< of a scalar, as written, without quotes
  bool boolean = false;
  int64_t integer = 0;
  double number = 0; ///< of Integer too
  bool quoted = false;
  bool block = false;     ///< a literal block `|`; `at` is then where its text begins
  int indent = 0;         ///< of a block: columns before each line of its text
  bool isDefault = false; ///< not written: filled in by the schema
  std::vector<Node> items;
  std::vector<Entry> entries;

  bool isNumber() const { return kind == Kind::Integer || kind == Kind::Number; }
  bool isScalar() const { return kind != Kind::List && kind != Kind::Map; }
  const Node *find(std::string_view key) const;
  Node *find(std::string_view key);
  const Entry *entry(std::string_view key) const;
  /// `an integer`, `a map`, ...: how errors name what was written.
  std::string describe() const;
};

struct Entry {
  std::string key;
  Position keyAt;
  Node value;
};

constexpr size_t maxJobBytes = 64 << 10;
constexpr size_t maxModelBytes = 256 << 10;
constexpr int maxNesting = 32;

/// Reads a file: refuses what is missing, a folder, larger than `maxBytes`, or not UTF-8 text.
/// `where` is the place that names the file, for the error; `name` is what errors print.
SourceRef readSource(const std::filesystem::path &path, const std::string &name, size_t maxBytes,
                     const Position &where, Diagnostics &diags);

/// Parses a whole YAML document. On any error, reports it and returns nothing.
std::optional<Node> parseYaml(const SourceRef &file, Diagnostics &diags);

/// Reports the first byte that no YAML or JSON text holds. True if there is none.
bool checkText(const SourceRef &file, Diagnostics &diags);

/// Gives a whole tree one place: that of the option or default it comes from.
void placeAll(Node &node, const Position &at);

/// The kind and value of an unquoted scalar: null, a boolean, a number or text.
void resolveScalar(Node &node);

} // namespace shardc::frontend
