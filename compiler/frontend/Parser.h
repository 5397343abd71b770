//===- Parser.h - text of the expression language into its tree -----------===//
//
// In:  text and the place where it begins.
// Out: a tree (Ast.h) whose places are those of the file.
// Not here: what names mean; that needs the model (ConfigEval, build/).
//
//===----------------------------------------------------------------------===//
#pragma once
#include "compiler/frontend/Ast.h"
#include "compiler/frontend/Yaml.h"

namespace shardc::frontend {

/// One expression, such as `4 * hidden_size`. A scalar node that is not text is a constant.
ExprPtr parseExpression(const Node &node, Diagnostics &diags);

/// `name(a, b)` from the key and its body from the block: nothing after an error was reported.
std::optional<Function> parseFunction(const Entry &entry, Diagnostics &diags);

/// Whether a word cannot be a name: the language's own words, and Python's.
bool isReservedWord(std::string_view word);

/// A plain name: a letter or `_`, then letters, digits and `_`.
bool isIdentifier(std::string_view text);

} // namespace shardc::frontend
