//===- Reference.h - the training run that all others are judged by -------===//
//
// The job on one device, in f64, after nn-step: from the weights that the trainers start from and on the data
// that they read.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "tests/parity/plans/Record.h"

#include "compiler/frontend/JobSpec.h"

#include <optional>

namespace shardc::parity {

struct Reference {
  Record record;
  Tensors initial; // the weights of @init, before they were replaced by the trainers'
  /// Additions and other operations one after the other, at most, from a weight to its gradient.
  double roundings = 0;
};

/// Reference::roundings without a run, for sizes that the interpreter is too slow for. Nothing after an error
/// that was printed.
std::optional<double> roundingsOf(const frontend::Job &job);

/// `start`: the trainers' initial weights. Nothing after an error that was printed.
std::optional<Reference> trainReference(const frontend::Job &job, const Tensors &start);

} // namespace shardc::parity
