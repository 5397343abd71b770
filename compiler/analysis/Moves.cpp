//===- Moves.cpp - functions that only move -------------------------------===//

#include "compiler/analysis/Moves.h"

using namespace mlir;
using namespace exec;

bool exec::isPointer(Operation *op) {
  return isa<BufferOp, ViewOp, FieldOp, PackOp, AddressOp, ChildKeyOp>(op);
}

bool exec::onlyMoves(FuncOp func) {
  return llvm::all_of(func.getBody().front(), [](Operation &op) {
    return isPointer(&op) || isa<CollectiveOp, WaitOp, CopyOp, ReturnOp>(op);
  });
}

bool exec::movesBetweenRanks(FuncOp func) {
  return onlyMoves(func) && !func.getBody().getOps<CollectiveOp>().empty();
}
