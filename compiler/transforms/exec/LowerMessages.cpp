//===- LowerMessages.cpp - what goes to other stages and comes from them ---===//
//
// A message is dense, its axes in the order that both sides know (`order`); where this stage has another
// order, it is copied. A receive is posted where it stands, and waited for right before its result is first
// used; what is only returned, before the waits for messages at the end.
//
//===----------------------------------------------------------------------===//

#include "compiler/transforms/exec/LowerFunction.h"

#include "dialects/pipe/Messages.h"

using namespace mlir;
using namespace exec;

static BufferType messageType(TypeLowering &types, nn::NamedTensorType type, ArrayAttr order) {
  SmallVector<StringAttr> names(order.getAsRange<StringAttr>());
  SmallVector<int64_t> sizes =
      llvm::map_to_vector(names, [&](StringAttr name) { return types.localSize(type.find(name)); });
  return BufferType::dense(type.getElementType(), names, sizes);
}

void FunctionLowering::lowerSend(pipes::SendOp op) {
  Value buffer = at(op.getOperand());
  BufferType type = messageType(types, op.getOperand().getType(), op.getOrder());
  if (buffer.getType() != type) {
    Value packed = newBuffer(type, nn::locOf(op.getOperand()));
    copy(buffer, packed, op.getLoc());
    buffer = packed;
  }
  sent[{op.getTo(), op.getMessage()}] = builder.create<SendOp>(op.getLoc(), TokenType::get(op.getContext()),
                                                               buffer, op.getToAttr(), op.getMessageAttr());
}

void FunctionLowering::lowerSent(pipes::SentOp op) {
  builder.create<WaitOp>(op.getLoc(), sent.lookup({op.getTo(), op.getMessage()}));
}

void FunctionLowering::lowerReceive(pipes::ReceiveOp op) {
  Leaf result{op.getResult(), 0};
  Value place = where[result] = placeOf(result);
  BufferType type = messageType(types, op.getType(), op.getOrder());
  Value buffer = place.getType() == type ? place : newBuffer(type, op.getLoc());
  Value token = builder.create<ReceiveOp>(op.getLoc(), TokenType::get(op.getContext()), buffer,
                                          op.getFromAttr(), op.getMessageAttr());
  arriving.insert({result, {token, buffer}});
}

void FunctionLowering::awaitOperands(Operation *op) {
  if (arriving.empty() || isa<nn::PackOp, nn::UnpackOp, nn::DetachOp>(op)) // leaves look through them
    return;
  if (auto sent = dyn_cast<pipes::SentOp>(op); sent && pipes::isAtEnd(sent))
    return awaitAll();
  SmallVector<Leaf> leaves;
  op->walk([&](Operation *inner) {
    for (Value operand : inner->getOperands())
      llvm::append_range(leaves, leavesOf(operand));
  });
  for (Leaf leaf : leaves)
    await(leaf);
}

void FunctionLowering::awaitAll() {
  while (!arriving.empty())
    await(arriving.front().first);
}

void FunctionLowering::await(Leaf leaf) {
  auto found = arriving.find(leaf);
  if (found == arriving.end())
    return;
  auto [token, buffer] = found->second;
  Location loc = leaf.first.getLoc();
  builder.create<WaitOp>(loc, token);
  if (Value place = where.lookup(leaf); place != buffer)
    copy(buffer, place, loc);
  arriving.erase(found);
}
