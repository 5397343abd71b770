//===- Inputs.h - a rank's part of each batch, put into its arena ----------===//
//
// Every rank reads the samples and positions that its tokens and labels hold, by their global numbers: which
// sample is where follows from the mesh coordinates alone, so all plans of a job see the same batches.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "runtime/core/Context.h"
#include "runtime/core/Program.h"
#include "runtime/data/Batches.h"

namespace rt {

class Inputs {
public:
  Inputs(const Program &program, const Context &context, Batches batches);

  /// All micro-batches of a step.
  void fillStep(std::int64_t step);
  /// One held-out micro-batch, into slot 0.
  void fillEval(std::int64_t number);

private:
  void fill(std::int64_t slot, std::int64_t firstSample, Split split);

  const Program &program;
  const Context &context;
  std::vector<int> place; // this rank's coordinates in the mesh
  Batches batches;
  std::int64_t microbatch; // sequences, all ranks
  std::vector<std::int32_t> unused;
};

} // namespace rt
