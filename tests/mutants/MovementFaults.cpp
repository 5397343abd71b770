//===- MovementFaults.cpp - wrong movements between ranks, and wrong types ===//
//
// A movement is the identity on the whole tensor, and its types say all of what it does: so each of these is
// an error of types, at the movement, at an op that reads its result, or at a function's edge.
//
//===----------------------------------------------------------------------===//

#include "tests/mutants/Fault.h"

#include "dialects/dist/Dist.h"

#include "mlir/IR/Builders.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace dist;
using namespace shardc::mutants;
using shardc::interpreter::Handlers;

namespace {

bool sends(Operation *op) {
  return isa<AllReduceOp, ReduceScatterOp, AllGatherOp, AllToAllOp>(op);
}

bool moves(Operation *op) {
  return sends(op) || isa<ShardSliceOp, MaskOp>(op);
}

SmallVector<StringAttr> overOf(Operation *op) {
  return llvm::to_vector(op->getAttrOfType<ArrayAttr>("over").getAsRange<StringAttr>());
}

/// Gives the result the type that the changed attributes make, where they make one.
void followTypes(Operation *op) {
  auto infer = [](auto move) -> FailureOr<nn::NamedTensorType> {
    return move.inferType(move.getOperand().getType(), nullptr);
  };
  auto inferred =
      llvm::TypeSwitch<Operation *, FailureOr<nn::NamedTensorType>>(op)
          .Case<AllReduceOp, ReduceScatterOp, AllGatherOp, AllToAllOp, ShardSliceOp, MaskOp>(infer)
          .Default([](Operation *) { return failure(); });
  if (succeeded(inferred))
    op->getResult(0).setType(*inferred);
}

Edit setOver(Operation *op, ArrayRef<StringAttr> over) {
  SmallVector<Attribute> names(over.begin(), over.end());
  return [=](Handlers &) {
    op->setAttr("over", ArrayAttr::get(op->getContext(), names));
    followTypes(op);
  };
}

Edit forgotten(Operation *op) {
  if (!sends(op) && !isa<ShardSliceOp>(op))
    return {};
  return [=](Handlers &) {
    op->getResult(0).replaceAllUsesWith(op->getOperand(0));
    op->erase();
  };
}

Edit maskForgotten(Operation *op) {
  if (!isa<MaskOp>(op))
    return {};
  return [=](Handlers &) {
    op->getResult(0).replaceAllUsesWith(op->getOperand(0));
    op->erase();
  };
}

Edit twice(Operation *op) {
  if (!sends(op))
    return {};
  return [=](Handlers &) {
    OpBuilder builder(op->getContext());
    builder.setInsertionPointAfter(op);
    Operation *again = builder.clone(*op);
    op->getResult(0).replaceAllUsesExcept(again->getResult(0), again);
    again->setOperand(0, op->getResult(0));
  };
}

/// Another axis of the mesh that divides something, first the one of the same size.
Edit otherMeshAxis(Operation *op) {
  PlanAttr plan = planOf(op);
  if (!moves(op) || !plan)
    return {};
  SmallVector<StringAttr> over = overOf(op);
  for (MeshAxisAttr axis : plan.getMesh())
    if (axis.getSize() > 1 && !llvm::is_contained(over, axis.getName())) {
      over.back() = axis.getName();
      return setOver(op, over);
    }
  return {};
}

Edit fewerMeshAxes(Operation *op) {
  if (!moves(op) || overOf(op).size() < 2)
    return {};
  return setOver(op, ArrayRef(overOf(op)).drop_back());
}

/// Of a sum the order of the mesh axes says nothing.
Edit meshAxesReversed(Operation *op) {
  if (!isa<ReduceScatterOp, AllGatherOp, AllToAllOp, ShardSliceOp>(op) || overOf(op).size() < 2)
    return {};
  SmallVector<StringAttr> over = overOf(op);
  std::reverse(over.begin(), over.end());
  return setOver(op, over);
}

Edit largestInsteadOfSum(Operation *op) {
  auto kind = op->getAttrOfType<nn::ReductionKindAttr>("kind");
  if (!sends(op) || !kind || kind.getValue() != nn::ReductionKind::sum)
    return {};
  return [=](Handlers &) {
    op->setAttr("kind", nn::ReductionKindAttr::get(op->getContext(), nn::ReductionKind::max));
    followTypes(op);
  };
}

Edit otherTensorAxis(Operation *op) {
  auto axis = op->getAttrOfType<StringAttr>("axis");
  if (!moves(op) || !axis)
    return {};
  for (StringAttr other : cast<nn::NamedTensorType>(op->getOperand(0).getType()).names())
    if (other != axis)
      return [=](Handlers &) {
        op->setAttr("axis", other);
        followTypes(op);
      };
  return {};
}

/// The op that makes a partial value says that it is whole; nothing sums it any more.
Edit partialCalledWhole(Operation *op) {
  auto type = op->getNumResults() == 1 ? dyn_cast<nn::NamedTensorType>(op->getResult(0).getType())
                                       : nn::NamedTensorType();
  if (!isa<nn::LayoutOpInterface>(op) || !type || !type.getPartial())
    return {};
  return [=](Handlers &) {
    op->getResult(0).setType(type.withPartial({}));
    for (Operation *user : llvm::make_early_inc_range(op->getResult(0).getUsers()))
      if (isa<AllReduceOp>(user)) {
        user->getResult(0).replaceAllUsesWith(op->getResult(0));
        user->erase();
      }
  };
}

/// The op that makes a part says that it is all of it; nothing gathers it any more.
Edit partCalledWhole(Operation *op) {
  auto gather = dyn_cast<AllGatherOp>(op);
  Operation *producer = gather ? gather.getOperand().getDefiningOp() : nullptr;
  if (!producer || !isa<nn::LayoutOpInterface>(producer) || producer->getNumResults() != 1)
    return {};
  return [=](Handlers &) {
    producer->getResult(0).setType(op->getResult(0).getType());
    op->getResult(0).replaceAllUsesWith(producer->getResult(0));
    op->erase();
  };
}

bool isPartial(Type type) {
  if (auto bundle = dyn_cast<nn::BundleType>(type))
    return llvm::any_of(bundle.getTypes(), isPartial);
  auto tensor = dyn_cast<nn::NamedTensorType>(type);
  return tensor && tensor.getPartial();
}

/// A function takes a partial value that nobody knows to be an accumulator.
Edit accumulatorWithoutKind(Operation *op) {
  auto func = dyn_cast<nn::FuncOp>(op);
  if (!func || func->hasAttr(reshardAttrName))
    return {};
  for (unsigned i = 0; i < func.getNumArguments(); ++i)
    if (isPartial(func.getArgumentTypes()[i]))
      return [=](Handlers &) { nn::FuncOp(func).removeArgAttr(i, nn::kindAttrName); };
  return {};
}

} // namespace

void shardc::mutants::addMovementFaults(Faults &faults) {
  faults.insert(
      faults.end(),
      {{"movement forgotten", "an op reads the operand of a collective or slice, not its result", forgotten},
       {"movement twice", "a collective of a collective's result", twice},
       {"over another mesh axis", "the ranks of another group take part", otherMeshAxis},
       {"over fewer mesh axes", "the last mesh axis of several is left out", fewerMeshAxes},
       {"mesh axes reversed", "parts in another order of the ranks", meshAxesReversed},
       {"maximum instead of a sum", "of the ranks' terms", largestInsteadOfSum},
       {"another tensor axis", "gathered, scattered or sliced along it", otherTensorAxis},
       {"mask forgotten", "every rank adds the whole value", maskForgotten},
       {"partial called whole", "the type of a term says that it is the sum", partialCalledWhole},
       {"part called whole", "the type of a part says that it is all of it", partCalledWhole},
       {"accumulator without its kind", "a partial value crosses a function's edge unannounced",
        accumulatorWithoutKind}});
}
