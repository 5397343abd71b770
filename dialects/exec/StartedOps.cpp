//===- StartedOps.cpp - messages between stages, and waiting for what is under way ===//

#include "dialects/exec/Exec.h"

using namespace mlir;
using namespace exec;

Value exec::tokenOf(Operation *op) {
  bool isStarted = op->getNumResults() == 1 && isa<TokenType>(op->getResult(0).getType());
  return isStarted ? op->getResult(0) : Value();
}

//===-- messages -----------------------------------------------------------===//

static LogicalResult verifyMessage(Operation *op, BufferType type) {
  auto func = dyn_cast<FuncOp>(op->getParentOp());
  if (!func || !func.getEntry()) // C1
    return op->emitOpError() << "must stand in an entry, outside of loops: each number is one message";
  if (!type.isDense()) // C2
    return op->emitOpError() << "moves " << type << ", which leaves gaps";
  return success();
}

LogicalResult SendOp::verify() {
  return verifyMessage(*this, getBufferType());
}
void SendOp::getAccesses(SmallVectorImpl<Access> &accesses) {
  accesses.push_back({getBuffer(), Mode::in});
}

LogicalResult ReceiveOp::verify() {
  return verifyMessage(*this, getBufferType());
}
void ReceiveOp::getAccesses(SmallVectorImpl<Access> &accesses) {
  accesses.push_back({getBuffer(), Mode::out});
}

//===-- wait ---------------------------------------------------------------===//

SmallVector<Operation *> WaitOp::getStarted() {
  return llvm::map_to_vector(getTokens(), [](Value token) { return token.getDefiningOp(); });
}

LogicalResult WaitOp::verify() {
  if (getTokens().empty())
    return emitOpError() << "waits for nothing";
  for (Operation *started : getStarted())
    if (!started || started->getBlock() != (*this)->getBlock()) // C1
      return emitOpError() << "waits for what nothing in its block has started";
  if (getTokens().size() == 1)
    return success();
  auto first = dyn_cast<CollectiveOp>(getStarted().front());
  for (Operation *started : getStarted()) { // C2
    auto other = dyn_cast<CollectiveOp>(started);
    if (!first || !other || other.getKind() != first.getKind() || other.getMesh() != first.getMesh() ||
        other.getFold() != first.getFold())
      return emitOpError() << "waits for several that are no bucket: collectives of one kind and fold over "
                              "the same mesh axes";
  }
  return success();
}
