//===- Compare.h - does a placed program compute what one device would ----===//
//
// In:  two programs after nn-step, the global one and the placed one; data.
// Out: for the initial weights, the loss and each gradient of the first step, and after N steps each weight
//      and moment, how far they are apart: max|difference| / max|reference| per tensor, and where.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/interpreter/OneDevice.h"

namespace shardc::interpreter {

/// How far one tensor is off.
struct Difference {
  std::string what; // "gradient", "weight after 3 steps"
  std::string name;
  std::string index; // of the element that is farthest off
  double value = 0, reference = 0;
  double relative = 0;
  mlir::Location place;
};

struct CompareOptions {
  uint64_t seed = 1;
  int64_t steps = 3;
  Inputs inputs;
  Handlers handlers = allHandlers(); // of the placed program: a test may plant a fault
  bool checkReplicas = true;
  bool stopWhenOff = false; // what is compared after a tensor that is off is left out
};

class Comparison {
public:
  /// Sums of f64 in another order: 1e-12 of a tensor's largest value.
  static constexpr double bar = 1e-12;

  void add(const std::string &what, const NamedValues &values, const NamedValues &references);
  /// What is said of a weight in `places`, its gradient or moments, points there.
  void pointAt(const llvm::StringMap<mlir::Location> &places);

  bool passes() const { return worst() <= bar; }
  double worst() const;
  /// Largest first.
  std::vector<Difference> sorted() const;
  const std::vector<Difference> &all() const { return differences; }
  /// The largest differences as a table, then one line that says how many tensors were compared.
  void print(llvm::raw_ostream &stream, size_t rows = 10) const;

private:
  std::vector<Difference> differences;
};

/// Errors of either program have been reported.
llvm::FailureOr<Comparison> compareTraining(mlir::ModuleOp global, mlir::ModuleOp placed, const Mesh &mesh,
                                            const CompareOptions &options);
/// The same with what one device computed from the options' seed and inputs, over their number of steps.
llvm::FailureOr<Comparison> compareTraining(const OneDevice &one, mlir::ModuleOp placed, const Mesh &mesh,
                                            const CompareOptions &options);

/// What is compared with what: the values that bear a name of `references`, each with its reference and with
/// the axes in that one's order. A value without a reference is an error, which blames `program`.
struct Pairs {
  NamedValues values, references;
};
llvm::FailureOr<Pairs> pairUp(mlir::ModuleOp program, const NamedValues &values,
                              const NamedValues &references);
/// Fails where none of the values bears the name of one of `wanted`.
llvm::LogicalResult expectAll(mlir::ModuleOp program, const NamedValues &values, const NamedValues &wanted);

/// `job.yaml:24:7`, or "".
std::string placeOf(mlir::Location location);

} // namespace shardc::interpreter
