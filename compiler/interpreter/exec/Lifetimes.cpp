//===- Lifetimes.cpp - after which op a buffer's life ends ----------------===//

#include "compiler/interpreter/exec/Lifetimes.h"

using namespace mlir;
using namespace exec;
using namespace shardc::interpreter;

static Operation *lastUseOf(BufferOp buffer) {
  Block *block = buffer->getBlock();
  Operation *last = buffer;
  SmallVector<Value> pointers = {buffer.getResult()};
  while (!pointers.empty()) {
    Value pointer = pointers.pop_back_val();
    for (OpOperand &use : pointer.getUses()) {
      Operation *user = block->findAncestorOpInBlock(*use.getOwner());
      if (last->isBeforeInBlock(user))
        last = user;
      for (Value result : use.getOwner()->getResults())
        if (isa<TokenType>(result.getType()) || llvm::is_contained(sourcesOf(result), pointer))
          pointers.push_back(result);
    }
  }
  return last;
}

Lifetimes shardc::interpreter::lifetimesOf(FuncOp function) {
  Lifetimes lifetimes;
  function.walk([&](BufferOp buffer) { lifetimes[lastUseOf(buffer)].push_back(buffer); });
  return lifetimes;
}
