//===- ScalarTape.h - the scalar region of an op, compiled to columns -----===//
//
// The region is compiled to a tape: one instruction a scalar op, each on columns of up to `blockSize`
// elements, so that IR is walked once for each evaluation and not once for each element. All in f64.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "mlir/IR/Block.h"

#include <array>
#include <vector>

namespace nn {

class ScalarTape {
public:
  static constexpr int64_t blockSize = 256;
  /// r[i] = f(a[i], b[i], c[i]) for i < n; inputs that the op lacks are null.
  using Kernel = void (*)(double *r, const double *a, const double *b, const double *c, int64_t n);

  /// Fails with an error at a scalar op that has no reference value.
  llvm::LogicalResult compile(mlir::Block &body);

  /// Runs the region on elements 0 .. n - 1 of each argument's column, n <= blockSize.
  void run(llvm::ArrayRef<const double *> inputs, int64_t n);
  size_t numYielded() const { return yielded.size(); }
  /// What the last run yielded, until the next.
  const double *yieldedColumn(size_t index) const { return column[yielded[index]]; }

private:
  struct Instruction {
    Kernel kernel;
    int result;
    std::array<int, 3> inputs; // -1: none
  };
  // Columns are numbered: arguments first, then one for each constant and op.
  llvm::SmallVector<Instruction> instructions;
  llvm::SmallVector<std::pair<int, double>> constants;
  llvm::SmallVector<int> yielded;
  int columns = 0;
  std::vector<double> storage;
  llvm::SmallVector<const double *> column;
};

} // namespace nn
