//===- Layout.h - the layout algebra that every op's inference shares -----===//
#pragma once

#include "dialects/nn/NnTypes.h"

#include "mlir/IR/Operation.h"
#include "llvm/ADT/MapVector.h"

namespace nn {

/// Starts an error at the op in question; a failed inference says why through it. May be null: no message
/// wanted.
using EmitError = llvm::function_ref<mlir::InFlightDiagnostic()>;

/// Names of all axes of tensor operands and results, in order of appearance.
llvm::SmallVector<mlir::StringAttr> axesOfOperandsAndResults(mlir::Operation *op);
/// The operands and results that are tensors.
llvm::SmallVector<mlir::Value> tensorsOf(mlir::Operation *op);

/// `mlp` of `mlp.2`: what an axis is called in the model. A name with a number is the same axis where the
/// plan has rules of its own for it.
llvm::StringRef plainName(mlir::StringAttr axis);

/// The axis of samples, whatever its name's number; null where there is none.
AxisAttr batchAxis(NamedTensorType type);

/// The axes of operands and results that have these names, in the order of the names.
llvm::SmallVector<AxisAttr> axesNamed(mlir::Operation *op, llvm::ArrayRef<mlir::StringAttr> names);

/// Mesh axes of a placement, name by name: tensor axis -> mesh axes, major first.
using Placement = llvm::DenseMap<mlir::StringAttr, llvm::SmallVector<mlir::StringAttr, 2>>;

/// `type` with each axis placed as `placement` says and whole where it says nothing; `partial` as given.
NamedTensorType place(NamedTensorType type, const Placement &placement, PartialAttr partial = {});

/// Removes placements and partials from a type, bundles included.
mlir::Type strip(mlir::Type type);

/// The axes that an op iterates over, each with one size and one placement, as its operands tell.
class IterationSpace {
public:
  explicit IterationSpace(EmitError error) : error(error) {}

  /// Adds the axes of operand number `index`.
  mlir::LogicalResult add(NamedTensorType type, unsigned index);
  /// Adds one axis.
  mlir::LogicalResult add(AxisAttr axis, llvm::Twine who);
  AxisAttr find(mlir::StringAttr name) const;
  const llvm::MapVector<mlir::StringAttr, AxisAttr> &getAxes() const { return axes; }

  /// The type of a result: its axes (names, sizes) stay, placements are the space's (an axis the space lacks
  /// keeps its own), and it is partial by `kind` over mesh axes that place an axis of the space that the
  /// result lacks.
  mlir::FailureOr<NamedTensorType> resultType(NamedTensorType result,
                                              ReductionKind kind = ReductionKind::sum) const;

private:
  EmitError error;
  llvm::MapVector<mlir::StringAttr, AxisAttr> axes;
  llvm::DenseMap<mlir::StringAttr, mlir::StringAttr> placedBy; // mesh axis -> axis
};

/// Fails with a message when an operand is partial: the ops that are not linear in each operand alone.
mlir::LogicalResult rejectPartials(llvm::ArrayRef<mlir::Type> operands, EmitError error);

/// A partial over `mesh`, sorted by name so that equal partials are one attribute; null when `mesh` is empty.
PartialAttr makePartial(mlir::MLIRContext *context, ReductionKind kind,
                        llvm::ArrayRef<mlir::StringAttr> mesh);

/// Emits through `error` unless it is null; always fails.
mlir::LogicalResult fail(EmitError error, llvm::function_ref<void(mlir::InFlightDiagnostic &)> message);
mlir::LogicalResult fail(EmitError error, const llvm::Twine &message);

/// The verifier of every op with a layout: infer from the operands, compare with the results.
mlir::LogicalResult verifyLayouts(mlir::Operation *op);

/// Whether `names` (an array of strings) holds `name`.
bool contains(mlir::ArrayAttr names, mlir::StringAttr name);

/// Whether the region of a map is a linear function of its arguments together: f(a x) = a f(x), f(x + y) =
/// f(x) + f(y). A dataflow over the scalar ops. On failure `culprit` is the first op that is not linear.
bool isLinear(mlir::Block &body, mlir::Operation **culprit = nullptr);

/// "seq=512@tp" and "f32[batch=8@dp, seq=512], sum@tp": how types are quoted in messages.
std::string toString(AxisAttr axis);
std::string toString(NamedTensorType type);
/// "'seq'": how names are.
std::string quoted(mlir::StringAttr name);

} // namespace nn
