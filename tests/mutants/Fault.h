//===- Fault.h - a way to break a program, and where ----------------------===//
//
// A fault looks at one op of a sound program and hands out the edit that breaks the program there, or nothing
// where it would not. What an edit leaves must be wrong for certain, from what the op says of itself: a sum
// in another order, a stabiliser of another size, a copy read instead of its source are no mutants, and the
// fault's conditions leave them out.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/interpreter/Interpreter.h"

#include <vector>

namespace shardc::mutants {

/// Breaks the program, or how one op of it is evaluated.
using Edit = std::function<void(interpreter::Handlers &)>;

struct Fault {
  llvm::StringRef name; // of the mutants, in the report
  llvm::StringRef what; // one phrase: what is wrong with them
  /// The edit at `op`; null where it is no site. Looks, but changes nothing.
  Edit (*at)(mlir::Operation *op);
};

using Faults = std::vector<Fault>;

/// Faults of `dist` programs: of movements and their types; of what is computed; of stages of a pipeline.
void addMovementFaults(Faults &faults);
void addValueFaults(Faults &faults);
void addStageFaults(Faults &faults);
/// Faults of planned `exec` programs.
void addMemoryFaults(Faults &faults);
void addOrderFaults(Faults &faults);
void addCollectiveFaults(Faults &faults);
void addComputeFaults(Faults &faults);
void addRankFaults(Faults &faults);
void addCallFaults(Faults &faults);
void addMessageFaults(Faults &faults);

} // namespace shardc::mutants
