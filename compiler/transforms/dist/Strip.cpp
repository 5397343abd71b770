//===- Strip.cpp - remove all placements and movements --------------------===//
//
// In:  a program at any point between dist-place and the end of the level.
// Out: the global program that was placed, byte for byte. Every movement is the identity on global tensors, a
//      copy of a source equals it, functions that only move a bundle go with their calls.
// Not here: anything that a placed program computes differently; there is nothing.
//
//===----------------------------------------------------------------------===//

#include "compiler/transforms/dist/Passes.h"
#include "compiler/transforms/dist/Sources.h"

#include "mlir/IR/AttrTypeSubElements.h"

namespace dist {
#define GEN_PASS_DEF_DISTSTRIP
#include "compiler/transforms/dist/Passes.h.inc"
} // namespace dist

using namespace mlir;
using namespace dist;

namespace {
struct Strip : dist::impl::DistStripBase<Strip> {
  void runOnOperation() override {
    foldMovements();
    AttrTypeReplacer replacer;
    replacer.addReplacement([](nn::NamedTensorType type) -> Type { return type.stripped(); });
    replacer.recursivelyReplaceElementsIn(getOperation(), /*replaceAttrs=*/true, /*replaceLocs=*/false,
                                          /*replaceTypes=*/true);
    getOperation().walk([&](Block *block) { mergeEqualReads(*block); });
  }

  /// Ops of this dialect, and calls of the functions that lowering made of them, are their operand.
  void foldMovements() {
    llvm::DenseMap<StringAttr, nn::FuncOp> movers;
    for (auto func : getOperation().getOps<nn::FuncOp>())
      if (func->hasAttr(reshardAttrName))
        movers[func.getSymNameAttr()] = func;
    getOperation().walk([&](Operation *op) {
      auto call = dyn_cast<nn::CallOp>(op);
      bool isMovement = isa_and_nonnull<DistDialect>(op->getDialect()) ||
                        (call && movers.contains(call.getCalleeAttr().getAttr()));
      if (!isMovement)
        return;
      op->getResult(0).replaceAllUsesWith(op->getOperand(0));
      op->erase();
    });
    for (auto [name, func] : movers)
      func->erase();
  }
};
} // namespace
