//===- Timetable.h - what a plan's pipeline comes to ------------------------===//
//
// The parts that the model was cut into, what each holds and costs, and the order in which stages take their
// tasks. pipe-cut decides it and leaves it on the whole module (`pipe.timetable`), for those who report it.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/analysis/Loads.h"
#include "compiler/schedule/Timeline.h"
#include "dialects/pipe/Pipe.h"

#include <array>

namespace pipes {

/// `["F0 B0", ...]` as the words of each row.
std::vector<std::vector<std::string>> wordsOf(mlir::ArrayAttr rows);

/// A chunk of the model.
struct Part {
  std::vector<std::string> holds; ///< `embed`, layers by their paths, `head`, as data flows
  int64_t layers = 0;
  std::array<shardc::Load, 3> loads; ///< of a micro-batch on all ranks together, by pass
};

struct Timetable {
  std::string axis;     ///< of the mesh
  std::string schedule; ///< its name, or `table`
  shardc::pipeline::Pipeline shape;
  shardc::pipeline::Table table;
  std::vector<Part> parts; ///< by chunk

  /// How long tasks take, in floating-point operations.
  shardc::pipeline::Costs costs() const;
  /// Of all that a stage does in a step.
  shardc::Load loadOf(int stage) const;

  mlir::DictionaryAttr toAttribute(mlir::MLIRContext *context) const;
  /// What pipe-cut left; nothing where there is no pipeline.
  static std::optional<Timetable> of(mlir::ModuleOp module);
};

} // namespace pipes
