//===- VerifyCells.h - which elements a pointer stands for --------------===//
//
// The verifier's own reading of pointers, shared with no pass that makes them.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "dialects/exec/Exec.h"

namespace exec {

/// A set of elements of one leaf of memory: from `start` on, all combinations of (size, stride), strides
/// falling, runs merged. One run of stride 1 is a dense block.
struct Cells {
  mlir::Value root;          // a block argument, exec.buffer or exec.address
  const void *key = nullptr; // the root, or the global that an address names
  unsigned leaf = 0;         // which tensor of it, depth first
  int64_t start = 0;
  llvm::SmallVector<std::pair<int64_t, int64_t>, 4> axes;
  bool differsByRank = false; // the whole that holds it stands for it

  int64_t count() const;
  int64_t extent() const;
  bool isDense() const { return count() == extent(); }
  bool operator==(const Cells &other) const {
    return key == other.key && leaf == other.leaf && start == other.start && axes == other.axes;
  }
};

/// The leaves that a pointer stands for.
llvm::SmallVector<Cells> cellsOf(mlir::Value pointer);

/// Whether two regions of one leaf share an element.
bool intersect(const Cells &a, const Cells &b);

/// What has been written of one leaf.
class Written {
public:
  void add(const Cells &cells);
  bool covers(const Cells &cells) const;
  void clear() { regions.clear(); }

private:
  llvm::SmallVector<Cells> regions; // disjoint
};

/// The number of tensors in a type.
unsigned leafCount(mlir::Type type);

} // namespace exec
