//===- Judge.h - which layer sees that a program is broken ----------------===//
#pragma once

#include "tests/mutants/Fault.h"
#include "tests/mutants/Programs.h"

namespace shardc::mutants {

enum class Level { dist, exec };

/// In the order in which they are asked: op verifiers and dist-verify; exec-verify, and exec-verify-stages of
/// a pipeline; the interpreter, within 1e-12 of one device; none of them.
enum class Layer { types, execVerify, value, none };

struct Verdict {
  Layer layer = Layer::none;
  std::string why; // the layer's first error, or the tensor that is farthest off
};

/// Plants the fault at `site`, an op of the program of this level, and asks the layers in order. The program
/// itself stays sound. Without a fault: what they say of the sound program.
Verdict judge(const Program &program, Level level, const Fault *fault = nullptr,
              mlir::Operation *site = nullptr);

} // namespace shardc::mutants
