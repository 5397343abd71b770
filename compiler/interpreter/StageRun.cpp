//===- StageRun.cpp - an entry of one stage, until it waits for another ----===//
//
// What is received is waited for where it is first used; what is only returned, before the waits for messages
// at the end. Ranks of two stages that have the same coordinates
// have the same number, since their meshes are the same: a message is what each rank holds.
//
//===----------------------------------------------------------------------===//

#include "compiler/interpreter/Interpreter.h"

#include "dialects/nn/EvaluateLoops.h"
#include "dialects/pipe/Messages.h"

using namespace mlir;
using namespace nn;
using namespace shardc::interpreter;

static int64_t stageNumber(ModuleOp module) {
  pipes::StageAttr stage = pipes::stageOf(module);
  return stage ? stage.getIndex() : 0;
}

LogicalResult Interpreter::begin(StringRef name, ArrayRef<Datum> arguments, Messages<Datum> &shared) {
  FailureOr<FuncOp> function = functionFor(name, arguments);
  if (failed(function))
    return failure();
  Block &block = function->getBody().front();
  scopes.clear();
  awaited.clear();
  enter(block, arguments);
  next = &block.front();
  messages = &shared;
  return success();
}

Data Interpreter::results() {
  return operandsOf(next);
}

FailureOr<Turn> Interpreter::resume() {
  for (;; next = next->getNextNode()) {
    FailureOr<Turn> turn = receiveFor(next);
    if (failed(turn) || *turn || next->hasTrait<OpTrait::IsTerminator>())
      return turn;
    int64_t stage = stageNumber(module);
    if (auto send = dyn_cast<pipes::SendOp>(next)) {
      int64_t to = send.getTo(), number = send.getMessage();
      if (!messages->send({stage, to, number}, valueOf(send.getOperand())))
        return next->emitOpError() << "sends message " << number << " to stage " << to << " again", failure();
    } else if (auto receive = dyn_cast<pipes::ReceiveOp>(next)) {
      awaited.insert(
          {receive.getResult(), {int64_t(receive.getFrom()), stage, int64_t(receive.getMessage())}});
    } else if (auto sent = dyn_cast<pipes::SentOp>(next)) {
      MessageId id{stage, int64_t(sent.getTo()), int64_t(sent.getMessage())};
      if (!messages->isTaken(id))
        return Turn(waitingToBeTaken(next, id));
    } else if (!isa<pipes::BeginOp>(next) && failed(runOp(next))) {
      return failure();
    }
  }
}

/// Takes what the op is the first to use; at the end of the function also what nobody has used.
FailureOr<Turn> Interpreter::receiveFor(Operation *op) {
  if (awaited.empty())
    return Turn();
  SmallVector<Value> needed;
  op->walk([&](Operation *inner) {
    for (Value operand : inner->getOperands())
      if (awaited.contains(operand))
        needed.push_back(operand);
  });
  auto sent = dyn_cast<pipes::SentOp>(op);
  if (op->hasTrait<OpTrait::IsTerminator>() || (sent && pipes::isAtEnd(sent)))
    for (auto &[value, id] : awaited)
      needed.push_back(value);
  for (Value value : needed) {
    auto found = awaited.find(value);
    if (found == awaited.end())
      continue; // needed twice
    const Datum *contents = messages->take(found->second);
    if (!contents)
      return Turn(waitingToReceive(value.getDefiningOp(), found->second));
    FailureOr<Datum> datum = received(value, *contents);
    if (failed(datum) || failed(checkResult(value, *datum)))
      return failure();
    scopes.back()[value] = std::move(*datum);
    awaited.erase(found);
  }
  return Turn();
}

/// Each rank's part, its axes in the order of the receiver's type.
FailureOr<Datum> Interpreter::received(Value value, const Datum &contents) {
  auto type = cast<NamedTensorType>(value.getType());
  if (int64_t(contents.shards->size()) != mesh.numRanks())
    return value.getDefiningOp()->emitOpError()
           << "receives from " << contents.shards->size() << " ranks on " << mesh.numRanks();
  std::vector<Shard> shards;
  for (auto [rank, sent] : llvm::enumerate(*contents.shards)) {
    Shard shard = mesh.shardFor(type, int64_t(rank));
    bool fits = shard.axes.size() == sent.axes.size() &&
                llvm::all_of(shard.axes, [&, &sent = sent](const ShardAxis &axis) {
                  const ShardAxis *other = sent.find(axis.name);
                  return other && *other == axis;
                });
    if (!fits)
      return value.getDefiningOp()->emitOpError()
             << "receives on rank " << rank << " what is no part of " << toString(type) << " there";
    shard.values = shard.axes == sent.axes ? sent.values : arrange(sent, nestOf(shard));
    shards.push_back(std::move(shard));
  }
  return Datum::tensor(std::move(shards));
}
