//===- Source.h - files the user gave us, and places in them --------------===//
//
// Every value read from a YAML or JSON file carries a Position, up to the
// finished trainer, so that any error can point at what the user wrote.
//
//===----------------------------------------------------------------------===//
#pragma once
#include <memory>
#include <string>
#include <utility>

namespace shardc::frontend {

struct SourceFile {
  std::string name; ///< as the user gave it: what errors print
  std::string text;
};
using SourceRef = std::shared_ptr<const SourceFile>;

/// Line and column count from 1; line 0 means the whole file (a missing file, a `--set`).
struct Position {
  SourceRef file;
  int line = 0;
  int column = 0;

  /// `job.yaml:9:12`, or only the name where there is no line.
  std::string str() const;
  bool operator==(const Position &other) const = default;
};

/// A value and where it was written. A default's place is its map's.
template <typename T> struct Located {
  T value{};
  Position at;
};

} // namespace shardc::frontend
