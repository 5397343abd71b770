//===- Shrink.h - the same job with small sizes ---------------------------===//
//
// In:  a job whose model builds.
// Out: a job that builds the same functions with the smallest sizes that keep what the plan and the model ask
//      of them: each size keeps its common divisors with each degree of the mesh, and one that is at least as
//      long as the sequence stays so.
//
// Adam's eps is raised to 1e-3: it divides gradients that are zero but for rounding (that of the keys' bias),
// whose last bits depend on the order of sums.
//
// Config keys that are sizes are made smaller one after the other, as long as the program stays the same
// but for its sizes; sizes that are expressions follow.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/frontend/JobSpec.h"

namespace shardc::interpreter {

/// One number of the job that was changed: `hidden_size 4096 -> 64`.
struct Shrunk {
  std::string key;
  double from, to;
};

struct ShrunkJob {
  frontend::Job job;
  std::vector<Shrunk> changes;
};

/// The plan's mesh with so many ranks: the mesh axis that places `batch` grows (or the first one). Nothing
/// after an error.
std::optional<frontend::Plan> withWorld(const frontend::Plan &plan, int64_t world,
                                        frontend::Diagnostics &diags);

/// Nothing where the job does not build: `diags` says why.
std::optional<ShrunkJob> shrink(const frontend::Job &job, frontend::Diagnostics &diags);

} // namespace shardc::interpreter
