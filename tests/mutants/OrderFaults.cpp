//===- OrderFaults.cpp - ops forgotten, too early, or reading something else ===//

#include "tests/mutants/ExecSites.h"

#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace exec;
using namespace shardc::mutants;
using shardc::interpreter::Handlers;

namespace {

bool computes(Operation *op) {
  return isa<AccessOpInterface>(op) &&
         !isa<CallOp, CollectiveOp, CopyOp, MaskOp, InputOp, KeyOp, SendOp, ReceiveOp>(op);
}

Edit resultForgotten(Operation *op) {
  return computes(op) && freshResult(op) ? erased(op) : Edit();
}

/// Whether the op alone touches its field of a struct that the function has to write.
bool writesFieldAlone(Operation *op) {
  auto field = op->getOperand(1).getDefiningOp<FieldOp>();
  auto argument = field ? dyn_cast<BlockArgument>(field.getOperand()) : BlockArgument();
  if (!argument || functionOf(op).getMode(argument.getArgNumber()) != Mode::out || !field->hasOneUse())
    return false;
  return llvm::count_if(argument.getUsers(), [&](Operation *user) {
           auto other = dyn_cast<FieldOp>(user);
           return !other || other.getField() == field.getField();
         }) == 1;
}

Edit copyForgotten(Operation *op) {
  return isa<CopyOp>(op) && (freshResult(op) || writesFieldAlone(op)) ? erased(op) : Edit();
}

Edit callForgotten(Operation *op) {
  return isa<CallOp>(op) && freshResult(op) ? erased(op) : Edit();
}

/// What the op behind it reads is not written yet.
Edit readTooEarly(Operation *op) {
  Value result = freshResult(op);
  if (!result)
    return {};
  Operation *reader = touching(op->getBlock(), result)[1];
  for (Value operand : reader->getOperands())
    if (Operation *definition = operand.getDefiningOp();
        definition && definition->getBlock() == op->getBlock() && !definition->isBeforeInBlock(op))
      return {};
  if (reader->getNumRegions() > 0 && !isa<KernelOp>(reader))
    return {};
  return [=](Handlers &) { reader->moveBefore(op); };
}

/// A buffer of the function that some op computed and that is neither a copy of `than` nor its source.
bool holdsOtherNumbers(Value root, Value than, Operation *before) {
  auto buffer = root.getDefiningOp<BufferOp>();
  if (!buffer || root == than)
    return false;
  SmallVector<Operation *> users = touching(buffer->getBlock(), root);
  if (users.empty() || !users.front()->isBeforeInBlock(before))
    return false;
  for (Operation *user : users) {
    if (isFill(user))
      return false;
    if (isa<CopyOp, MaskOp, CollectiveOp, DropoutOp>(user) && touchOf(user, than))
      return false;
  }
  return true;
}

/// An operand that is only read is another buffer of its type, perhaps one whose life is over.
Edit otherBuffer(Operation *op) {
  if (!isa<GemmOp, KernelOp, AttentionOp, AttentionBackwardOp, RopeOp>(op))
    return {};
  SmallVector<Access> accesses;
  cast<AccessOpInterface>(op).getAccesses(accesses);
  for (const Access &access : accesses) {
    Value operand = access.memory;
    auto own = operand.getDefiningOp<BufferOp>();
    if (access.mode != Mode::in || !own || own->getBlock() != op->getBlock() ||
        touchOf(op, operand) != Mode::in)
      continue;
    if (auto kernel = dyn_cast<KernelOp>(op)) {
      bool isRead = llvm::any_of(llvm::enumerate(kernel.getInputs()), [&](auto input) {
        return input.value() == operand && !kernel.getBody().getArgument(input.index()).use_empty();
      });
      if (!isRead)
        continue;
    }
    for (auto other : op->getBlock()->getOps<BufferOp>())
      if (other->isBeforeInBlock(op) && other.getType() == operand.getType() &&
          holdsOtherNumbers(other.getResult(), operand, op) &&
          holdsOtherNumbers(operand, other.getResult(), op)) {
        Value replacement = other.getResult();
        return [=](Handlers &) { op->replaceUsesOfWith(operand, replacement); };
      }
  }
  return {};
}

/// An accumulation adds something in every step: no gradient of these models is zero.
Edit additionForgotten(Operation *op) {
  SmallVector<Access> accesses;
  if (!computes(op))
    return {};
  cast<AccessOpInterface>(op).getAccesses(accesses);
  bool onlyAdds = llvm::all_of(
      accesses, [](const Access &access) { return access.mode == Mode::in || access.mode == Mode::acc; });
  bool adds = llvm::any_of(accesses, [](const Access &access) { return access.mode == Mode::acc; });
  return onlyAdds && adds ? erased(op) : Edit();
}

Edit additionTwice(Operation *op) {
  if (!additionForgotten(op))
    return {};
  return [=](Handlers &) {
    OpBuilder builder(op->getContext());
    builder.setInsertionPointAfter(op);
    builder.clone(*op);
  };
}

} // namespace

void shardc::mutants::addOrderFaults(Faults &faults) {
  faults.insert(faults.end(),
                {{"result never computed", "an op that first writes a buffer is gone", resultForgotten},
                 {"copy forgotten", "the same of a copy", copyForgotten},
                 {"call forgotten", "the same of a call", callForgotten},
                 {"read too early", "an op stands before the one whose result it reads", readTooEarly},
                 {"stale or foreign buffer", "an op reads another buffer of the same type", otherBuffer},
                 {"addition forgotten", "a contribution to an accumulator is gone", additionForgotten},
                 {"addition twice", "a contribution is added again", additionTwice}});
}
