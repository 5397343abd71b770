//===- RopeScaling.cpp - Hugging Face's map of rope scaling ---------------===//
//
// In:  the opaque map of config: {rope_type: llama3, factor: 8.0, ...}.
// Out: the same as an attribute, checked: a kind that we compute, its keys and
//      no others, numbers where numbers belong. Defaults stay unset.
//
//===----------------------------------------------------------------------===//
#include "compiler/frontend/build/Builtins.h"

#include <fmt/format.h>

using namespace mlir;

namespace shardc::frontend::build {
namespace {

struct Kind {
  std::string name;
  std::vector<std::string> required, optional;
};

const std::vector<Kind> kinds = {
    {"linear", {"factor"}, {}},
    {"llama3", {"factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"}, {}},
    {"yarn",
     {"factor", "original_max_position_embeddings"},
     {"beta_fast", "beta_slow", "attention_factor", "mscale", "mscale_all_dim", "truncate"}},
};

/// `rope_type`, or `type` as older files call it.
const Entry *typeOf(const Node &map) {
  const Entry *entry = map.entry("rope_type");
  return entry ? entry : map.entry("type");
}

const Kind &kindOf(FunctionBuilder &b, const Expr &at, const Node &map) {
  const Entry *entry = typeOf(map);
  const std::vector<std::string> names{"linear", "llama3", "yarn"};
  if (!entry) {
    b.error(map.at, "rope scaling has no 'rope_type'")
        .note(at.at, "it is used here")
        .note("it can be 'linear', 'llama3' or 'yarn'");
    throw Stop{};
  }
  for (const Kind &kind : kinds)
    if (kind.name == entry->value.text)
      return kind;
  b.error(entry->value.at, fmt::format("rope_type '{}' is not supported", entry->value.text))
      .note(at.at, "it is used here")
      .note(fmt::format("it can be {}", listed(names)));
  throw Stop{};
}

Attribute attrOf(FunctionBuilder &b, const Expr &at, const Entry &entry) {
  const bool isFlag = entry.key == "truncate";
  if (isFlag && entry.value.kind == Node::Kind::Bool)
    return b.builder.getBoolAttr(entry.value.boolean);
  if (!isFlag && entry.value.isNumber() && entry.value.number > 0)
    return b.builder.getF64FloatAttr(entry.value.number);
  b.error(entry.value.at, fmt::format("'{}' of rope scaling must be {}, got {}", entry.key,
                                      isFlag ? "true or false" : "a number above 0", entry.value.describe()))
      .note(at.at, "it is used here");
  throw Stop{};
}

} // namespace

DictionaryAttr ropeScaling(FunctionBuilder &b, const Expr &at) {
  Value value = b.config(at, "'scaling' of 'rope'");
  if (value.isNull())
    return {};
  if (value.kind != Value::Kind::Opaque || value.opaque->kind != Node::Kind::Map)
    b.fail(at.at, fmt::format("'scaling' of 'rope' must be null or a map, got {}", value.str()),
           "it is Hugging Face's rope_scaling, as in {rope_type: linear, factor: 2.0}");
  const Node &map = *value.opaque;
  const Entry *type = typeOf(map);
  if (type && type->value.text == "default")
    return {};
  const Kind &kind = kindOf(b, at, map);

  NamedAttrList attrs;
  attrs.set("rope_type", b.str(kind.name));
  for (const Entry &entry : map.entries) {
    if (entry.key == "rope_type" || entry.key == "type" || entry.value.kind == Node::Kind::Null)
      continue;
    std::vector<std::string> known = kind.required;
    known.insert(known.end(), kind.optional.begin(), kind.optional.end());
    if (!llvm::is_contained(known, entry.key)) {
      b.error(entry.keyAt, fmt::format("rope scaling '{}' has no key '{}'", kind.name, entry.key))
          .note(at.at, "it is used here")
          .note(fmt::format("its keys are {}", listed(known, "and")));
      throw Stop{};
    }
    attrs.set(entry.key, attrOf(b, at, entry));
  }
  for (const std::string &key : kind.required)
    if (!attrs.get(key)) {
      b.error(map.at, fmt::format("rope scaling '{}' lacks '{}'", kind.name, key))
          .note(at.at, "it is used here");
      throw Stop{};
    }
  return attrs.getDictionary(&b.program.context);
}

} // namespace shardc::frontend::build
