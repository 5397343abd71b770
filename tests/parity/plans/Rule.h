//===- Rule.h - the one numeric rule ---------------------------------------===//
//
// R the f64 interpreter, S one rank, P ranks under a plan; per tensor e(X) = max|X - R| / max|R|.
//
//   e(P) <= 2 e(S) + 4 * 2^-24                      a plan rounds no worse than one rank
//   e(S) <= 2^-24 * sqrt(roundings so far)          one rank rounds, and errs in nothing else
//
// After N steps e(S) is the largest of one rank's and of three runs of R itself from weights that differ in
// their last place as f32: what rounding, whoever does it, comes to in this job. One rank alone may be a
// lucky draw of that.
//
// AdamW divides by sqrt(v): where that is near eps, the rounding of a gradient decides which way a weight
// goes. A gradient that is within its bar b moves weight i in a step by up to
//
//   lr * min(2, b max|g| / (sqrt(v_i) + eps))
//
// and what N steps come to is taken off |X - R| before weights are judged.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "tests/parity/plans/Reference.h"

namespace shardc::parity {

constexpr double unitRoundoff = 1.0 / (1 << 24); // of f32

/// How far one tensor of a run is off, and how far it may be.
struct Finding {
  std::string what; // "gradient", "weight after 20 steps"
  std::string name;
  double error = 0, allowed = 0;

  bool holds() const { return error <= allowed; }
};

/// What the rule has to know of the recipe.
struct Recipe {
  int64_t steps;
  double lr, eps; // the largest learning rate of any step
};

/// One rank against the reference.
std::vector<Finding> judgeSingle(const Reference &reference, const Record &single, const Recipe &recipe);

/// A plan against the reference, measured by what one rank loses.
std::vector<Finding> judgePlan(const Reference &reference, const Record &single, const Record &plan,
                               const Recipe &recipe);

} // namespace shardc::parity
