//===- Inputs.cpp - a rank's part of each batch, put into its arena --------===//
#include "runtime/core/Inputs.h"
#include "runtime/core/Mesh.h"

namespace rt {

Inputs::Inputs(const Program &program, const Context &context, Batches batches)
    : program(program), context(context), place(coordinatesOf(program.mesh, context.rank)),
      batches(std::move(batches)), microbatch(program.recipe.globalBatch / program.recipe.microbatches) {
  std::int64_t most = 0; // tokens and labels may be placed differently; what a call does not want goes here
  for (const Input &input : program.inputs)
    most = std::max(most, (input.batch.localCount - 1) * input.batch.localStride +
                              (input.seq.localCount - 1) * input.seq.localStride + 1);
  unused.resize(most);
}

void Inputs::fillStep(std::int64_t step) {
  for (std::int64_t i = 0; i < program.recipe.microbatches; ++i)
    fill(i, step * program.recipe.globalBatch + i * microbatch, Split::Train);
}

void Inputs::fillEval(std::int64_t number) {
  fill(0, number * microbatch, Split::Eval);
}

void Inputs::fill(std::int64_t slot, std::int64_t firstSample, Split split) {
  auto first = [&](const BlockAxis &axis) {
    return placeOn(program.mesh, axis.mesh, place) * axis.localCount;
  };
  for (const Input &input : program.inputs) {
    const BatchSlice slice{.firstSample = firstSample,
                           .batchOffset = first(input.batch),
                           .batchCount = input.batch.localCount,
                           .seqOffset = first(input.seq),
                           .seqCount = input.seq.localCount,
                           .batchStride = input.batch.localStride,
                           .seqStride = input.seq.localStride};
    auto *buffer = context.at<std::int32_t>(input.offset) + slot * input.microbatchStride;
    const bool tokens = input.kind == Input::tokens;
    batches.fill(slice, tokens ? buffer : unused.data(), tokens ? unused.data() : buffer, split);
  }
}

} // namespace rt
