//===- CallOrder.cpp - which functions call which -------------------------===//

#include "compiler/transforms/nn/CallOrder.h"

using namespace mlir;
using namespace nn;

namespace {
struct Visit {
  SymbolTable &symbols;
  llvm::SetVector<FuncOp> done;
  llvm::DenseSet<FuncOp> open;

  LogicalResult enter(FuncOp func) {
    if (done.contains(func))
      return success();
    if (!open.insert(func).second)
      return func.emitOpError() << "calls itself, directly or through others";
    WalkResult result = func.walk([&](CallOp call) {
      auto callee = symbols.lookup<FuncOp>(call.getCallee());
      return callee && failed(enter(callee)) ? WalkResult::interrupt() : WalkResult::advance();
    });
    done.insert(func);
    return failure(result.wasInterrupted());
  }
};
} // namespace

FailureOr<SmallVector<FuncOp>> nn::calleesFirst(FuncOp root, SymbolTable &symbols) {
  Visit visit{symbols, {}, {}};
  if (failed(visit.enter(root)))
    return failure();
  return llvm::to_vector(visit.done);
}
