//===- OneDevice.h - what one device computes, step by step ---------------===//
//
// The answers that placed programs are held to. Run once, they judge any number of programs.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/interpreter/Training.h"

namespace shardc::interpreter {

struct OneDevice {
  struct State {
    NamedValues weights, states; // states: of the optimizer
  };
  struct Step {
    NamedValues scalars; // loss, gradient norm, learning rate
    State after;
  };

  State initial;         // what @init leaves
  State start;           // the same, each weight moved a little: where training starts here
  NamedValues gradients; // of the first step, by Training::gradients
  std::vector<Step> steps;
  NamedValues evaluated; // after the last step, by Training::evaluate
};

/// `global` is a program after nn-step. Errors have been reported.
llvm::FailureOr<OneDevice> trainOnOneDevice(mlir::ModuleOp global, uint64_t seed, Inputs inputs,
                                            int64_t steps);

} // namespace shardc::interpreter
