//===- JobSupport.h - jobs as text, taken to any level, for tests ---------===//
#pragma once

#include "compiler/interpreter/Verify.h"

#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"

#include <string>

namespace shardc::interpreter::test {

/// A job given as text. What the user would read as errors, of the job or of a pass, is in `errors`.
class JobUnderTest {
public:
  explicit JobUnderTest(const std::string &text);

  bool isValid() const { return job.has_value(); }
  /// The program as the frontend leaves it; null after errors.
  mlir::OwningOpRef<mlir::ModuleOp> build();
  llvm::LogicalResult toStep(mlir::ModuleOp module);
  llvm::LogicalResult toDist(mlir::ModuleOp module);
  llvm::LogicalResult runPasses(mlir::ModuleOp module, const std::string &passes);

  /// `global` (after toStep) as collectives, of a pipeline each stage. Fails the test where removing all
  /// placements, after placing and at the end, does not give `global`, or the stage's program, back byte for
  /// byte. Null where placing refuses it.
  mlir::OwningOpRef<mlir::ModuleOp> place(mlir::ModuleOp global);
  /// One device against all ranks.
  std::optional<Comparison> compare(mlir::ModuleOp global, mlir::ModuleOp placed, int64_t steps,
                                    bool checkReplicas = true, Handlers handlers = allHandlers());
  std::optional<Verification> verify(int64_t world = 0);

  std::string errors;
  mlir::MLIRContext context;
  std::optional<frontend::Job> job;

private:
  void take(const frontend::Diagnostics &diags);
  bool placeProgram(mlir::ModuleOp program);
};

/// The evaluation of a movement in which each rank makes its part of the result of its own operand alone.
/// `times` counts, where it is not null.
Handler executedAlone(mlir::Operation *movement, Handler intact, int *times);

std::string textOf(mlir::ModuleOp module);
std::string textOf(const Comparison &comparison);

} // namespace shardc::interpreter::test
