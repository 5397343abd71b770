//===- Text.h - lines with indentation, legal names, literals --------------===//
#pragma once

#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/StringMap.h"

#include <cstdint>
#include <string>

namespace shardc::codegen {

/// C++ text being written, two columns of indentation a level.
class Text {
public:
  /// One statement; broken at a comma where it is longer than a line.
  void line(const std::string &text, const std::string &comment = "");
  void blank() { written += '\n'; }
  /// `head {`, or `head` alone where a single statement follows.
  void open(const std::string &head, const std::string &comment = "");
  void close(const std::string &tail = "");
  void indent() { ++level; }
  void outdent() { --level; }
  /// Text that is indented already, from another Text.
  void append(const std::string &text) { written += text; }
  const std::string &str() const { return written; }

private:
  std::string written;
  int level = 0;
};

/// Identifiers of one scope: legal, and each given once.
class Names {
public:
  explicit Names(std::initializer_list<llvm::StringRef> reserved = {});
  /// `wanted` made legal, with a number behind it where it is taken.
  std::string fresh(llvm::StringRef wanted);
  bool isTaken(llvm::StringRef name) const { return taken.contains(name); }
  void reserve(llvm::StringRef name) { taken.try_emplace(name, 1); }

private:
  llvm::StringMap<unsigned> taken;
};

/// "ln_1.weight" -> "ln_1_weight"; keywords get an underscore behind them.
std::string identifier(llvm::StringRef text);
/// "mlp_saved" -> "MlpSaved", as names of types are.
std::string typeName(llvm::StringRef text);

/// float, double, int32_t, int64_t or bool; empty where the trainer has no such type.
std::string cppType(mlir::Type element);
/// The shortest text that reads back as the same number of this type.
std::string literal(double value, mlir::Type type);
std::string literal(int64_t value, mlir::Type type);

/// "a text" with quotes, escaped for C++.
std::string cString(llvm::StringRef text);
/// "8,192"
std::string withCommas(int64_t number);

} // namespace shardc::codegen
