//===- MessageFaults.cpp - wrong messages between the stages of a pipeline ===//

#include "tests/mutants/ExecSites.h"

#include "dialects/pipe/Pipe.h"

#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace exec;
using namespace shardc::mutants;
using shardc::interpreter::Handlers;

namespace {

IntegerAttr number(Operation *op, int64_t value) {
  return Builder(op->getContext()).getI64IntegerAttr(value);
}

/// The wait for a message, which is waited for alone.
WaitOp waitFor(Operation *message) {
  return message->use_empty() ? WaitOp() : dyn_cast<WaitOp>(*message->user_begin());
}

/// Takes a message and its wait out of the stage's program.
Edit withoutMessage(Operation *message) {
  WaitOp wait = waitFor(message);
  return [message, wait = wait.getOperation()](Handlers &) {
    if (wait)
      wait->erase();
    message->erase();
  };
}

/// Another op of the block that is of the same kind, between the same stages and of the same type, behind.
template <class Op> Op nextLike(Op op, StringRef stage) {
  for (Operation *next = op->getNextNode(); next; next = next->getNextNode())
    if (auto other = dyn_cast<Op>(next);
        other && other->getAttr(stage) == op->getAttr(stage) && other.getBufferType() == op.getBufferType())
      return other;
  return {};
}

Edit exchangeNumbers(Operation *one, Operation *other) {
  return [=](Handlers &) {
    Attribute number = one->getAttr("message");
    one->setAttr("message", other->getAttr("message"));
    other->setAttr("message", number);
  };
}

//===-- messages that don't meet -------------------------------------------===//

Edit messageForgotten(Operation *op) {
  return isa<SendOp>(op) ? withoutMessage(op) : Edit();
}

Edit receiveForgotten(Operation *op) {
  return isa<ReceiveOp>(op) ? withoutMessage(op) : Edit();
}

Edit messageTwice(Operation *op) {
  if (!isa<SendOp>(op))
    return {};
  return [=](Handlers &) {
    OpBuilder builder(op->getContext());
    builder.setInsertionPointAfter(op);
    Operation *again = builder.clone(*op);
    builder.setInsertionPointAfter(waitFor(op));
    builder.create<WaitOp>(op->getLoc(), again->getResults());
  };
}

/// A third stage, where there is one; else the sender itself.
Edit toAnotherStage(Operation *op) {
  auto send = dyn_cast<SendOp>(op);
  if (!send)
    return {};
  pipes::StageAttr stage = pipes::stageOf(op);
  int64_t other = stage.getIndex();
  for (int64_t each = 0; each < stage.getCount(); ++each)
    if (each != stage.getIndex() && each != int64_t(send.getTo()))
      other = each;
  return setAttribute(op, "to", number(op, other));
}

/// A number that no message has.
Edit anotherNumber(Operation *op) {
  return isa<SendOp>(op) ? setAttribute(op, "message", number(op, 1000)) : Edit();
}

Edit sendsExchanged(Operation *op) {
  auto send = dyn_cast<SendOp>(op);
  SendOp other = send ? nextLike(send, "to") : SendOp();
  return other ? exchangeNumbers(op, other) : Edit();
}

Edit receivesExchanged(Operation *op) {
  auto receive = dyn_cast<ReceiveOp>(op);
  ReceiveOp other = receive ? nextLike(receive, "from") : ReceiveOp();
  return other ? exchangeNumbers(op, other) : Edit();
}

//===-- waits --------------------------------------------------------------===//

Edit sentForgotten(Operation *op) {
  auto wait = dyn_cast<WaitOp>(op);
  return wait && isa<SendOp>(wait.getStarted().front()) ? erased(op) : Edit();
}

Edit receivedForgotten(Operation *op) {
  auto wait = dyn_cast<WaitOp>(op);
  return wait && isa<ReceiveOp>(wait.getStarted().front()) ? erased(op) : Edit();
}

struct Bytes {
  int64_t begin, end;

