//===- Yaml.cpp - yaml-cpp's events into a tree ---------------------------===//
//
// yaml-cpp's own Node keeps duplicate keys and resolves aliases silently, so
// this reads its events. None of its exceptions leaves this file.
//
//===----------------------------------------------------------------------===//
#include "compiler/frontend/Yaml.h"
#include <algorithm>
#include <charconv>
#include <cmath>
#include <fmt/format.h>
#include <sstream>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

namespace shardc::frontend {

const Entry *Node::entry(std::string_view key) const {
  for (const Entry &candidate : entries)
    if (candidate.key == key)
      return &candidate;
  return nullptr;
}

const Node *Node::find(std::string_view key) const {
  const Entry *found = entry(key);
  return found ? &found->value : nullptr;
}

Node *Node::find(std::string_view key) {
  return const_cast<Node *>(std::as_const(*this).find(key));
}

std::string Node::describe() const {
  constexpr size_t shown = 40;
  switch (kind) {
  case Kind::Null:
    return "null";
  case Kind::List:
    return "a list";
  case Kind::Map:
    return "a map";
  case Kind::Text:
    if (block)
      return "a block of text";
    if (const size_t end = std::min(text.find('\n'), shown); end < text.size())
      return fmt::format("'{}...'", text.substr(0, end));
    return fmt::format("'{}'", text);
  default:
    return text;
  }
}

namespace {

bool isDecimal(std::string_view text) {
  if (!text.empty() && (text[0] == '-' || text[0] == '+'))
    text.remove_prefix(1);
  size_t digits = 0, i = 0;
  auto skipDigits = [&] {
    for (; i < text.size() && text[i] >= '0' && text[i] <= '9'; ++i)
      ++digits;
  };
  skipDigits();
  if (i < text.size() && text[i] == '.') {
    ++i;
    skipDigits();
  }
  if (digits == 0)
    return false;
  if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
    ++i;
    if (i < text.size() && (text[i] == '-' || text[i] == '+'))
      ++i;
    digits = 0;
    skipDigits();
    if (digits == 0)
      return false;
  }
  return i == text.size();
}

bool isOneOf(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), text) != words.end();
}

} // namespace

void resolveScalar(Node &node) {
  std::string_view text = node.text;
  node.kind = Node::Kind::Text;
  if (isOneOf(text, {"", "~", "null", "Null", "NULL"})) {
    node.kind = Node::Kind::Null;
  } else if (isOneOf(text, {"true", "True", "TRUE", "false", "False", "FALSE"})) {
    node.kind = Node::Kind::Bool;
    node.boolean = text[0] == 't' || text[0] == 'T';
  } else if (isDecimal(text)) {
    const char *begin = text.data() + (text[0] == '+'), *end = text.data() + text.size();
    auto [rest, error] = std::from_chars(begin, end, node.integer);
    if (rest == end && error == std::errc()) {
      node.kind = Node::Kind::Integer;
      node.number = static_cast<double>(node.integer);
      return;
    }
    auto parsed = std::from_chars(begin, end, node.number);
    if (parsed.ptr == end && parsed.ec == std::errc() && std::isfinite(node.number))
      node.kind = Node::Kind::Number;
  }
}

namespace {

/// Thrown through yaml-cpp once an error was reported after which reading on makes no sense.
struct Stop {};

class TreeBuilder : public YAML::EventHandler {
public:
  TreeBuilder(const SourceRef &file, Diagnostics &diags) : file(file), diags(diags) {}

  void OnDocumentStart(const YAML::Mark &mark) override {
    if (root)
      fail(mark, "a second document starts here; a file holds one");
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark &mark, YAML::anchor_t anchor) override {
    Node node = start(mark, "", anchor);
    add(std::move(node));
  }
  void OnAlias(const YAML::Mark &mark, YAML::anchor_t) override {
    fail(mark, "aliases (*name) are not supported: write the value out");
  }
  void OnScalar(const YAML::Mark &mark, const std::string &tag, YAML::anchor_t anchor,
                const std::string &value) override {
    Node node = start(mark, tag, anchor);
    node.text = value;
    node.quoted = tag == "!"; // yaml-cpp's tag of quoted and block scalars
    if (node.quoted)
      node.kind = Node::Kind::Text;
    else
      resolveScalar(node);
    if (node.quoted && at(mark.pos) == '|')
      placeBlock(node);
    else if (node.quoted && !isClosed(mark.pos))
      fail(mark, "the closing quote of this text is missing");
    add(std::move(node));
  }
  void OnSequenceStart(const YAML::Mark &mark, const std::string &tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, Node::Kind::List);
  }
  void OnMapStart(const YAML::Mark &mark, const std::string &tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, Node::Kind::Map);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapEnd() override { close(); }

  Position place(const YAML::Mark &mark) const {
    return mark.is_null() ? Position{file} : Position{file, mark.line + 1, mark.column + 1};
  }

  std::optional<Node> root;

private:
  /// A list or map that is still being read, and in a map the key whose value comes next.
  struct Open {
    Node node;
    std::optional<std::pair<std::string, Position>> key;
  };

  [[noreturn]] void fail(const YAML::Mark &mark, std::string message) {
    diags.error(place(mark), std::move(message));
    throw Stop{};
  }

  /// Whether the quote that opens at `begin` has its other one; yaml-cpp lets text run to the end of the
  /// file.
  bool isClosed(int begin) const {
    const char quote = at(begin);
    if (quote != '"' && quote != '\'')
      return true;
    for (int i = begin + 1; at(i) != '\0'; ++i) {
      if (at(i) == quote)
        return true; // a doubled single quote is two of them, which is as good here
      if (quote == '"' && at(i) == '\\')
        ++i;
    }
    return false;
  }

