//===- Text.cpp - lines with indentation, legal names, literals ------------===//

#include "compiler/codegen/Text.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include <climits>
#include <cmath>
#include <fmt/format.h>

using namespace mlir;

namespace shardc::codegen {

static constexpr size_t kColumns = 110;

//===-- lines --------------------------------------------------------------===//

/// Where a line that is too long is broken: behind a comma that fits, in as few brackets as there are,
/// outside of strings.
static size_t breakOf(const std::string &text, size_t room) {
  size_t best = std::string::npos;
  int depth = 0, bestDepth = INT_MAX;
  bool inString = false;
  for (size_t i = 0; i + 1 < text.size() && i < room; ++i) {
    inString ^= text[i] == '"';
    if (inString)
      continue;
    depth += (text[i] == '(' || text[i] == '{') - (text[i] == ')' || text[i] == '}');
    bool isBreak = text[i] == ',' && text[i + 1] == ' ';
    if (isBreak && (depth <= bestDepth || best < room / 3)) {
      best = i + 1;
      bestDepth = depth;
    }
  }
  return best;
}

void Text::line(const std::string &text, const std::string &comment) {
  std::string rest = text, pad(2 * level, ' ');
  while (pad.size() + rest.size() > kColumns && !text.starts_with("//")) {
    size_t at = breakOf(rest, kColumns - pad.size());
    if (at == std::string::npos)
      break;
    written += pad + rest.substr(0, at) + '\n';
    rest = rest.substr(at + 1);
    pad = std::string(2 * level + 4, ' ');
  }
  written += pad + rest;
  if (!comment.empty())
    written += "  // " + comment;
  written += '\n';
}

void Text::open(const std::string &head, const std::string &comment) {
  line(head + " {", comment);
  indent();
}

void Text::close(const std::string &tail) {
  outdent();
  line("}" + tail);
}

//===-- names --------------------------------------------------------------===//

static bool isKeyword(llvm::StringRef text) {
  static const llvm::StringSet<> keywords = {
      "alignas",  "alignof",   "and",       "asm",      "auto",     "bool",      "break",    "case",
      "catch",    "char",      "class",     "concept",  "const",    "constexpr", "continue", "default",
      "delete",   "do",        "double",    "else",     "enum",     "explicit",  "export",   "extern",
      "false",    "float",     "for",       "friend",   "goto",     "if",        "inline",   "int",
      "long",     "mutable",   "namespace", "new",      "not",      "nullptr",   "operator", "or",
      "private",  "protected", "public",    "register", "requires", "return",    "short",    "signed",
      "sizeof",   "static",    "struct",    "switch",   "template", "this",      "throw",    "true",
      "try",      "typedef",   "typename",  "union",    "unsigned", "using",     "virtual",  "void",
      "volatile", "while",     "xor",       "main",     "int32_t",  "int64_t",   "uint32_t", "uint64_t",
      "std",      "rt",        "program",   "scratch",  "seed",     "mesh",      "groups",   "trainer",
      "bitand",   "bitor",     "compl",     "and_eq",   "or_eq",    "xor_eq",    "not_eq"};
  return keywords.contains(text);
}

std::string identifier(llvm::StringRef text) {
  std::string result;
  for (char c : text)
    result += llvm::isAlnum(c) || c == '_' ? c : '_';
  if (result.empty() || llvm::isDigit(result[0]))
    result = "v" + result;
  return isKeyword(result) ? result + "_" : result;
}

std::string typeName(llvm::StringRef text) {
  std::string result;
  for (bool upper = true; char c : text) {
    if (llvm::isAlnum(c))
      result += upper ? llvm::toUpper(c) : c;
    upper = !llvm::isAlnum(c);
  }
  return identifier(result);
}

Names::Names(std::initializer_list<llvm::StringRef> reserved) {
  for (llvm::StringRef name : reserved)
    taken[name] = 1;
}

std::string Names::fresh(llvm::StringRef wanted) {
  std::string base = identifier(wanted), name = base;
  while (taken.contains(name))
    name = base + "_" + std::to_string(++taken[base]);
  taken[name] = 1;
  return name;
}

//===-- literals -----------------------------------------------------------===//

std::string cppType(Type element) {
  if (element.isF32())
    return "float";
  if (element.isF64())
    return "double";
  if (element.isInteger(1))
    return "bool";
  if (element.isInteger(32))
    return "int32_t";
  if (element.isInteger(64))
    return "int64_t";
  return "";
}

std::string literal(double value, Type type) {
  if (std::isnan(value))
    return "NAN";
  if (std::isinf(value))
    return value < 0 ? "-INFINITY" : "INFINITY";
  std::string text = type.isF32() ? fmt::format("{}", static_cast<float>(value)) : fmt::format("{}", value);
  if (text.find_first_of(".e") == std::string::npos)
    text += ".0";
  return type.isF32() ? text + "f" : text;
}

std::string literal(int64_t value, Type type) {
  if (type.isInteger(1))
    return value ? "true" : "false";
  if (value == INT64_MIN)
    return "INT64_MIN";
  return std::to_string(value);
}

std::string cString(llvm::StringRef text) {
  std::string result = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\')
      result += '\\';
    if (c == '\n')
      result += "\\n";
    else
      result += c;
  }
  return result + "\"";
}

std::string withCommas(int64_t number) {
  std::string text = std::to_string(number);
  for (int64_t at = static_cast<int64_t>(text.size()) - 3; at > (number < 0 ? 1 : 0); at -= 3)
    text.insert(at, ",");
  return text;
}

} // namespace shardc::codegen
