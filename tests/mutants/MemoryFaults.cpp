//===- MemoryFaults.cpp - wrong places in the arena and in frames ---------===//

#include "tests/mutants/ExecSites.h"

#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace exec;
using namespace shardc::mutants;
using shardc::interpreter::Handlers;

namespace {

IntegerAttr bytes(Operation *op, int64_t number) {
  return Builder(op->getContext()).getI64IntegerAttr(number);
}

Edit moveTo(Operation *op, StringRef attribute, int64_t place) {
  return setAttribute(op, attribute, bytes(op, place));
}

/// Buffers of the block that begin before `op` and that somebody touches at `from` or after it.
SmallVector<BufferOp> buffersNeededFrom(Operation *op, bool alsoByItself) {
  SmallVector<BufferOp> needed;
  for (auto buffer : op->getBlock()->getOps<BufferOp>()) {
    if (!buffer.getOffset() || !buffer->isBeforeInBlock(op))
      continue;
    bool isNeeded = llvm::any_of(touching(op->getBlock(), buffer.getResult()), [&](Operation *user) {
      return op->isBeforeInBlock(user) || (alsoByItself && user == op);
    });
    if (isNeeded)
      needed.push_back(buffer);
  }
  return needed;
}

Edit overLiveBuffer(Operation *op) {
  auto buffer = dyn_cast<BufferOp>(op);
  if (!buffer || !buffer.getOffset())
    return {};
  SmallVector<BufferOp> live = buffersNeededFrom(op, false);
  return live.empty() ? Edit() : moveTo(op, "offset", int64_t(*live.front().getOffset()));
}

/// The last 64 bytes of a live one.
Edit intoLiveBuffer(Operation *op) {
  auto buffer = dyn_cast<BufferOp>(op);
  if (!buffer || !buffer.getOffset())
    return {};
  for (BufferOp live : buffersNeededFrom(op, false))
    if (int64_t size = bytesOf(live.getType()); size > alignment)
      return moveTo(op, "offset", int64_t(*live.getOffset()) + (size - 1) / alignment * alignment);
  return {};
}

Edit besideAlignment(Operation *op) {
  if (auto buffer = dyn_cast<BufferOp>(op); buffer && buffer.getOffset())
    return moveTo(op, "offset", int64_t(*buffer.getOffset()) + 4);
  if (auto global = dyn_cast<GlobalOp>(op); global && global.getOffset())
    return moveTo(op, "offset", int64_t(*global.getOffset()) + 4);
  return {};
}

Edit behindFrame(Operation *op) {
  auto buffer = dyn_cast<BufferOp>(op);
  if (!buffer || !buffer.getOffset() || !functionOf(op).getFrame())
    return {};
  return moveTo(op, "offset", alignUp(int64_t(*functionOf(op).getFrame())));
}

int64_t frameOfCallee(CallOp call) {
  auto callee = call->getParentOfType<ModuleOp>().lookupSymbol<FuncOp>(call.getCallee());
  return call.getFrame() ? int64_t(callee.getFrame().value_or(0)) : 0;
}

Edit calleeOverLiveBuffer(Operation *op) {
  auto call = dyn_cast<CallOp>(op);
  if (!call || frameOfCallee(call) == 0)
    return {};
  SmallVector<BufferOp> live = buffersNeededFrom(op, true);
  return live.empty() ? Edit() : moveTo(op, "frame", int64_t(*live.front().getOffset()));
}

Edit calleeBehindFrame(Operation *op) {
  auto call = dyn_cast<CallOp>(op);
  if (!call || frameOfCallee(call) == 0)
    return {};
  return moveTo(op, "frame", alignUp(int64_t(*functionOf(op).getFrame())));
}

/// A frame ends with the last byte that is used.
Edit frameTooSmall(Operation *op) {
  auto func = dyn_cast<FuncOp>(op);
  if (!func || func.getFrame().value_or(0) < uint64_t(alignment))
    return {};
  return moveTo(op, "frame", int64_t(*func.getFrame()) - alignment);
}

Edit globalOverGlobal(Operation *op) {
  auto global = dyn_cast<GlobalOp>(op);
  auto before = global ? dyn_cast_or_null<GlobalOp>(op->getPrevNode()) : GlobalOp();
  if (!before || !global.getOffset())
    return {};
  return moveTo(op, "offset", int64_t(*before.getOffset()));
}

Edit globalInFrames(Operation *op) {
  auto global = dyn_cast<GlobalOp>(op);
  auto base =
      op->getParentOp() ? op->getParentOp()->getAttrOfType<IntegerAttr>(frameBaseAttrName) : IntegerAttr();
  if (!global || !global.getOffset() || !base)
    return {};
  return moveTo(op, "offset", alignUp(base.getInt()));
}

/// The arena ends with the last byte of the largest entry.
Edit arenaTooSmall(Operation *op) {
  auto func = dyn_cast<FuncOp>(op);
  if (!func || !func.getEntry())
    return {};
  auto module = op->getParentOfType<ModuleOp>();
  auto base = module->getAttrOfType<IntegerAttr>(frameBaseAttrName);
  auto total = module->getAttrOfType<IntegerAttr>(arenaBytesAttrName);
  if (!base || !total || base.getInt() + int64_t(func.getFrame().value_or(0)) != total.getInt())
    return {};
  return [=](Handlers &) { op->getParentOp()->setAttr(arenaBytesAttrName, bytes(op, total.getInt() - 1)); };
}

} // namespace

void shardc::mutants::addMemoryFaults(Faults &faults) {
  faults.insert(
      faults.end(),
      {{"buffer over a live one", "it begins where the other does", overLiveBuffer},
       {"buffer into a live one", "it takes the other's last bytes", intoLiveBuffer},
       {"beside the alignment", "a buffer or global lies four bytes on", besideAlignment},
       {"buffer behind the frame", "it begins where the frame ends", behindFrame},
       {"callee over a live buffer", "its frame begins where the buffer does", calleeOverLiveBuffer},
       {"callee behind the frame", "its frame begins where the caller's ends", calleeBehindFrame},
       {"frame too small", "by one line of 64 bytes", frameTooSmall},
       {"global over another", "it begins where the one before does", globalOverGlobal},
       {"global in the frames", "it lies where the entries' frames are", globalInFrames},
       {"arena too small", "by one byte", arenaTooSmall}});
}
