//===- SchemaTable.h - one row for each key of each kind of file ----------===//
#pragma once
#include "compiler/frontend/Schema.h"
#include <span>

namespace shardc::frontend {

/// What a value may be; a key may accept several.
enum Shape : unsigned {
  Integer = 1,
  Number = 2, ///< an integer too
  Bool = 4,
  Text = 8,
  Null = 16,
  Expression = 32, ///< a number, a boolean, null, or text in the expression language
  List = 64,
  Map = 128,
  Any = 256,
};

/// One key. A path's parts are separated by dots: `*` is any key, `[]` an item of a list,
/// and `forward()` any key that begins with `forward(`.
struct KeySpec {
  /// What most rows leave out.
  struct Limits {
    const char *fallback = nullptr; ///< YAML that stands where the key is missing
    bool required = false;
    std::optional<double> atLeast, atMost, above;
    std::vector<std::string> choices;   ///< the values there are; empty: any
    std::vector<std::string> supported; ///< those of them that work today; empty: all
    const char *unsupported = nullptr;  ///< the key does not work yet: what to do instead
    const char *reserved = nullptr;     ///< the key does not work yet: what it is kept for
    std::optional<Document> document{}; ///< a map here is such a document, checked on its own
  };

  const char *path;
  unsigned shapes;
  const char *doc;
  Limits limits = {};
};

std::span<const KeySpec> keysOf(Document kind);

/// The rows of one kind of file as a tree; the root has no row.
struct SchemaNode {
  const KeySpec *spec = nullptr;
  std::string key;
  std::vector<SchemaNode> fields;
  std::unique_ptr<SchemaNode> any, items;

  /// The node of a key, or null where there is none.
  const SchemaNode *field(std::string_view key) const;
};

/// The tree of a kind, built once.
const SchemaNode &schemaOf(Document kind);

} // namespace shardc::frontend
