//===- Ops.cpp - what a message must be ------------------------------------===//

#include "dialects/nn/Syntax.h"
#include "dialects/pipe/Pipe.h"

using namespace mlir;
using namespace pipes;
using nn::parseNames;
using nn::printNames;

#define GET_OP_CLASSES
#include "dialects/pipe/PipeOps.cpp.inc"

static LogicalResult verifyInStage(Operation *op) {
  if (stageOf(op))
    return success();
  return op->emitOpError() << "stands in no stage: its module has no '" << stageAttrName << "'";
}

static LogicalResult verifyWhole(Operation *op, nn::NamedTensorType type) {
  if (!type.getPartial())
    return success();
  return op->emitOpError() << "can't move " << nn::toString(type) << ", which is partial";
}

/// C1 to C3 of both sides.
static LogicalResult verifyMessage(Operation *op, int64_t other, StringRef side, nn::NamedTensorType type,
                                   ArrayAttr order) {
  if (failed(verifyInStage(op)))
    return failure();
  StageAttr stage = stageOf(op);
  if (other < 0 || other >= stage.getCount() || other == stage.getIndex()) // C1
    return op->emitOpError() << side << " stage " << other << ", it must be another of the "
                             << stage.getCount();
  SmallVector<StringAttr> names(order.getAsRange<StringAttr>());
  llvm::SmallDenseSet<StringAttr> distinct(names.begin(), names.end());
  if (names.size() != type.getAxes().size() || distinct.size() != names.size() || // C2
      !llvm::all_of(names, [&](StringAttr name) { return type.has(name); }))
    return op->emitOpError() << "must order the axes of " << nn::toString(type) << ", each once";
  return verifyWhole(op, type); // C3
}

LogicalResult SendOp::verify() {
  return verifyMessage(*this, getTo(), "sends to", getOperand().getType(), getOrder());
}

LogicalResult ReceiveOp::verify() {
  return verifyMessage(*this, getFrom(), "receives from", getType(), getOrder());
}

LogicalResult KeepOp::verify() {
  return failed(verifyInStage(*this)) ? failure() : verifyWhole(*this, getType()); // C1, C2
}

LogicalResult KeepOp::evaluate(nn::EvaluateContext &, ArrayRef<nn::Shard> operands,
                               SmallVectorImpl<nn::Shard> &results) {
  results.push_back(operands[0]);
  return success();
}

void ReceiveOp::getAsmResultNames(OpAsmSetValueNameFn setName) {
  nn::nameAfterLocation(getResult(), setName);
}

void KeepOp::getAsmResultNames(OpAsmSetValueNameFn setName) {
  nn::nameAfterLocation(getResult(), setName);
}

LogicalResult BeginOp::verify() {
  const bool isUpdate = getPass() == Pass::update;
  if (getMicrobatch().has_value() == isUpdate || getChunk().has_value() == isUpdate) // C1
    return emitOpError() << (isUpdate ? "'update' is of no micro-batch and no chunk"
                                      : "must say of which micro-batch and which chunk it is");
  return success();
}

/// The first of a block looks at all, in one walk.
LogicalResult SentOp::verify() {
  Block &block = *(*this)->getBlock();
  if (*block.getOps<SentOp>().begin() != *this)
    return success();
  llvm::DenseMap<std::pair<int64_t, int64_t>, int> sends; // so far, by receiver and number
  llvm::DenseSet<std::pair<int64_t, int64_t>> awaited;
  for (Operation &op : block) {
    if (auto send = dyn_cast<SendOp>(op))
      ++sends[{send.getTo(), send.getMessage()}];
    auto sent = dyn_cast<SentOp>(op);
    if (!sent)
      continue;
    const std::pair<int64_t, int64_t> message(sent.getTo(), sent.getMessage());
    if (!awaited.insert(message).second)
      return sent.emitOpError() << "waits for message " << message.second << " to stage " << message.first
                                << " twice";
    if (sends[message] != 1)
      return sent.emitOpError() << "waits for message " << message.second << " to stage " << message.first
                                << ", which " << sends[message] << " ops before it send";
  }
  return success();
}
