//===- Accumulators.h - values that may stay partial through a function ---===//
//
// An accumulator is a value that a function takes and returns, or a loop carries, with contributions added on
// the way: gradients, the loss, counts. All values of one accumulator have one layout, partial over the mesh
// axes that any contribution is partial over, so that it is summed over ranks once, where it leaves the
// chain.
//
//   %acc ── + %dw1 ── pack ── call @block_backward ── unpack ── + %dw2 ── return
//
// Not here: layouts. This is the structure alone, the same before and after placing.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "dialects/nn/Nn.h"

namespace dist {

/// A tensor of a value: the field of a bundle, or the tensor itself (0).
using Field = std::pair<mlir::Value, unsigned>;

/// Argument field that result field `result` of a function continues.
struct AccumulatorLink {
  unsigned argument, result, field;
  llvm::StringRef kind; // of the argument
};

class Accumulators {
public:
  using LinksOf = llvm::function_ref<llvm::ArrayRef<AccumulatorLink>(nn::CallOp)>;

  Accumulators() = default;
  Accumulators(nn::FuncOp func, LinksOf linksOf);

  static constexpr int none = -1;
  /// Number of the accumulator that the field is a value of, or `none`.
  int find(mlir::Value value, unsigned field = 0) const;
  /// Whether any field of the value belongs to an accumulator.
  bool holdsAny(mlir::Value value) const;
  unsigned size() const { return parents.size(); }
  llvm::StringRef kindOf(int id) const { return kinds[id]; }
  llvm::ArrayRef<AccumulatorLink> getLinks() const { return links; }

private:
  int root(int id) const;
  int create(Field field);
  void join(Field field, int id);
  void merge(int a, int b);
  void startAtArguments(nn::FuncOp func);
  void startAtLoop(nn::LoopOp loop);
  void follow(mlir::Operation *op, LinksOf linksOf);
  void closeLoop(nn::LoopOp loop);
  void closeFunction(nn::FuncOp func);
  void linkResults(nn::FuncOp func);
  void forEachReturned(nn::FuncOp func, llvm::function_ref<void(Field start, unsigned result)> found);
  void dropOpenOnes();

  llvm::DenseMap<Field, int> ids;
  llvm::SmallVector<int> parents;       // union-find
  llvm::SmallVector<std::string> kinds; // of the root
  llvm::SmallVector<Field> starts;
  llvm::DenseSet<Field> comeBack; // starts whose chain reaches the end of its function or loop
  llvm::SmallVector<AccumulatorLink> links;
};

/// Number of fields of a bundle, 1 for a tensor, 0 for a key.
unsigned numFields(mlir::Type type);
/// Type of a field, null where it is not a tensor.
nn::NamedTensorType fieldType(mlir::Type type, unsigned field);
/// Gradients and accumulators: the kinds that may cross a function's edge as a partial.
bool mayBePartial(llvm::StringRef kind);

} // namespace dist
