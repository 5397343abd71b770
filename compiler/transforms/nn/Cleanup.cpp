//===- Cleanup.cpp - fold and remove what is dead -------------------------===//

#include "compiler/transforms/nn/Cleanup.h"

#include "mlir/IR/Dominance.h"
#include "mlir/Transforms/CSE.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

using namespace mlir;
using namespace nn;

void nn::cleanUp(FuncOp func) {
  RewritePatternSet patterns(func.getContext());
  MapOp::getCanonicalizationPatterns(patterns, func.getContext());
  LoopOp::getCanonicalizationPatterns(patterns, func.getContext());
  (void)applyPatternsAndFoldGreedily(func, std::move(patterns));
}

void nn::shareEqualOps(FuncOp func) {
  DominanceInfo dominance(func);
  IRRewriter rewriter(func.getContext());
  eliminateCommonSubExpressions(rewriter, dominance, func);
}

void nn::unpackArgumentsOnce(FuncOp func) {
  for (BlockArgument argument : func.getArguments()) {
    if (!isa<BundleType>(argument.getType()))
      continue;
    OpBuilder builder = OpBuilder::atBlockBegin(&func.getBody().front());
    auto only = builder.create<UnpackOp>(argument.getLoc(), argument);
    for (Operation *user : llvm::make_early_inc_range(argument.getUsers()))
      if (auto other = dyn_cast<UnpackOp>(user); other && other != only) {
        other.replaceAllUsesWith(only);
        other.erase();
      }
  }
}

UnpackOp nn::unpackOf(BlockArgument argument) {
  for (Operation *user : argument.getUsers())
    if (auto unpack = dyn_cast<UnpackOp>(user))
      return unpack;
  return {};
}