  bool overlaps(Bytes other) const { return begin < other.end && other.begin < end; }
};

/// Where a buffer lies in the frame of its function; nothing for other memory.
std::optional<Bytes> bytesOfRoot(Value root) {
  auto buffer = root.getDefiningOp<BufferOp>();
  if (!buffer || !buffer.getOffset())
    return std::nullopt;
  auto begin = int64_t(*buffer.getOffset());
  return Bytes{begin, begin + bytesOf(buffer.getType())};
}

/// How an op touches these bytes of the function's frame: itself, or what it calls in its own frame.
std::optional<Mode> touchesBytes(Operation *op, Bytes bytes) {
  if (auto call = dyn_cast<CallOp>(op); call && call.getFrame()) {
    auto callee = op->getParentOfType<ModuleOp>().lookupSymbol<FuncOp>(call.getCallee());
    auto begin = int64_t(*call.getFrame());
    if (bytes.overlaps({begin, begin + int64_t(callee.getFrame().value_or(0))}))
      return Mode::inout;
  }
  auto access = dyn_cast<AccessOpInterface>(op);
  if (!access)
    return std::nullopt;
  SmallVector<Access> accesses;
  access.getAccesses(accesses);
  for (const Access &each : accesses)
    for (Value root : rootsOf(each.memory))
      if (std::optional<Bytes> own = bytesOfRoot(root); own && own->overlaps(bytes))
        return each.mode;
  return std::nullopt;
}

/// The bytes of what is sent are taken by another buffer while the message may still be read.
Edit sentTooLate(Operation *op) {
  auto wait = dyn_cast<WaitOp>(op);
  auto send = wait ? dyn_cast<SendOp>(wait.getStarted().front()) : SendOp();
  SmallVector<Value> roots = send ? rootsOf(send.getBuffer()) : SmallVector<Value>();
  std::optional<Bytes> bytes = roots.size() == 1 ? bytesOfRoot(roots[0]) : std::nullopt;
  if (!bytes)
    return {};
  for (Operation *next = op->getNextNode(); next; next = next->getNextNode())
    if (std::optional<Mode> mode = touchesBytes(next, *bytes); mode && *mode != Mode::in)
      return [=](Handlers &) { op->moveAfter(next); };
  // Nobody takes them later: what is first written meanwhile is put there.
  for (Operation *next = send->getNextNode(); next != op; next = next->getNextNode()) {
    auto other = dyn_cast<BufferOp>(next);
    if (!other || bytesOf(other.getType()) > bytes->end - bytes->begin)
      continue;
    for (Operation *user : touching(op->getBlock(), other.getResult()))
      if (user->isBeforeInBlock(op) && touchOf(user, other.getResult()) == Mode::out)
        return [other, begin = bytes->begin](Handlers &) mutable { other.setOffset(begin); };
  }
  return {};
}

/// Before what is sent has been written.
Edit sentBeforeItIsMade(Operation *op) {
  auto send = dyn_cast<SendOp>(op);
  auto buffer = send ? send.getBuffer().getDefiningOp<BufferOp>() : BufferOp();
  if (!buffer || buffer->getBlock() != op->getBlock())
    return {};
  Operation *writer = nullptr;
  for (Operation *user : touching(op->getBlock(), buffer.getResult()))
    if (user->isBeforeInBlock(op) && touchOf(user, buffer.getResult()) == Mode::out)
      writer = user;
  return writer ? Edit([=](Handlers &) { op->moveBefore(writer); }) : Edit();
}

/// The first op that needs what is received; null where none does.
Operation *firstUse(ReceiveOp receive) {
  SmallVector<Value> roots = rootsOf(receive.getBuffer());
  if (roots.size() != 1)
    return nullptr;
  for (Operation *user : touching(receive->getBlock(), roots[0]))
    if (waitFor(receive)->isBeforeInBlock(user))
      return user;
  return nullptr;
}

Edit receivedTooLate(Operation *op) {
  auto wait = dyn_cast<WaitOp>(op);
  auto receive = wait ? dyn_cast<ReceiveOp>(wait.getStarted().front()) : ReceiveOp();
  Operation *use = receive ? firstUse(receive) : nullptr;
  return use ? Edit([=](Handlers &) { op->moveAfter(use); }) : Edit();
}

/// A receive is posted while another buffer's contents, which somebody is yet to read, are in its bytes.
Edit receivedTooEarly(Operation *op) {
  auto receive = dyn_cast<ReceiveOp>(op);
  auto buffer = receive ? receive.getBuffer().getDefiningOp<BufferOp>() : BufferOp();
  if (!buffer || buffer->getBlock() != op->getBlock() || !buffer.getOffset())
    return {};
  for (Operation *before = op->getPrevNode(); before; before = before->getPrevNode())
    if (std::optional<Mode> mode = touchesBytes(before, *bytesOfRoot(buffer)); mode && *mode != Mode::out)
      return [op, before, place = buffer.getOperation()](Handlers &) {
        op->moveBefore(before);
        place->moveBefore(op);
      };
  return {};
}

//===-- tasks --------------------------------------------------------------===//

/// The other end of a message.
Operation *otherEnd(Operation *message) {
  auto stages = pipes::stagesOf(message->getParentOfType<ModuleOp>()->getParentOfType<ModuleOp>());
  auto send = dyn_cast<SendOp>(message);
  int64_t own = pipes::stageOf(message).getIndex();
  int64_t other = send ? send.getTo() : cast<ReceiveOp>(message).getFrom();
  auto entry = stages[other].lookupSymbol<FuncOp>(functionOf(message).getSymName());
  for (Operation &op : entry.getBody().front()) {
    auto receive = dyn_cast<ReceiveOp>(op);
    auto sent = dyn_cast<SendOp>(op);
    if (op.getAttr("message") == message->getAttr("message") &&
        (send ? receive && int64_t(receive.getFrom()) == own : sent && int64_t(sent.getTo()) == own))
      return &op;
  }
  return nullptr;
}

/// A backward before its forward: a stage waits for what another makes of what it has yet to send.
Edit answerBeforeQuestion(Operation *op) {
  auto wait = dyn_cast<WaitOp>(op);
  auto receive = wait ? dyn_cast<ReceiveOp>(wait.getStarted().front()) : ReceiveOp();
  auto buffer = receive ? receive.getBuffer().getDefiningOp<BufferOp>() : BufferOp();
  if (!buffer)
    return {};
  Operation *answer = otherEnd(receive);
  for (Operation *before = op->getPrevNode(); before; before = before->getPrevNode()) {
    auto send = dyn_cast<SendOp>(before);
    if (!send || send.getTo() != receive.getFrom() ||
        !waitFor(otherEnd(send))->isBeforeInBlock(answer)) // they don't wait for it there
      continue;
    return [op, before, place = buffer.getOperation(), posted = receive.getOperation()](Handlers &) {
      if (before->isBeforeInBlock(posted)) {
        place->moveBefore(before);
        posted->moveBefore(before);
      }
      op->moveBefore(before);
    };
  }
  return {};
}

/// Two calls of one function whose weights are the same: of two micro-batches. What the later one was given
/// by its own forward is the earlier one's.
Edit savedOfAnother(Operation *op) {
  auto call = dyn_cast<CallOp>(op);
  if (!call || !pipes::stageOf(op))
    return {};
  for (Operation *before = op->getPrevNode(); before; before = before->getPrevNode()) {
    auto other = dyn_cast<CallOp>(before);
    if (!other || other.getCallee() != call.getCallee())
      continue;
    auto isGlobal = [](Value value) { return value.getDefiningOp<AddressOp>() != nullptr; };
    bool sameWeights = llvm::all_of(llvm::zip(op->getOperands(), before->getOperands()), [&](auto pair) {
      auto [own, its] = pair;
      return isGlobal(own) == isGlobal(its) && (!isGlobal(own) || own == its);
    });
    for (unsigned i = 0; sameWeights && i < op->getNumOperands(); ++i) {
      Value own = op->getOperand(i), its = before->getOperand(i);
      if (isa<StructType>(own.getType()) && own.getDefiningOp<BufferOp>() && its.getDefiningOp<BufferOp>() &&
          touchOf(op, own) == Mode::in && own != its)
        return [=](Handlers &) { op->setOperand(i, its); };
    }
  }
  return {};
}

//===-- what is received ---------------------------------------------------===//

/// Whether the memory holds what a message brought.
ReceiveOp receiveInto(Value value) {
  for (Operation *user : value.getUsers())
    if (auto receive = dyn_cast<ReceiveOp>(user); receive && receive.getBuffer() == value)
      return receive;
  return {};
}

/// An op reads what an earlier message of the same stage brought.
Edit staleReceived(Operation *op) {
  SmallVector<Access> accesses;
  auto access = dyn_cast<AccessOpInterface>(op);
  if (!access || isa<SendOp, ReceiveOp>(op))
    return {};
  access.getAccesses(accesses);
  for (const Access &each : accesses) {
    Value value = each.memory;
    ReceiveOp receive = each.mode == Mode::in ? receiveInto(value) : ReceiveOp();
    if (!receive || touchOf(op, value) != Mode::in)
      continue;
    for (Operation *before = receive->getPrevNode(); before; before = before->getPrevNode())
      if (auto other = dyn_cast<ReceiveOp>(before); other && other.getBuffer() != value &&
                                                    other.getFrom() == receive.getFrom() &&
                                                    other.getBuffer().getType() == value.getType())
        return [=](Handlers &) { op->replaceUsesOfWith(value, ReceiveOp(other).getBuffer()); };
  }
  return {};
}

/// What a message brought, or a copy or term of it.
bool isReceived(Value value) {
  if (receiveInto(value))
    return true;
  return llvm::any_of(value.getUsers(), [&](Operation *user) {
    auto copy = dyn_cast<CopyOp>(user);
    return copy && copy.getOut() == value && isReceived(copy.getOperand());
  });
}

/// A sum of gradients of a tied weight, or of the squares that the norm is made of, has another term instead
/// of what came from the other stage.
Edit receivedTermForgotten(Operation *op) {
  auto kernel = dyn_cast<KernelOp>(op);
  if (!kernel || kernel.getInputs().size() < 2 ||
      !llvm::all_of(kernel.getBody().front().without_terminator(), llvm::IsaPred<arith::AddFOp>))
    return {};
  for (Value received : kernel.getInputs())
    for (Value own : kernel.getInputs())
      if (isReceived(received) && !isReceived(own) && own.getType() == received.getType())
        return [=](Handlers &) {
          for (OpOperand &use : op->getOpOperands())
            if (use.get() == received && use.getOperandNumber() < cast<KernelOp>(op).getInputs().size())
              use.set(own);
        };
  return {};
}

} // namespace

