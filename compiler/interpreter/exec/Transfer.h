//===- Transfer.h - what is under way between arenas -----------------------===//
#pragma once

#include "compiler/interpreter/exec/Machine.h"

namespace shardc::interpreter {

/// A collective, call or message that has started: the elements that it writes on each rank, and those that
/// it reads.
struct Transfer {
  struct Side {
    Pointer pointer;
    exec::BufferType type;
    std::vector<std::vector<std::pair<int64_t, double>>> written; // by rank: offset, value
    std::vector<std::vector<int64_t>> lent;                       // by rank: offsets
  };
  mlir::Operation *op;
  std::vector<Side> sides;
  LifeId frame = 0; // a callee's
};
using Started = std::shared_ptr<Transfer>;

/// Takes what every member gives. Until finish, the operands are lent and the results arriving.
llvm::FailureOr<Started> start(Machine &machine, const Scope &scope, exec::CollectiveOp op);

/// Of a call that has run: what it has written arrives only now, what it has read is lent until then.
llvm::FailureOr<Started> start(Machine &machine, const Scope &scope, exec::CallOp op);

/// Of a message: its buffer is lent until the wait.
llvm::FailureOr<Started> start(Machine &machine, const Scope &scope, exec::SendOp op);
/// Its buffer awaits what `deliver` says has come.
llvm::FailureOr<Started> start(Machine &machine, const Scope &scope, exec::ReceiveOp op);
void deliver(Transfer &transfer, llvm::ArrayRef<Image> images);

llvm::LogicalResult finish(Machine &machine, Transfer &transfer);

} // namespace shardc::interpreter
