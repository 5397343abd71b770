//===- EvaluateLoops.h - the loops that reference values share ------------===//
//
// An op's evaluation puts its operands into the axis order that suits its loops (`arrange`), computes on
// plain arrays, and puts the result into the order of its type (`store`). Neither copies where the order is
// right already.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "dialects/nn/Evaluate.h"

#include "llvm/ADT/STLFunctionalExtras.h"

namespace nn {

/// One loop of a nest: an axis and how far it runs on this rank.
struct Extent {
  mlir::StringAttr name;
  int64_t count;

  bool operator==(const Extent &) const = default;
};
using Nest = llvm::SmallVector<Extent, 6>;

/// The axes of a shard, in its order.
Nest nestOf(const Shard &shard);
/// Those of `nest` whose names `keep` accepts.
Nest filter(llvm::ArrayRef<Extent> nest, llvm::function_ref<bool(mlir::StringAttr)> keep);
Nest concat(std::initializer_list<llvm::ArrayRef<Extent>> parts);
int64_t product(llvm::ArrayRef<Extent> nest);

/// Row-major strides of `nest`, by the axes of `loops`: 0 for an axis that `nest` lacks.
llvm::SmallVector<int64_t, 6> stridesIn(llvm::ArrayRef<Extent> nest, llvm::ArrayRef<Extent> loops);

/// `values`, row-major over `from`, in the order of `to`; axes that `from` lacks are repeated.
Values arrange(const Values &values, llvm::ArrayRef<Extent> from, llvm::ArrayRef<Extent> to);
Values arrange(const Shard &shard, llvm::ArrayRef<Extent> to);

/// Makes `values`, row-major over `nest`, the values of `result`.
void store(Values values, llvm::ArrayRef<Extent> nest, Shard &result);
void store(std::vector<double> values, llvm::ArrayRef<Extent> nest, Shard &result);

/// For each element of a shard in row-major order: its global index along an axis list, `axes` being those of
/// the shard without `batch`, counted with their global sizes; and the global number along `batch` (0
/// without).
void forEachGlobal(const Shard &shard, llvm::function_ref<void(int64_t element, int64_t batch)> visit);

} // namespace nn
