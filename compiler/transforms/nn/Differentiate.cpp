//===- Differentiate.cpp - forward and backward of every function ---------===//
//
// In:  @main returns the loss of each element; its arguments of kind `parameter` are what it is
// differentiated by. Out: for each function f that gradients flow through, @f_forward (f, and what it saves)
// and @f_backward. f stays,
//      for evaluation, and is its own forward where nothing is saved. No nn.detach is left.
// Not here: the seeds of the backward, the sum of the loss (Step).
//
//   @f(%x, %weights, %key) -> %y
//   @f_forward(%x, %weights, %key) -> %y, %saved
//   @f_backward(%x, %weights, %key, %saved, %d_y, %gradients) -> %d_x, gradients + f's contribution
//
//===----------------------------------------------------------------------===//

#include "compiler/transforms/nn/CallOrder.h"
#include "compiler/transforms/nn/Cleanup.h"
#include "compiler/transforms/nn/Derivative.h"
#include "compiler/transforms/nn/Passes.h"

namespace nn {
#define GEN_PASS_DEF_NNDIFFERENTIATE
#include "compiler/transforms/nn/Passes.h.inc"
} // namespace nn

using namespace mlir;
using namespace nn;

namespace {
struct DifferentiatePass : nn::impl::NnDifferentiateBase<DifferentiatePass> {
  void runOnOperation() override {
    SymbolTable symbols(getOperation());
    auto main = symbols.lookup<FuncOp>("main");
    if (!main) {
      getOperation().emitError("the module has no function @main to differentiate");
      return signalPassFailure();
    }
    FailureOr<SmallVector<FuncOp>> order = calleesFirst(main, symbols);
    if (failed(order) || failed(differentiateAll(*order, symbols)))
      return signalPassFailure();
    getOperation().walk([](DetachOp detach) {
      detach.replaceAllUsesWith(detach.getOperand());
      detach.erase();
    });
    for (auto func : getOperation().getOps<FuncOp>())
      cleanUp(func);
  }

  static LogicalResult differentiateAll(ArrayRef<FuncOp> order, SymbolTable &symbols) {
    for (FuncOp func : order) {
      cleanUp(func);
      unpackArgumentsOnce(func);
    }
    Activity activity(order, symbols);
    std::unique_ptr<SavedPolicy> policy = keepDearPolicy();
    Derivatives derivatives;
    for (FuncOp func : order) {
      if (!activity.hasGradients(func))
        continue;
      FailureOr<Derivative> derivative = differentiate(func, activity, *policy, derivatives, symbols);
      if (failed(derivative))
        return failure();
      derivatives[func] = *derivative;
    }
    return success();
  }
};
} // namespace
