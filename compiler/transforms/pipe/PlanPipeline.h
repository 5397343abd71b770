//===- PlanPipeline.h - which layers go where, and which task when ---------===//
#pragma once

#include "compiler/transforms/pipe/Timetable.h"

namespace pipes {

/// Decides what `pipe.schedule` leaves open: the stages' timetable, and where the model is cut. Errors point
/// to the plan and say what would be valid.
mlir::FailureOr<Timetable> planPipeline(mlir::ModuleOp module);

/// Whether `pipe.schedule` says that the gradient of the input and that of the weights are tasks of their
/// own.
bool splitsBackward(mlir::ModuleOp module);

} // namespace pipes
