//===- MemoryBudget.h - which parts of a model fit a stage -------------------===//
#pragma once

#include "compiler/schedule/Pipeline.h"
#include "compiler/transforms/pipe/EstimateMemory.h"

namespace pipes {

/// The layers' memory against `exec.memory_limit`, for a pipeline and its timetable.
class MemoryBudget {
public:
  MemoryBudget(std::vector<LayerMemory> layers, mlir::DictionaryAttr limit,
               const shardc::pipeline::Pipeline &shape, const shardc::pipeline::Table &table);

  /// Whether layers [first, last) are estimated to fit as this part in a share of the memory. Of a stage with
  /// several parts each gets as much.
  bool fits(int part, int first, int last, double share) const;
  /// Whether some cut may: false is sure, for no plan needs less. With several parts on a stage nothing is.
  bool mayFit() const;
  /// Completes the error that no cut fits: by how much, and what would.
  mlir::LogicalResult report(mlir::InFlightDiagnostic error) const;

private:
  struct Best {
    double need; ///< at least, of the part that needs most, in the cut where that is least
    int part, first, last;
  };
  Best bestOf(int parts, llvm::function_ref<int(int part)> held, double savedShare = 1) const;
  LayerMemory of(int first, int last) const;
  std::string help() const;

  std::vector<LayerMemory> sums; ///< of the first n layers
  mlir::DictionaryAttr limit;
  double bytes; ///< of a device
  shardc::pipeline::Pipeline shape;
  std::vector<int> held; ///< by chunk: micro-batches of it at once
};

} // namespace pipes
