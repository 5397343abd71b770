//===- StageFaults.cpp - stages that don't fit together, before buffers ----===//

#include "tests/mutants/Fault.h"

#include "dialects/nn/Build.h"
#include "dialects/pipe/Pipe.h"

#include "mlir/IR/Builders.h"

#include <array>

using namespace mlir;
using namespace pipes;
using namespace shardc::mutants;
using shardc::interpreter::Handlers;

namespace {

/// The wait for a message that was sent; null where it is sent elsewhere or never waited for.
SentOp sentOf(SendOp send) {
  for (auto sent : send->getBlock()->getOps<SentOp>())
    if (sent.getTo() == send.getTo() && sent.getMessage() == send.getMessage())
      return sent;
  return {};
}

/// Sets an attribute of a send and of the wait for it.
Edit setOfBoth(SendOp send, StringRef name, int64_t value) {
  Attribute number = Builder(send.getContext()).getI64IntegerAttr(value);
  return [=, ops = std::array{send.getOperation(), sentOf(send).getOperation()}](Handlers &) {
    for (Operation *op : ops)
      if (op)
        op->setAttr(name, number);
  };
}

Edit messageForgotten(Operation *op) {
  auto send = dyn_cast<SendOp>(op);
  if (!send)
    return {};
  return [op, sent = sentOf(send).getOperation()](Handlers &) {
    if (sent)
      sent->erase();
    op->erase();
  };
}

Edit messageTwice(Operation *op) {
  if (!isa<SendOp>(op))
    return {};
  return [=](Handlers &) {
    OpBuilder builder(op->getContext());
    builder.setInsertionPointAfter(op);
    builder.clone(*op);
  };
}

/// A third stage, where there is one; else the sender itself.
Edit toAnotherStage(Operation *op) {
  auto send = dyn_cast<SendOp>(op);
  if (!send)
    return {};
  StageAttr stage = stageOf(op);
  int64_t other = stage.getIndex();
  for (int64_t each = 0; each < stage.getCount(); ++each)
    if (each != stage.getIndex() && each != int64_t(send.getTo()))
      other = each;
  return setOfBoth(send, "to", other);
}

Edit anotherNumber(Operation *op) {
  auto send = dyn_cast<SendOp>(op);
  return send ? setOfBoth(send, "message", 1000) : Edit();
}

/// The next send to the same stage of the same type.
Edit sendsExchanged(Operation *op) {
  auto send = dyn_cast<SendOp>(op);
  for (Operation *next = send ? op->getNextNode() : nullptr; next; next = next->getNextNode())
    if (auto other = dyn_cast<SendOp>(next); other && other.getTo() == send.getTo() &&
                                             other.getOperand().getType() == send.getOperand().getType() &&
                                             other.getOperand() != send.getOperand()) {
      Edit one = setOfBoth(send, "message", int64_t(other.getMessage()));
      Edit two = setOfBoth(other, "message", int64_t(send.getMessage()));
      return [=](Handlers &handlers) {
        one(handlers);
        two(handlers);
      };
    }
  return {};
}

Edit staleMessage(Operation *op) {
  auto receive = dyn_cast<ReceiveOp>(op);
  for (Operation *before = receive ? op->getPrevNode() : nullptr; before; before = before->getPrevNode())
    if (auto other = dyn_cast<ReceiveOp>(before);
        other && other.getFrom() == receive.getFrom() && other.getType() == receive.getType())
      return [=](Handlers &) { op->getResult(0).replaceAllUsesWith(before->getResult(0)); };
  return {};
}

bool isReceivedGradient(Value value) {
  auto receive = value.getDefiningOp<ReceiveOp>();
  auto kind = receive ? receive->getAttrOfType<StringAttr>(nn::kindAttrName) : StringAttr();
  return kind && kind.getValue() == nn::kindGradient;
}

bool onlyAdds(nn::MapOp map) {
  return map.getNumOperands() > 1 && map.getNumResults() == 1 &&
         llvm::all_of(map.getBody().front().without_terminator(), llvm::IsaPred<arith::AddFOp>);
}

/// The owner of a tied weight goes on with what it has added up itself.
Edit tiedGradientForgotten(Operation *op) {
  auto map = dyn_cast<nn::MapOp>(op);
  if (!map || map.getNumOperands() != 2 || !onlyAdds(map))
    return {};
  for (auto [own, other] : {std::pair(0, 1), std::pair(1, 0)})
    if (isReceivedGradient(op->getOperand(other)) &&
        op->getOperand(own).getType() == op->getResult(0).getType()) {
      Value rest = op->getOperand(own);
      return [=](Handlers &) { op->getResult(0).replaceAllUsesWith(rest); };
    }
  return {};
}

bool isScalar(Type type) {
  auto tensor = dyn_cast<nn::NamedTensorType>(type);
  return tensor && tensor.isScalar();
}

/// What other stages have added up is received, masked perhaps, and added.
bool isReceivedScalar(Value value) {
  if (auto mask = value.getDefiningOp<dist::MaskOp>())
    value = mask.getOperand();
  return isScalar(value.getType()) && value.getDefiningOp<ReceiveOp>();
}

Edit normWithoutStages(Operation *op) {
  auto map = dyn_cast<nn::MapOp>(op);
  if (!map || !onlyAdds(map))
    return {};
  for (OpOperand &use : op->getOpOperands())
    if (isReceivedScalar(use.get())) {
      unsigned index = use.getOperandNumber();
      return [=](Handlers &) {
        OpBuilder builder(op);
        auto type = cast<nn::NamedTensorType>(op->getOperand(index).getType());
        op->setOperand(index, nn::buildFill(builder, op->getLoc(), type, 0));
      };
    }
  return {};
}

/// A loss, count or norm that another stage has made is added to itself.
Edit countedTwice(Operation *op) {
  auto receive = dyn_cast<ReceiveOp>(op);
  if (!receive || !isScalar(receive.getType()))
    return {};
  Operation *end = op->getBlock()->getTerminator();
  if (!llvm::is_contained(end->getOperands(), receive.getResult()))
    return {};
  return [=](Handlers &) {
    OpBuilder builder(end);
    Value value = op->getResult(0);
    end->replaceUsesOfWith(value, nn::buildSum(builder, op->getLoc(), value, value));
  };
}

/// Two calls of one function with the same weights, of two micro-batches: the later one is given what the
/// forward of the earlier one has saved.
Edit savedOfAnother(Operation *op) {
  auto call = dyn_cast<nn::CallOp>(op);
  if (!call || !stageOf(op))
    return {};
  auto madeByCall = [](Value value) { return value.getDefiningOp<nn::CallOp>() != nullptr; };
  for (Operation *before = op->getPrevNode(); before; before = before->getPrevNode()) {
    auto other = dyn_cast<nn::CallOp>(before);
    if (!other || other.getCallee() != call.getCallee())
      continue;
    auto callee = op->getParentOfType<ModuleOp>().lookupSymbol<nn::FuncOp>(call.getCallee());
    bool sameWeights = llvm::all_of(llvm::zip(op->getOperands(), before->getOperands()), [&](auto pair) {
      auto [own, its] = pair;
      return !isa<BlockArgument>(own) || own == its;
    });
    for (unsigned i = 0; sameWeights && i < op->getNumOperands(); ++i) {
      Value own = op->getOperand(i), its = before->getOperand(i);
      if (isa<nn::BundleType>(own.getType()) && !callee.getArgAttr(i, nn::kindAttrName) && own != its &&
          own.getType() == its.getType() && madeByCall(own) && madeByCall(its))
        return [=](Handlers &) { op->setOperand(i, its); };
    }
  }
  return {};
}

} // namespace

void shardc::mutants::addStageFaults(Faults &faults) {
  faults.insert(
      faults.end(),
      {{"message forgotten", "it is never sent", messageForgotten},
       {"message twice", "it is sent again", messageTwice},
       {"message to another stage", "a third one, or the sender", toAnotherStage},
       {"message of another number", "nobody waits for it", anotherNumber},
       {"sends exchanged", "two messages of one type go under each other's number", sendsExchanged},
       {"stale message", "what an earlier message brought, in its place", staleMessage},
       {"tied gradient forgotten", "what another stage has added up of a weight", tiedGradientForgotten},
       {"norm without other stages", "what they have added up is left out", normWithoutStages},
       {"counted on two stages", "a loss, count or norm is added to itself", countedTwice},
       {"another micro-batch's saved values", "a backward is given those of an earlier one",
        savedOfAnother}});
}
