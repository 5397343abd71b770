//===- OneDevice.cpp - what one device computes, step by step -------------===//

#include "compiler/interpreter/OneDevice.h"

using namespace mlir;
using namespace nn;
using namespace shardc::interpreter;

FailureOr<OneDevice> shardc::interpreter::trainOnOneDevice(ModuleOp global, uint64_t seed, Inputs inputs,
                                                           int64_t steps) {
  Training training(global, Mesh(), {.seed = seed, .inputs = std::move(inputs)});
  auto stateOf = [&](const Data &state) -> OneDevice::State {
    return {training.namesOf(state, kindParameter), training.namesOf(state, kindOptimizerState)};
  };
  FailureOr<Data> state = training.init();
  if (failed(state))
    return failure();
  OneDevice one;
  one.initial = stateOf(*state);
  state = training.perturbed(*state, seed);
  one.start = stateOf(*state);
  FailureOr<NamedValues> gradients = training.gradients(*state);
  if (failed(gradients))
    return failure();
  one.gradients = std::move(*gradients);
  for (int64_t number = 0; number < steps; ++number) {
    OneDevice::Step &step = one.steps.emplace_back();
    state = training.step(number, *state, step.scalars);
    if (failed(state))
      return failure();
    step.after = stateOf(*state);
  }
  FailureOr<NamedValues> evaluated = training.evaluate(*state);
  if (failed(evaluated))
    return failure();
  one.evaluated = std::move(*evaluated);
  return one;
}
