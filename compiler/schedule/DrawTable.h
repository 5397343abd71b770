//===- DrawTable.h - a timetable as text and as a picture -------------------===//
#pragma once

#include "compiler/schedule/Timeline.h"

namespace shardc::pipeline {

/// A row a stage, time to the right in units of the shortest task: `3` begins forward, `3b` backward, `3w`
/// the gradient of weights of micro-batch 3, `-` goes on, `.` is idle. Chunks after a stage's first one have
/// their number in front: `1:3`.
std::string drawText(const Pipeline &pipeline, const Table &table, const Costs &costs);

/// The same as SVG.
std::string drawSvg(const Pipeline &pipeline, const Table &table, const Costs &costs);

} // namespace shardc::pipeline
