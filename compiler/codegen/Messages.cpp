//===- Messages.cpp - what stages send each other --------------------------===//
//
//   exec.send     rt::send      from here on the message may be taken
//     its wait    rt::sent
//   exec.receive  rt::expect    from here on it may arrive
//     its wait    rt::receive
//   pipe.begin    context.begin from here on the stage is at another task
//
//===----------------------------------------------------------------------===//

#include "compiler/codegen/Functions.h"
#include "dialects/exec/Costs.h"

#include <fmt/format.h>

using namespace mlir;

namespace shardc::codegen {

/// Fails at elements that messages are not made of.
static LogicalResult checkElements(Operation *op, exec::BufferType type) {
  if (type.getElementBytes() == 4)
    return success();
  return op->emitOpError() << "moves elements of " << type.getElementBytes()
                           << " bytes; those of a trainer's messages have 4";
}

LogicalResult FunctionPrinter::call(exec::SendOp op) {
  std::string buffer = expression(op.getBuffer());
  enterAndCall(op, fmt::format("send {} to stage {}", buffer, op.getTo()),
               fmt::format("rt::send({}context.stage({}), {}, {}, {})", shared.target.leadArgument,
                           op.getTo(), buffer, op.getBufferType().getNumElements(), op.getMessage()));
  return checkElements(op, op.getBufferType());
}

void FunctionPrinter::finish(exec::SendOp op) {
  enterAndCall(op, fmt::format("wait until stage {} has {}", op.getTo(), expression(op.getBuffer())),
               fmt::format("rt::sent({}context.stage({}), {})", shared.target.leadArgument, op.getTo(),
                           op.getMessage()));
}

LogicalResult FunctionPrinter::call(exec::ReceiveOp op) {
  body.line(fmt::format("rt::expect({}context.stage({}), {}, {}, {});", shared.target.leadArgument,
                        op.getFrom(), expression(op.getBuffer()), op.getBufferType().getNumElements(),
                        op.getMessage()),
            placeOf(op.getLoc()));
  return checkElements(op, op.getBufferType());
}

void FunctionPrinter::finish(exec::ReceiveOp op) {
  std::string buffer = expression(op.getBuffer());
  enterAndCall(op, fmt::format("receive {} from stage {}", buffer, op.getFrom()),
               fmt::format("rt::receive({}context.stage({}), {}, {}, {})", shared.target.leadArgument,
                           op.getFrom(), buffer, op.getBufferType().getNumElements(), op.getMessage()));
}

LogicalResult FunctionPrinter::call(pipes::BeginOp op) {
  static constexpr const char *passes[] = {"forward", "backward", "backwardWeight", "update"};
  std::string task = fmt::format("rt::Pass::{}", passes[static_cast<int>(op.getPass())]);
  if (op.getMicrobatch())
    task += fmt::format(", {}, {}", *op.getMicrobatch(), *op.getChunk());
  if (auto cost = op->getAttrOfType<FloatAttr>(exec::costAttrName); cost && op.getMicrobatch())
    task += fmt::format(", {}", cost.getValueAsDouble());
  body.line(fmt::format("context.begin({{{}}});", task));
  return success();
}

} // namespace shardc::codegen
