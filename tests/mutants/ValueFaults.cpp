//===- ValueFaults.cpp - dist programs of sound types that compute something else ===//

#include "tests/mutants/Fault.h"

#include "dialects/dist/Dist.h"
#include "dialects/nn/Build.h"
#include "tests/unit/interpreter/JobSupport.h"

#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace shardc::interpreter;
using namespace shardc::mutants;

namespace {

bool isF32(Value value) {
  auto type = dyn_cast<nn::NamedTensorType>(value.getType());
  return type && type.getElementType().isF32();
}

/// A maximum over ranks only keeps exponentials small: any number does.
bool isSumOrGather(Operation *op) {
  auto kind = op->getAttrOfType<nn::ReductionKindAttr>("kind");
  return isa<dist::AllReduceOp, dist::ReduceScatterOp, dist::AllGatherOp, dist::AllToAllOp>(op) &&
         !(kind && kind.getValue() == nn::ReductionKind::max);
}

Edit alone(Operation *op) {
  if (!isSumOrGather(op))
    return {};
  return [=](Handlers &handlers) {
    StringRef name = op->getName().getStringRef();
    handlers.set(name, test::executedAlone(op, *handlers.find(name), nullptr));
  };
}

void replaceBy(Value before, Value after) {
  before.replaceAllUsesExcept(after, after.getDefiningOp());
}

Edit doubled(Operation *op) {
  if (!isSumOrGather(op) || !isF32(op->getResult(0)))
    return {};
  return [=](Handlers &) {
    OpBuilder builder(op->getContext());
    builder.setInsertionPointAfter(op);
    Value result = op->getResult(0);
    replaceBy(result, nn::buildSum(builder, op->getLoc(), result, result));
  };
}

/// `a + b` of the map's two operands, both f32, `a` of the result's type.
bool isSum(Operation *op) {
  auto map = dyn_cast<nn::MapOp>(op);
  if (!map || map->getNumOperands() != 2 || map->getNumResults() != 1 || !isF32(map->getOperand(0)) ||
      !isF32(map->getOperand(1)) || map->getOperand(0).getType() != map->getResult(0).getType())
    return false;
  Block &body = map.getBody().front();
  auto add = dyn_cast<arith::AddFOp>(body.front());
  return add && body.getOperations().size() == 2 && add.getLhs() == body.getArgument(0) &&
         add.getRhs() == body.getArgument(1);
}

Edit termTwice(Operation *op) {
  if (!isSum(op))
    return {};
  return [=](Handlers &) {
    OpBuilder builder(op->getContext());
    builder.setInsertionPointAfter(op);
    replaceBy(op->getResult(0), nn::buildSum(builder, op->getLoc(), op->getResult(0), op->getOperand(1)));
  };
}

Edit termForgotten(Operation *op) {
  if (!isSum(op))
    return {};
  return [=](Handlers &) {
    op->getResult(0).replaceAllUsesWith(op->getOperand(0));
    op->erase();
  };
}

/// An operand that the region reads is another operand of its type.
Edit otherOperand(Operation *op) {
  auto map = dyn_cast<nn::MapOp>(op);
  if (!map)
    return {};
  for (unsigned i = 0; i < map->getNumOperands(); ++i)
    for (unsigned j = 0; j < map->getNumOperands(); ++j)
      if (map->getOperand(i) != map->getOperand(j) &&
          map->getOperand(i).getType() == map->getOperand(j).getType() &&
          !map.getBody().front().getArgument(i).use_empty())
        return [=](Handlers &) { op->setOperand(i, op->getOperand(j)); };
  return {};
}

/// Whether an argument may hold what another one does: @init hands over zeros and ones, and optimizer states
/// are zero until the first step has ended.
bool mayHoldTheSame(nn::CallOp call, unsigned argument) {
  auto callee = call->getParentOfType<ModuleOp>().lookupSymbol<nn::FuncOp>(call.getCallee());
  return call->getParentOfType<nn::FuncOp>().getSymName() == "init" ||
         kindOfArgument(callee, argument) == nn::kindOptimizerState;
}

Edit argumentsExchanged(Operation *op) {
  auto call = dyn_cast<nn::CallOp>(op);
  for (unsigned i = 0; call && i < op->getNumOperands(); ++i)
    for (unsigned j = 0; j < i; ++j)
      if (op->getOperand(i) != op->getOperand(j) &&
          op->getOperand(i).getType() == op->getOperand(j).getType() && !mayHoldTheSame(call, i))
        return [=](Handlers &) {
          Value first = op->getOperand(i);
          op->setOperand(i, op->getOperand(j));
          op->setOperand(j, first);
        };
  return {};
}

Edit microbatchForgotten(Operation *op) {
  auto loop = dyn_cast<nn::LoopOp>(op);
  if (!loop || loop.getTrips() < 2)
    return {};
  return [=](Handlers &) { nn::LoopOp(loop).setTrips(nn::LoopOp(loop).getTrips() - 1); };
}

/// Dropout that keeps everything draws nothing that matters.
Edit otherRandomNumbers(Operation *op) {
  auto dropout = dyn_cast<nn::DropoutOp>(op);
  if (!isa<nn::RandomOp>(op) && !(dropout && dropout.getP().convertToDouble() > 0))
    return {};
  return [=](Handlers &) {
    auto site = op->getAttrOfType<IntegerAttr>("site");
    op->setAttr("site", IntegerAttr::get(site.getType(), site.getInt() + 1000));
  };
}

} // namespace

void shardc::mutants::addValueFaults(Faults &faults) {
  faults.insert(faults.end(),
                {{"movement without peers", "evaluated so that each rank gets its own values", alone},
                 {"scaled by two", "what a collective gives", doubled},
                 {"term twice", "the second term of a sum, a contribution to an accumulator", termTwice},
                 {"term forgotten", "the same", termForgotten},
                 {"another operand", "of a map, of the same type", otherOperand},
                 {"arguments exchanged", "of a call, of the same type", argumentsExchanged},
                 {"micro-batch forgotten", "one trip too few", microbatchForgotten},
                 {"other random numbers", "drawn at another site", otherRandomNumbers}});
}