void shardc::mutants::addMessageFaults(Faults &faults) {
  faults.insert(
      faults.end(),
      {{"message forgotten", "it is never sent", messageForgotten},
       {"receive forgotten", "what is sent is never taken", receiveForgotten},
       {"message twice", "it is sent again", messageTwice},
       {"message to another stage", "a third one, or the sender", toAnotherStage},
       {"message of another number", "nobody waits for it", anotherNumber},
       {"sends exchanged", "two messages of one type go under each other's number", sendsExchanged},
       {"receives exchanged", "two messages of one type are taken in each other's place", receivesExchanged},
       {"sent without a wait", "what is sent may be overwritten at any time", sentForgotten},
       {"sent buffer reused", "another takes its bytes before the message is taken", sentTooLate},
       {"sent before it is made", "the send stands before what writes it", sentBeforeItIsMade},
       {"received without a wait", "the message may come later", receivedForgotten},
       {"received too late", "the wait stands behind the first op that reads it", receivedTooLate},
       {"received too early", "its bytes still hold another buffer", receivedTooEarly},
       {"backward before its forward", "a stage waits for the answer to what it sends next",
        answerBeforeQuestion},
       {"another micro-batch's saved values", "a backward is given those of an earlier one", savedOfAnother},
       {"stale message", "an op reads what an earlier message brought", staleReceived},
       {"received term forgotten", "of a tied gradient or the norm; an own one counts twice",
        receivedTermForgotten}});
}
