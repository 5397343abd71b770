//===- Work.h - a function of loops, above the functions that call it ------===//
//
//   static void mlp_act(const float *u, float *act) { ... }          <- what a Work becomes
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/codegen/Nest.h"
#include "dialects/exec/Exec.h"

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringMap.h"

namespace shardc::codegen {

/// What a pointer or key is called where the work is called from, and a short name for it.
struct Actual {
  std::string expression, name, type; ///< type: of what it points to, or rt::Key
  std::string longName;               ///< for where two have one name: "gradients_up"
};

/// Parameters and body of a function of loops.
class Work {
public:
  /// How `value` is written at the call.
  using ActualOf = llvm::function_ref<Actual(mlir::Value)>;
  explicit Work(ActualOf actualOf)
      : names({"i", "j", "k", "l", "m", "n", "context", "scratch", "seed", "first", "last", "sums"}),
        actualOf(actualOf) {
    body.indent();
  }

  /// The parameter that `value` is handed as: one for each pointer, however often it is an operand.
  std::string read(mlir::Value value) { return parameter(value, false); }
  std::string written(mlir::Value value) { return parameter(value, true); }
  /// "context.coordinate(mesh::tp) * 5 + 3"
  std::string rank(exec::RankAttr rank);
  /// Whether this rank's coordinates on `axes` are all 0.
  std::string isFirst(mlir::ArrayAttr axes);

  /// "const float *u, float *act", and what the caller hands over.
  std::string parameters() const;
  std::string arguments() const;

  Text body;
  Names names;              ///< of variables in the body
  int64_t scratchBytes = 0; ///< that the body needs

private:
  struct Parameter {
    Actual actual;
    std::string name;
    bool isWritten;
  };
  std::string parameter(mlir::Value value, bool isWritten);

  ActualOf actualOf;
  llvm::SmallVector<Parameter> list;
  bool usesContext = false;
};

/// "context.coordinate(mesh::dp) * 4 + 2", "0"
std::string rankExpression(exec::RankAttr rank);

/// The bodies of the ops that are loops.
mlir::LogicalResult printLoops(exec::KernelOp op, Work &work);
mlir::LogicalResult printLoops(exec::GatherOp op, Work &work);
mlir::LogicalResult printLoops(exec::ScatterAddOp op, Work &work);
mlir::LogicalResult printLoops(exec::IotaOp op, Work &work);
mlir::LogicalResult printLoops(exec::RandomOp op, Work &work);
mlir::LogicalResult printLoops(exec::DropoutOp op, Work &work);
mlir::LogicalResult printLoops(exec::CopyOp op, Work &work);
mlir::LogicalResult printLoops(exec::MaskOp op, Work &work);
/// `table`: the RopeTable with the op's frequencies.
void printRope(exec::RopeOp op, Work &work, const std::string &table);

} // namespace shardc::codegen
