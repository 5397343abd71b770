//===- Messages.h - where messages are waited for -------------------------===//
#pragma once

#include "dialects/pipe/Pipe.h"

namespace pipes {

/// Whether nothing is sent or received any more behind `sent`. Before such waits all that was received has
/// come: otherwise two stages could wait for each other with what they return.
inline bool isAtEnd(SentOp sent) {
  for (mlir::Operation *op = sent->getNextNode(); op; op = op->getNextNode())
    if (mlir::isa<SendOp, ReceiveOp>(op))
      return false;
  return true;
}

} // namespace pipes
