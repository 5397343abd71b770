//===- Ops.cpp - what a message must be ------------------------------------===//

#include "dialects/nn/Syntax.h"
#include "dialects/pipe/Pipe.h"

using namespace mlir;
using namespace pipes;
using nn::parseNames;
using nn::printNames;

#define GET_OP_CLASSES
#include "dialects/pipe/PipeOps.cpp.inc"

/// C1 to C3 of both sides.
static LogicalResult verifyMessage(Operation *op, int64_t other, StringRef side, nn::NamedTensorType type,
                                   ArrayAttr order) {
  StageAttr stage = stageOf(op);
  if (!stage)
    return op->emitOpError() << "stands in no stage: its module has no '" << stageAttrName << "'";
  if (other < 0 || other >= stage.getCount() || other == stage.getIndex()) // C1
    return op->emitOpError() << side << " stage " << other << ", it must be another of the "
                             << stage.getCount();
  SmallVector<StringAttr> names(order.getAsRange<StringAttr>());
  llvm::SmallDenseSet<StringAttr> distinct(names.begin(), names.end());
  if (names.size() != type.getAxes().size() || distinct.size() != names.size() || // C2
      !llvm::all_of(names, [&](StringAttr name) { return type.has(name); }))
    return op->emitOpError() << "must order the axes of " << nn::toString(type) << ", each once";
  if (type.getPartial()) // C3
    return op->emitOpError() << "can't move " << nn::toString(type) << ", which is partial";
  return success();
}

LogicalResult SendOp::verify() {
  return verifyMessage(*this, getTo(), "sends to", getOperand().getType(), getOrder());
}

LogicalResult ReceiveOp::verify() {
  return verifyMessage(*this, getFrom(), "receives from", getType(), getOrder());
}

void ReceiveOp::getAsmResultNames(OpAsmSetValueNameFn setName) {
  if (StringRef name = nn::nameOf(getLoc()); !name.empty())
    setName(getResult(), name);
}

LogicalResult BeginOp::verify() {
  const bool isUpdate = getPass() == Pass::update;
  if (getMicrobatch().has_value() == isUpdate || getChunk().has_value() == isUpdate) // C1
    return emitOpError() << (isUpdate ? "'update' is of no micro-batch and no chunk"
                                      : "must say of which micro-batch and which chunk it is");
  return success();
}

LogicalResult SentOp::verify() {
  int sends = 0;
  for (Operation &op : *(*this)->getBlock()) {
    if (auto send = dyn_cast<SendOp>(op))
      sends += send.getTo() == getTo() && send.getMessage() == getMessage() && op.isBeforeInBlock(*this);
    if (auto sent = dyn_cast<SentOp>(op); sent && sent != *this)
      if (sent.getTo() == getTo() && sent.getMessage() == getMessage())
        return emitOpError() << "waits for message " << getMessage() << " to stage " << getTo() << " twice";
  }
  if (sends != 1)
    return emitOpError() << "waits for message " << getMessage() << " to stage " << getTo() << ", which "
                         << sends << " ops before it send";
  return success();
}
