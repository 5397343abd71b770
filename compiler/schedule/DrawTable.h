//===- DrawTable.h - a timetable as text and as a picture -------------------===//
#pragma once

#include "compiler/schedule/Timeline.h"

namespace shardc::pipeline {

/// A row a stage, time to the right: a task stands where it begins, in the notation of tables (`F3`, `5:B3`),
/// `-` goes on, `.` is idle. Lengths are in whole columns, so each row is one of a table in YAML too.
std::string drawText(const Pipeline &pipeline, const Table &table, const Costs &costs);

/// The same as SVG, to scale.
std::string drawSvg(const Pipeline &pipeline, const Table &table, const Costs &costs);

/// What a column of the drawing stands for: the shortest task, but no less than an eighth of the longest.
double columnOf(const Pipeline &pipeline, const Costs &costs);

} // namespace shardc::pipeline
