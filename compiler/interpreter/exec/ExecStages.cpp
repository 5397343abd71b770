//===- ExecStages.cpp - the programs of all stages, each on its ranks ------===//
//
// A send lends its buffer and hands over what each rank holds; a receive awaits it. The wait for a receive
// takes the message, and the wait for a send goes on once it is taken.
//
//===----------------------------------------------------------------------===//

#include "compiler/interpreter/exec/ExecStages.h"

#include "compiler/interpreter/exec/Transfer.h"

#include "dialects/pipe/Pipe.h"

using namespace mlir;
using namespace exec;
using namespace shardc::interpreter;

ExecStages::ExecStages(ModuleOp module, uint64_t seed, Inputs inputs) {
  for (auto [stage, own] : llvm::enumerate(pipes::stagesOf(module))) {
    programs.emplace_back(own, seed, int64_t(stage));
    programs.back().setInputs(inputs);
  }
}

LogicalResult ExecStages::run(StringRef entry, int64_t step) {
  Messages<Parcel> messages;
  for (ExecInterpreter &program : programs)
    if (failed(program.begin(entry, step, messages)))
      return failure();
  return runInTurn(programs.size(), [&](size_t stage) { return programs[stage].resume(); });
}

//===-- one of them --------------------------------------------------------===//

FailureOr<Turn> ExecInterpreter::resume() {
  for (; !next->hasTrait<OpTrait::IsTerminator>(); next = next->getNextNode()) {
    if (auto wait = dyn_cast<WaitOp>(next)) {
      FailureOr<Turn> turn = awaitMessage(*entry, wait);
      if (failed(turn) || *turn)
        return turn;
    }
    if (failed(runAndEnd(*entry, next)))
      return failure();
  }
  behind = behindBefore;
  return Turn();
}

/// Whether what the wait is for is complete; of a receive the message is then in the transfer.
FailureOr<Turn> ExecInterpreter::awaitMessage(Activation &activation, WaitOp op) {
  Operation *started = op.getStarted().front();
  if (auto send = dyn_cast<SendOp>(started)) {
    MessageId id{stage, int64_t(send.getTo()), int64_t(send.getMessage())};
    return messages->isTaken(id) ? Turn() : Turn(waitingToBeTaken(op, id));
  }
  auto receive = dyn_cast<ReceiveOp>(started);
  if (!receive)
    return Turn();
  MessageId id{int64_t(receive.getFrom()), stage, int64_t(receive.getMessage())};
  const Parcel *parcel = messages->take(id);
  if (!parcel)
    return Turn(waitingToReceive(op, id));
  if (parcel->type != receive.getBufferType() || int64_t(parcel->images.size()) != machine.numRanks())
    return receive.emitOpError() << "receives message " << id.number << " as " << receive.getBufferType()
                                 << " on " << machine.numRanks() << " ranks, stage " << id.from << " sends "
                                 << parcel->type << " on " << parcel->images.size(),
           failure();
  if (Started &transfer = activation.scope[receive.getToken()].transfer)
    deliver(*transfer, parcel->images);
  return Turn();
}

LogicalResult ExecInterpreter::runSend(Activation &activation, SendOp op) {
  Parcel parcel{op.getBufferType(), {}};
  const Pointer &pointer = activation.scope[op.getBuffer()].pointer;
  for (int64_t rank = 0; rank < machine.numRanks(); ++rank) {
    FailureOr<Image> image = machine.memory.read(op, pointer, parcel.type, rank);
    if (failed(image))
      return failure();
    parcel.images.push_back(std::move(*image));
  }
  FailureOr<Started> transfer = start(machine, activation.scope, op);
  if (failed(transfer))
    return failure();
  activation.scope[op.getToken()].transfer = *transfer;
  int64_t to = op.getTo(), number = op.getMessage();
  if (!messages->send({stage, to, number}, std::move(parcel)))
    return op.emitOpError() << "sends message " << number << " to stage " << to << " again";
  return success();
}

LogicalResult ExecInterpreter::runReceive(Activation &activation, ReceiveOp op) {
  FailureOr<Started> transfer = start(machine, activation.scope, op);
  if (failed(transfer))
    return failure();
  activation.scope[op.getToken()].transfer = *transfer;
  return success();
}
