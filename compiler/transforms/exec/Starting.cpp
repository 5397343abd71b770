//===- Starting.cpp - movements that are started here and complete at a wait ===//

#include "compiler/transforms/exec/Starting.h"

#include "dialects/exec/Movements.h"

using namespace mlir;
using namespace exec;

Operation *exec::createStarted(OpBuilder &builder, Operation *op) {
  OperationState state(op->getLoc(), op->getName(), op->getOperands(), TokenType::get(op->getContext()),
                       op->getAttrs());
  return builder.create(state);
}

int64_t exec::prefetchOf(ModuleOp module) {
  auto given = module->getAttrOfType<IntegerAttr>(prefetchAttrName);
  return given ? given.getInt() : defaultPrefetch;
}
