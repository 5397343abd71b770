//===- Diagnostics.h - several errors a run, each with notes --------------===//
//
//   job.yaml:9:12: error: axis 'heads' has size 6, which mesh axis 'tp' (4) does not divide
//   job.yaml:4:3: note: 'num_attention_heads' is set here
//
// Printed sorted by place, each once, at most `limit` of them.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "compiler/frontend/Source.h"
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace shardc::frontend {

class Diagnostic {
public:
  Diagnostic(Position at, std::string message) : at(std::move(at)), message(std::move(message)) {}

  /// A note at a place of its own.
  Diagnostic &note(Position where, std::string text);
  /// A note at the error's place.
  Diagnostic &note(std::string text) { return note(at, std::move(text)); }
  /// `did you mean 'x'?`, if a candidate is near enough to `name`.
  Diagnostic &suggest(std::string_view name, const std::vector<std::string> &candidates);
  /// The same; if none is near, all of them: `the axes are 'embed' and 'mlp'`.
  Diagnostic &suggestOrList(std::string_view name, const std::vector<std::string> &candidates,
                            std::string_view theyAre);

  std::string str() const;

  Position at;
  std::string message;
  std::vector<std::pair<Position, std::string>> notes;
};

class Diagnostics {
public:
  static constexpr size_t limit = 20;

  Diagnostic &error(Position at, std::string message);

  bool empty() const { return errors.empty(); }
  size_t size() const { return errors.size(); }
  const std::deque<Diagnostic> &all() const { return errors; }
  /// All errors as text, sorted by file (in the order first seen), line and column.
  std::string str() const;

private:
  std::deque<Diagnostic> errors; // a deque, so that a returned reference stays valid
};

/// The candidate nearest to `name` by edit distance, if any is near.
std::optional<std::string> nearest(std::string_view name, const std::vector<std::string> &candidates);

/// `'a', 'b' or 'c'`: how errors list what would be valid.
std::string listed(const std::vector<std::string> &names, std::string_view last = "or");

} // namespace shardc::frontend
