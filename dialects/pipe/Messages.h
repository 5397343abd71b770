//===- Messages.h - where messages are waited for -------------------------===//
#pragma once

#include "dialects/pipe/Pipe.h"

namespace pipes {

/// Whether nothing but other waits for messages stands between `sent` and the end of its block. Before these,
/// all that was received has come: otherwise two stages could wait for each other with what they return.
inline bool isAtEnd(SentOp sent) {
  mlir::Operation *op = sent;
  while (mlir::isa<SentOp, nn::PackOp>(op))
    op = op->getNextNode();
  return op->hasTrait<mlir::OpTrait::IsTerminator>();
}

} // namespace pipes
