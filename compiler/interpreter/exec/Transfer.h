//===- Transfer.h - what a collective moves between arenas ----------------===//
#pragma once

#include "compiler/interpreter/exec/Machine.h"

namespace shardc::interpreter {

/// A collective that has started: for each rank the elements that it writes, and those that it reads.
struct Transfer {
  exec::CollectiveOp op;
  Pointer operand, out;
  struct Side {
    std::vector<std::pair<int64_t, double>> written; // offset in out, value
    std::vector<int64_t> lent;                       // offsets in the operand
  };
  std::vector<Side> ranks;
};

/// Takes what every member gives. Until finish, the operands are lent and the results arriving.
llvm::FailureOr<std::shared_ptr<Transfer>> start(Machine &machine, const Scope &scope, exec::CollectiveOp op);
void finish(Machine &machine, Transfer &transfer);

} // namespace shardc::interpreter
