//===- Canonicalize.cpp - smaller programs that mean the same -------------===//
//
// What no pass wants to see: operands a map does not read, results nobody uses, bundles packed only to be
// unpacked, values a loop carries for itself. Not here: fusion, which is never a canonicalization, and
// `detach`, which means something until gradients are taken.
//
//===----------------------------------------------------------------------===//

#include "dialects/nn/Build.h"

#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace nn;

//===-- bundles ------------------------------------------------------------===//

LogicalResult UnpackOp::fold(FoldAdaptor, SmallVectorImpl<OpFoldResult> &results) {
  auto pack = getBundle().getDefiningOp<PackOp>();
  if (!pack || pack->getNumOperands() == 0)
    return failure();
  llvm::append_range(results, pack.getOperands());
  return success();
}

OpFoldResult PackOp::fold(FoldAdaptor) {
  if (getOperands().empty())
    return {};
  auto unpack = getOperands()[0].getDefiningOp<UnpackOp>();
  if (unpack && unpack.getBundle().getType() == getType() && unpack.getResults() == getOperands())
    return unpack.getBundle();
  return {};
}

//===-- map ----------------------------------------------------------------===//

/// Where region argument `index` can read its value from: an earlier, equal operand or itself.
static unsigned firstWithSameOperand(MapOp map, unsigned index) {
  return llvm::find(map.getOperands(), map.getOperand(index)) - map.getOperands().begin();
}

/// The operand that result number `index` merely repeats, or null.
static Value repeatedOperand(MapOp map, unsigned index) {
  Block &body = map.getBody().front();
  auto argument = dyn_cast<BlockArgument>(body.getTerminator()->getOperand(index));
  if (!argument || map.getOperand(argument.getArgNumber()).getType() != map.getResult(index).getType())
    return {};
  return map.getOperand(argument.getArgNumber());
}

/// What `value` merely repeats along more axes, or names in another order; null if it computes something. A
/// map broadcasts by itself.
static Value broadcastSource(Value value) {
  auto map = value.getDefiningOp<MapOp>();
  if (!map || map.getNumOperands() == 0)
    return {};
  unsigned index = cast<OpResult>(value).getResultNumber();
  auto argument = dyn_cast<BlockArgument>(map.getBody().front().getTerminator()->getOperand(index));
  return argument ? map.getOperand(argument.getArgNumber()) : Value();
}

LogicalResult MapOp::canonicalize(MapOp map, PatternRewriter &rewriter) {
  Block &body = map.getBody().front();
  bool changed = false;
  for (OpOperand &operand : map->getOpOperands())
    if (Value source = broadcastSource(operand.get())) {
      rewriter.modifyOpInPlace(map, [&] { operand.set(source); });
      changed = true;
    }
  for (unsigned index = 0; index < map.getNumResults(); ++index)
    if (Value operand = repeatedOperand(map, index); operand && !map.getResult(index).use_empty()) {
      rewriter.replaceAllUsesWith(map.getResult(index), operand);
      changed = true;
    }
  for (unsigned index = 0; index < map.getNumOperands(); ++index)
    if (unsigned first = firstWithSameOperand(map, index);
        first != index && !body.getArgument(index).use_empty()) {
      rewriter.replaceAllUsesWith(body.getArgument(index), body.getArgument(first));
      changed = true;
    }

  llvm::BitVector deadResults(map.getNumResults()), deadOperands(map.getNumOperands());
  for (auto [index, result] : llvm::enumerate(map.getResults()))
    deadResults[index] = result.use_empty();
  if (deadResults.all())
    return success(changed); // dead as a whole
  Operation *yield = body.getTerminator();
  if (deadResults.any())
    rewriter.modifyOpInPlace(yield, [&] { yield->eraseOperands(deadResults); });
  for (auto [index, argument] : llvm::enumerate(body.getArguments()))
    deadOperands[index] = argument.use_empty();
  if (deadOperands.any())
    rewriter.modifyOpInPlace(map, [&] {
      body.eraseArguments(deadOperands);
      map->eraseOperands(deadOperands);
    });
  if (deadResults.none())
    return success(changed || deadOperands.any());

  SmallVector<Value> kept;
  SmallVector<Type> types;
  for (Value result : map.getResults())
    if (!result.use_empty()) {
      kept.push_back(result);
      types.push_back(result.getType());
    }
  OperationState state(locWithout(map.getLoc(), deadResults), MapOp::getOperationName(), map.getOperands(),
                       types, map->getDiscardableAttrDictionary().getValue());
  state.addRegion();
  Operation *smaller = rewriter.create(state);
  rewriter.inlineRegionBefore(map.getBody(), smaller->getRegion(0), smaller->getRegion(0).end());
  for (auto [old, result] : llvm::zip(kept, smaller->getResults()))
    rewriter.replaceAllUsesWith(old, result);
  rewriter.eraseOp(map);
  return success();
}

//===-- loop ---------------------------------------------------------------===//

/// The carried values that reach a result in use, through any number of trips.
static llvm::BitVector liveCarried(LoopOp loop) {
  Block &body = loop.getBody().front();
  Operation *yield = body.getTerminator();
  llvm::BitVector live(loop.getNumResults());
  llvm::DenseSet<Operation *> needed; // each op once: a call of a whole micro-batch has many results
  SmallVector<Value> worklist;
  auto need = [&](unsigned carried) {
    live.set(carried);
    worklist.push_back(yield->getOperand(carried));
  };
  for (auto [index, result] : llvm::enumerate(loop.getResults()))
    if (!result.use_empty())
      need(index);
  while (!worklist.empty()) {
    Value value = worklist.pop_back_val();
    if (Operation *op = value.getDefiningOp()) {
      if (needed.insert(op).second)
        op->walk([&](Operation *inner) { llvm::append_range(worklist, inner->getOperands()); });
    } else if (auto argument = cast<BlockArgument>(value); argument.getOwner() == &body &&
                                                           argument.getArgNumber() > 0 &&
                                                           !live[argument.getArgNumber() - 1]) {
      need(argument.getArgNumber() - 1);
    }
  }
  return live;
}

LogicalResult LoopOp::canonicalize(LoopOp loop, PatternRewriter &rewriter) {
  llvm::BitVector live = liveCarried(loop), dead = live;
  dead.flip();
  if (dead.none() || live.none()) // a loop without live results is dead as a whole
    return failure();
  Block &body = loop.getBody().front();
  // What is carried for itself alone is read by nothing that stays: let it read the initial value.
  Operation *yield = body.getTerminator();
  rewriter.modifyOpInPlace(yield, [&] { yield->eraseOperands(dead); });
  SmallVector<Value> inits, results;
  llvm::BitVector deadArguments(body.getNumArguments());
  for (unsigned index = 0; index < live.size(); ++index) {
    if (live[index]) {
      inits.push_back(loop.getInits()[index]);
      results.push_back(loop.getResult(index));
      continue;
    }
    rewriter.replaceAllUsesWith(body.getArgument(index + 1), loop.getInits()[index]);
    deadArguments.set(index + 1);
  }
  rewriter.modifyOpInPlace(loop, [&] { body.eraseArguments(deadArguments); });
  auto smaller = rewriter.create<LoopOp>(locWithout(loop.getLoc(), dead), ValueRange(inits).getTypes(),
                                         loop.getTripsAttr(), inits);
  rewriter.inlineRegionBefore(loop.getBody(), smaller.getBody(), smaller.getBody().end());
  for (auto [old, result] : llvm::zip(results, smaller.getResults()))
    rewriter.replaceAllUsesWith(old, result);
  rewriter.eraseOp(loop);
  return success();
}
