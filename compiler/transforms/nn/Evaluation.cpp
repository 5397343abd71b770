//===- Evaluation.cpp - functions without randomness, for evaluation ------===//

#include "compiler/transforms/nn/Evaluation.h"

#include "compiler/transforms/nn/CallOrder.h"
#include "compiler/transforms/nn/Cleanup.h"

using namespace mlir;
using namespace nn;

static bool isKey(Value value) {
  return isa<KeyType>(value.getType());
}

static SmallVector<Value> withoutKeys(ValueRange values) {
  return llvm::to_vector(llvm::make_filter_range(values, [](Value value) { return !isKey(value); }));
}

/// Removes what draws random numbers from `func`, and its key.
static LogicalResult removeRandomness(FuncOp func, const llvm::DenseMap<StringAttr, FuncOp> &clones) {
  func.walk([](DropoutOp dropout) {
    dropout.replaceAllUsesWith(dropout.getOperand());
    dropout.erase();
  });
  func.walk([](AttentionOp attention) {
    attention.getRandomKeyMutable().clear();
    attention.removeDropoutAttr();
  });
  func.walk([&](CallOp call) {
    auto clone = clones.find(call.getCalleeAttr().getAttr());
    if (clone == clones.end())
      return;
    OpBuilder builder(call);
    auto evaluated = builder.create<CallOp>(call.getLoc(), clone->second, withoutKeys(call.getOperands()));
    call.replaceAllUsesWith(evaluated);
    call.erase();
  });
  cleanUp(func); // child keys are dead now
  llvm::BitVector keys(func.getNumArguments());
  for (BlockArgument argument : func.getArguments())
    if (isKey(argument)) {
      if (!argument.use_empty())
        return argument.user_begin()->emitError() << "draws random numbers, which evaluation can't leave out";
      keys.set(argument.getArgNumber());
    }
  func.eraseArguments(keys);
  return success();
}

FailureOr<FuncOp> nn::writeEvaluation(FuncOp main, SymbolTable &symbols) {
  FailureOr<SmallVector<FuncOp>> order = calleesFirst(main, symbols);
  if (failed(order))
    return failure();
  llvm::DenseMap<StringAttr, FuncOp> clones;
  for (FuncOp func : *order) {
    if (llvm::none_of(func.getArguments(), isKey))
      continue;
    auto clone = cast<FuncOp>(func->clone());
    clone.setSymName((func.getSymName() + "_eval").str());
    symbols.insert(clone, std::next(func->getIterator()));
    if (failed(removeRandomness(clone, clones)))
      return failure();
    clones[func.getSymNameAttr()] = clone;
  }
  auto found = clones.find(main.getSymNameAttr());
  return found == clones.end() ? main : found->second;
}
