//===- Forward.h - the loss that any label would have -----------------------===//
//
// A softmax keeps nothing of its logits but what each label would cost. So instead of logits, which no
// program of a job returns, @main is run once for each label.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "tests/parity/plans/Record.h"

#include "compiler/frontend/JobSpec.h"

#include <optional>

namespace shardc::parity {

/// [label, sample, position], by the f64 interpreter: sample i is window i of the job's tokens. Nothing after
/// an error that was printed.
std::optional<std::vector<double>> lossesOfLabels(const frontend::Job &job, const Tensors &weights,
                                                  int64_t labels);

} // namespace shardc::parity
