//===- Padding.h - axes of weights made longer, so that they divide -------===//
//
// A vocabulary of 50257 over tp 4 has 50260 rows in the program. Its padding is
// zero for ever: it starts as zero, and whatever is folded over the axis is
// masked before, so that its gradient is zero too. Files have 50257 rows.
//
// Padded is an axis that is the first of every weight that has it and part of no
// product and no input: its numbers then keep their places in files and in what
// is drawn at random. Others must divide.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "compiler/frontend/ConfigEval.h"
#include "compiler/frontend/JobSpec.h"

#include "llvm/ADT/StringRef.h"

namespace shardc::frontend::build {

struct PaddedAxis {
  int64_t valid, padded;
};

class Padding {
public:
  /// What the plan of a job asks for.
  Padding(const Job &job, const Scope &scope);

  /// Null for an axis that is as long as the model says. By any of its names.
  const PaddedAxis *find(llvm::StringRef axis) const;
  int64_t sizeOf(llvm::StringRef axis, int64_t valid) const {
    const PaddedAxis *padded = find(axis);
    return padded ? padded->padded : valid;
  }
  int64_t validSizeOf(llvm::StringRef axis, int64_t size) const {
    const PaddedAxis *padded = find(axis);
    return padded ? padded->valid : size;
  }

private:
  std::map<std::string, PaddedAxis, std::less<>> axes;
};

} // namespace shardc::frontend::build
