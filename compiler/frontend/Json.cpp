//===- Json.cpp - JSON text into the same tree as YAML --------------------===//
//
// nlohmann-json tells no places, but its reader asks for one character after the
// other: when it reports a key, the character read last is the key's closing
// quote. Values stand at their key's place, which is what errors name.
//
//===----------------------------------------------------------------------===//
#include "compiler/frontend/HfConfig.h"
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace shardc::frontend {
namespace {

/// An iterator over text that notes how far it has been read.
struct CountingIterator {
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char *;
  using reference = const char &;

  const char *here;
  const char **furthest;

  reference operator*() const { return *here; }
  CountingIterator &operator++() {
    *furthest = std::max(*furthest, ++here);
    return *this;
  }
  CountingIterator operator++(int) {
    CountingIterator before = *this;
    ++*this;
    return before;
  }
  bool operator==(const CountingIterator &other) const { return here == other.here; }
};

class JsonBuilder : public nlohmann::json_sax<nlohmann::json> {
public:
  JsonBuilder(const SourceRef &file, const char *const &furthest, Diagnostics &diags)
      : file(file), furthest(furthest), diags(diags) {}

  bool null() override { return add(start(Node::Kind::Null)); }
  bool boolean(bool value) override {
    Node node = start(Node::Kind::Bool, value ? "true" : "false");
    node.boolean = value;
    return add(std::move(node));
  }
  bool number_integer(int64_t value) override { return integer(value); }
  bool number_unsigned(uint64_t value) override {
    if (value > static_cast<uint64_t>(INT64_MAX))
      return number_float(static_cast<double>(value), fmt::format("{}", value));
    return integer(static_cast<int64_t>(value));
  }
  bool number_float(double value, const std::string &text) override {
    Node node = start(Node::Kind::Number, text);
    node.number = value;
    return add(std::move(node));
  }
  bool string(std::string &value) override {
    Node node = start(Node::Kind::Text, value);
    node.quoted = true;
    return add(std::move(node));
  }
  bool binary(nlohmann::json::binary_t &) override { return false; }
  bool start_object(size_t) override { return open(Node::Kind::Map); }
  bool start_array(size_t) override { return open(Node::Kind::List); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }

  bool key(std::string &text) override {
    Open &map = stack.back();
    map.key = text;
    map.keyAt = placeOf(openingQuote());
    if (const Entry *first = map.node.entry(text)) {
      diags.error(map.keyAt, fmt::format("key '{}' is set twice", text))
          .note(first->keyAt, "it is first set here");
      return false;
    }
    return true;
  }

  bool parse_error(size_t, const std::string &, const nlohmann::detail::exception &error) override {
    // "[json.exception...] parse error at line 1, column 2: syntax error while ...; last read: ..."
    std::string_view message = error.what();
    if (const size_t found = message.find("syntax error"); found != std::string_view::npos)
      message.remove_prefix(found);
    else if (const size_t colon = message.rfind(": "); colon != std::string_view::npos)
      message.remove_prefix(colon + 2);
    const char *last = std::max(file->text.data(), furthest - 1);
    diags.error(placeOf(last), fmt::format("not valid JSON: {}", message));
    return false;
  }

  std::optional<Node> root;

private:
  struct Open {
    Node node;
    std::string key;
    Position keyAt;
  };

  Position placeOf(const char *at) const {
    const char *begin = file->text.data();
    Position place{file, 1, 1};
    for (const char *c = begin; c < at; ++c) {
      ++place.column;
      if (*c == '\n')
        ++place.line, place.column = 1;
    }
    return place;
  }

  /// Of the string that was read last: the quote before it that no backslash precedes.
  const char *openingQuote() const {
    const char *begin = file->text.data(), *c = furthest - 2;
    auto escaped = [&](const char *quote) {
      int backslashes = 0;
      while (quote > begin && *--quote == '\\')
        ++backslashes;
      return backslashes % 2 == 1;
    };
    while (c > begin && (*c != '"' || escaped(c)))
      --c;
    return c;
  }

  Node start(Node::Kind kind, std::string text = "") const {
    Node node;
    node.kind = kind;
    node.text = std::move(text);
    node.at = stack.empty()
                  ? Position{file, 1, 1}
                  : (stack.back().node.kind == Node::Kind::Map ? stack.back().keyAt : stack.back().node.at);
    return node;
  }

  bool integer(int64_t value) {
    Node node = start(Node::Kind::Integer, fmt::format("{}", value));
    node.integer = value;
    node.number = static_cast<double>(value);
    return add(std::move(node));
  }

  bool open(Node::Kind kind) {
    if (stack.size() >= maxNesting) {
      diags.error(placeOf(furthest - 1),
                  fmt::format("lists and maps are nested more than {} deep", maxNesting));
      return false;
    }
    stack.push_back({start(kind), "", {}});
    return true;
  }

  bool close() {
    Node node = std::move(stack.back().node);
    stack.pop_back();
    return add(std::move(node));
  }

  bool add(Node node) {
    if (stack.empty())
      root = std::move(node);
    else if (stack.back().node.kind == Node::Kind::List)
      stack.back().node.items.push_back(std::move(node));
    else
      stack.back().node.entries.push_back({stack.back().key, stack.back().keyAt, std::move(node)});
    return true;
  }

  SourceRef file;
  const char *const &furthest;
  Diagnostics &diags;
  std::vector<Open> stack;
};

} // namespace

std::optional<Node> parseJson(const SourceRef &file, Diagnostics &diags) {
  const size_t before = diags.size();
  const char *begin = file->text.data(), *furthest = begin;
  JsonBuilder builder(file, furthest, diags);
  nlohmann::json::sax_parse(CountingIterator{begin, &furthest},
                            CountingIterator{begin + file->text.size(), &furthest}, &builder);
  if (diags.size() != before)
    return std::nullopt;
  return std::move(builder.root);
}

} // namespace shardc::frontend
