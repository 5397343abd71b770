//===- Sources.cpp - values that can be read again in another layout ------===//

#include "compiler/transforms/dist/Sources.h"

#include "dialects/nn/Build.h"

#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace dist;

bool dist::isSource(Operation *op) {
  auto layout = dyn_cast_or_null<nn::LayoutOpInterface>(op);
  return layout && (layout.hasNoHome() || op->getNumOperands() == 0);
}

/// Whether the op fills with zeros, which are a partial sum of zero as they are.
static bool isZeroFill(Operation *op) {
  auto map = dyn_cast<nn::MapOp>(op);
  if (!map || map.getNumOperands())
    return false;
  return llvm::all_of(map.getBody().front().getTerminator()->getOperands(), [](Value value) {
    return matchPattern(value, m_AnyZeroFloat()) || matchPattern(value, m_Zero());
  });
}

Value dist::readAgain(Operation *source, unsigned result, Type type) {
  if (!isSource(source) || !isa<nn::NamedTensorType>(type))
    return {};
  if (cast<nn::NamedTensorType>(type).getPartial() && !isZeroFill(source))
    return {};
  OpBuilder builder(source->getContext());
  builder.setInsertionPointAfter(source);
  Operation *again = builder.clone(*source);
  for (Value value : again->getResults()) // results of one op have the same axes
    value.setType(cast<nn::NamedTensorType>(type).withElementType(
        cast<nn::NamedTensorType>(value.getType()).getElementType()));
  return again->getResult(result);
}

void dist::mergeEqualReads(Block &block) {
  SmallVector<Operation *> reads; // the neighbours so far
  for (Operation &op : llvm::make_early_inc_range(block)) {
    if (!isSource(&op)) {
      reads.clear();
      continue;
    }
    Operation **first = llvm::find_if(reads, [&](Operation *other) {
      return other->getLoc() == op.getLoc() &&
             OperationEquivalence::isEquivalentTo(other, &op, OperationEquivalence::IgnoreLocations);
    });
    if (first == reads.end()) {
      reads.push_back(&op);
      continue;
    }
    op.replaceAllUsesWith(*first);
    op.erase();
  }
}

Value dist::createReshard(OpBuilder &builder, Value value, Type type) {
  return builder.create<ReshardOp>(nn::locOf(value), type, value);
}
