//===- Error.h - how a rank says that it cannot go on ----------------------===//
//
// Error: this rank found a mistake or a failure; its text is what the user reads. Aborted: another rank did,
// and has said so; leave quietly. Both travel up to train(), which brings all ranks down.
//
//===----------------------------------------------------------------------===//
#pragma once
#include <stdexcept>
#include <string>

namespace rt {

/// `what`: lower case, subject first, both values; `note`: what would be valid.
struct Error : std::runtime_error {
  explicit Error(const std::string &what, const std::string &note = {})
      : std::runtime_error(what + (note.empty() ? "" : "\nnote: " + note)) {}
};

struct Aborted {};

} // namespace rt
