//===- Lexer.h - words of the expression language -------------------------===//
//
// Names may be dotted (`q_proj.weight`), and are then one word. A line's end is
// a word only outside brackets; blank lines and comments are none.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "compiler/frontend/Diagnostics.h"

namespace shardc::frontend {

struct Token {
  enum class Kind { Name, Number, Symbol, Newline, End };
  Kind kind = Kind::End;
  std::string_view text;
  Position at;
  bool indented = false; ///< a line's first word that does not stand at the line's start

  bool is(std::string_view symbolOrWord) const {
    return (kind == Kind::Name || kind == Kind::Symbol) && text == symbolOrWord;
  }
  /// `'+'`, `the end of the line`: how errors name it.
  std::string describe() const;
};

/// Instead of an indent: every word stands at `start`.
constexpr int fixedPlace = -1;

/// The words of `text`, whose first character stands at `start` and whose later lines begin `indent`
/// columns in. Ends with End; nothing after an error was reported.
std::optional<std::vector<Token>> tokenize(std::string_view text, const Position &start, int indent,
                                           Diagnostics &diags);

} // namespace shardc::frontend
