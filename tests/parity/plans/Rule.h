//===- Rule.h - the one numeric rule ---------------------------------------===//
//
// R the f64 interpreter, S one rank, P ranks under a plan; per tensor e(X) = max|X - R| / max|R|.
//
//   e(P) <= 2 e(S) + 4 * 2^-24                      a plan rounds no worse than one rank
//   e(S) <= 2^-24 * sqrt(roundings so far)          one rank rounds, and errs in nothing else
//
// What one rank rounds is a random draw, and a lucky one would make a bar that no run but itself keeps (not
// even another of one rank). So e(S) is the largest of several runs of one rank, which differ in their number
// of micro-batches: in the order of the same sums.
//
// Of all losses, the gradients of the first step, and after the last step each weight and optimizer state.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "tests/parity/plans/Reference.h"

namespace shardc::parity {

constexpr double unitRoundoff = 1.0 / (1 << 24); // of f32

/// What a tensor's errors are measured by: its largest value, `own`. One that is zero but for rounding (a
/// gradient that cancels exactly, such as that of the keys' bias) has no scale of its own: it is measured by
/// the largest of its kind.
double scaleOf(double own, double ofKind);

/// How far one tensor of a run is off, and how far it may be.
struct Finding {
  std::string what; // "gradient", "weight after 20 steps"
  std::string name;
  double error = 0, allowed = 0;

  bool holds() const { return error <= allowed; }
};

/// One rank against the reference.
std::vector<Finding> judgeSingle(const Reference &reference, const Record &single);

/// A plan against the reference, measured by what runs of one rank lose.
std::vector<Finding> judgePlan(const Reference &reference, const std::vector<Record> &singles,
                               const Record &plan);

/// How far one tensor is off; what is allowed is for the caller to say.
Finding compare(const std::string &what, const std::string &name, const std::vector<double> &x,
                const std::vector<double> &r);

/// Prints one line, on the tensor that comes nearest to its bar or breaks it by most, and all that break it.
/// Whether none does.
bool report(const std::string &run, const std::vector<Finding> &findings);

} // namespace shardc::parity