  /// yaml-cpp also takes what stands in a bracket that is never closed for a key.
  [[noreturn]] void failAtKey(const YAML::Mark &mark) {
    diags.error(place(mark), "a list or map stands where a key is expected")
        .note("a key is plain text; or a '[' or '{' is not closed");
    throw Stop{};
  }

  char at(int offset) const {
    return offset >= 0 && size_t(offset) < file->text.size() ? file->text[offset] : '\0';
  }

  Node start(const YAML::Mark &mark, const std::string &tag, YAML::anchor_t anchor) {
    if (anchor != 0)
      fail(mark, "anchors (&name) are not supported: write the value out where it is used");
    if (!tag.empty() && tag != "?" && tag != "!")
      fail(mark, "tags (!name) are not supported: a value's type follows from its text");
    Node node;
    node.at = place(mark);
    return node;
  }

  void open(const YAML::Mark &mark, const std::string &tag, YAML::anchor_t anchor, Node::Kind kind) {
    Node node = start(mark, tag, anchor);
    node.kind = kind;
    if (stack.size() >= maxNesting)
      fail(mark, fmt::format("lists and maps are nested more than {} deep", maxNesting));
    if (expectsKey())
      failAtKey(mark);
    stack.push_back({std::move(node), std::nullopt});
  }

  void close() {
    Node node = std::move(stack.back().node);
    stack.pop_back();
    add(std::move(node));
  }

  bool expectsKey() const {
    return !stack.empty() && stack.back().node.kind == Node::Kind::Map && !stack.back().key;
  }

  void add(Node node) {
    if (stack.empty()) {
      root = std::move(node);
    } else if (stack.back().node.kind == Node::Kind::List) {
      stack.back().node.items.push_back(std::move(node));
    } else if (expectsKey()) {
      addKey(std::move(node));
    } else {
      Open &map = stack.back();
      map.node.entries.push_back({std::move(map.key->first), std::move(map.key->second), std::move(node)});
      map.key.reset();
    }
  }

  void addKey(Node key) {
    if (key.kind == Node::Kind::Null && key.text.empty()) {
      diags.error(key.at, "a key is missing before ':'");
      throw Stop{};
    }
    if (const Entry *first = stack.back().node.entry(key.text))
      diags.error(key.at, fmt::format("key '{}' is set twice", key.text))
          .note(first->keyAt, "it is first set here");
    stack.back().key.emplace(std::move(key.text), std::move(key.at));
  }

  /// A literal block's mark is its `|`: moves the node's place to the first line of its text.
  void placeBlock(Node &node) {
    std::string_view text = node.text, rest = file->text;
    int line = 1;
    auto nextLine = [](std::string_view &from) {
      const size_t end = std::min(from.find('\n'), from.size());
      std::string_view first = from.substr(0, end);
      from.remove_prefix(std::min(end + 1, from.size()));
      return first.ends_with('\r') ? first.substr(0, first.size() - 1) : first;
    };
    for (; line <= node.at.line; ++line)
      nextLine(rest);
    node.block = true;
    node.at.line = line;
    node.at.column = 1;
    while (!text.empty()) { // the first line that is not blank tells the indent
      std::string_view wanted = nextLine(text), written = nextLine(rest);
      if (wanted.empty() || written.size() < wanted.size())
        continue;
      node.indent = static_cast<int>(written.size() - wanted.size());
      break;
    }
    node.at.column += node.indent;
  }

  SourceRef file;
  Diagnostics &diags;
  std::vector<Open> stack;
};

/// What yaml-cpp means, in words for people.
std::string explained(const std::string &message) {
  static constexpr std::pair<std::string_view, std::string_view> words[] = {
      {"end of map not found", "this line fits no map above: check its indentation"},
      {"end of sequence not found", "this line fits no list above: check its indentation"},
      {"illegal flow end", "this bracket closes none that is open"},
      {"end of map flow not found", "'}' or ',' is missing"},
      {"end of sequence flow not found", "']' or ',' is missing"},
      {"illegal map value", "':' cannot stand here: check the indentation (spaces only), or quote the text"},
      {"the referenced anchor is not defined", "aliases (*name) are not supported: write the value out"},
      {"end of file reached before end of quoted string", "a quoted text is not closed"},
  };
  for (const auto &[theirs, ours] : words)
    if (message.find(theirs) != std::string::npos)
      return std::string(ours);
  return fmt::format("not valid YAML: {}", message);
}

} // namespace

void placeAll(Node &node, const Position &at) {
  node.at = at;
  for (Node &item : node.items)
    placeAll(item, at);
  for (Entry &entry : node.entries) {
    entry.keyAt = at;
    placeAll(entry.value, at);
  }
}

std::optional<Node> parseYaml(const SourceRef &file, Diagnostics &diags) {
  const size_t before = diags.size();
  std::istringstream stream(file->text);
  TreeBuilder builder(file, diags);
  try {
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
    if (!builder.root || builder.root->kind == Node::Kind::Null)
      diags.error({file}, "the file is empty");
  } catch (const Stop &) {
  } catch (const YAML::Exception &error) {
    diags.error(builder.place(error.mark), explained(error.msg));
  }
  if (diags.size() != before)
    return std::nullopt;
  return std::move(builder.root);
}

} // namespace shardc::frontend
