//===- Simplify.cpp - merge, cancel, delay and hoist reshards -------------===//
//
// In:  a placed program, every reshard right but some not needed.
// Out: the same with fewer or cheaper movements:
//
//   reshard of a source                   another read, nothing is sent
//   reshard of a pack                     reshards of its fields
//   reshard of a reshard                  one reshard, or none
//   two equal reshards                    one; of a module's weights only if the plan keeps them gathered
//   sum of reshards of partials alike     a sum of partials, reduced once
//   of values from outside a loop         before the loop (unless it gathers: all layers would be held at
//   once) of arguments, of results              at the call sites, or in the callee (Hoist)
//
// Not here: collectives (LowerReshard).
//
//===----------------------------------------------------------------------===//

#include "compiler/transforms/dist/Hoist.h"
#include "compiler/transforms/dist/Passes.h"
#include "compiler/transforms/dist/ReshardSteps.h"
#include "compiler/transforms/dist/Sources.h"

namespace dist {
#define GEN_PASS_DEF_DISTSIMPLIFY
#include "compiler/transforms/dist/Passes.h.inc"
} // namespace dist

using namespace mlir;
using namespace dist;
using nn::NamedTensorType;

namespace {
/// Simplifies the reshards of one function.
class Simplifier {
public:
  explicit Simplifier(nn::FuncOp func) : func(func) {
    PlanAttr plan = planOf(func);
    keepsGathered = plan && plan.getKeepGathered();
  }

  bool run() {
    bool changed = mergeEqual();
    func.walk([&](ReshardOp reshard) { reshards.push_back(reshard); });
    while (!reshards.empty()) {
      ReshardOp reshard = reshards.pop_back_val();
      changed |= cancel(reshard) || readOtherwise(reshard) || pushThroughPack(reshard) || leaveLoop(reshard);
    }
    func.walk([](Block *block) { mergeEqualReads(*block); });
    SmallVector<nn::MapOp> maps;
    func.walk([&](nn::MapOp map) { maps.push_back(map); });
    for (nn::MapOp map : maps)
      changed |= delay(map);
    return changed;
  }

private:
  void replace(ReshardOp reshard, Value value) {
    Operation *producer = reshard.getOperand().getDefiningOp();
    reshard.replaceAllUsesWith(value);
    reshard.erase();
    if (producer && producer->use_empty() && isSource(producer))
      producer->erase();
  }

  /// reshard(x) to x's own layout, and reshard(reshard(x)) where nobody else reads the one between.
  bool cancel(ReshardOp reshard) {
    if (reshard.getType() == reshard.getOperand().getType()) {
      replace(reshard, reshard.getOperand());
      return true;
    }
    auto inner = reshard.getOperand().getDefiningOp<ReshardOp>();
    if (!inner || !(inner->hasOneUse() || inner.getOperand().getType() == reshard.getType()))
      return false;
    reshard->setOperand(0, inner.getOperand());
    if (inner->use_empty()) {
      llvm::erase(reshards, inner);
      inner.erase();
    }
    reshards.push_back(reshard);
    return true;
  }

  bool readOtherwise(ReshardOp reshard) {
    auto result = dyn_cast<OpResult>(reshard.getOperand());
    Value again =
        result ? readAgain(result.getOwner(), result.getResultNumber(), reshard.getType()) : Value();
    if (again)
      replace(reshard, again);
    return static_cast<bool>(again);
  }

  /// Only where the pack has no other reader: the global program has one pack.
  bool pushThroughPack(ReshardOp reshard) {
    auto pack = reshard.getOperand().getDefiningOp<nn::PackOp>();
    if (!pack || !pack->hasOneUse())
      return false;
    OpBuilder builder(pack);
    auto type = cast<nn::BundleType>(reshard.getType());
    for (auto [operand, field] : llvm::zip(pack->getOpOperands(), type.getTypes())) {
      if (operand.get().getType() == field)
        continue;
      Value resharded = createReshard(builder, operand.get(), field);
      operand.set(resharded);
      reshards.push_back(resharded.getDefiningOp<ReshardOp>());
    }
    pack.getResult().setType(type);
    reshard.replaceAllUsesWith(pack.getResult());
    reshard.erase();
    return true;
  }

  bool leaveLoop(ReshardOp reshard) {
    Block *home = reshard.getOperand().getParentBlock();
    if (home == reshard->getBlock() || gathers(reshard.getOperand().getType(), reshard.getType()))
      return false;
    reshard->moveBefore(home->findAncestorOpInBlock(*reshard));
    return true;
  }

  bool mergeEqual() {
    bool changed = false;
    func.walk([&](Block *block) {
      llvm::DenseMap<std::pair<Value, Type>, ReshardOp> seen;
      llvm::DenseMap<Value, ReshardOp> gathered;
      for (auto reshard : llvm::make_early_inc_range(block->getOps<ReshardOp>())) {
        if (!isa<NamedTensorType>(reshard.getType())) { // a module's weights: gathered for each call
          changed |= keepsGathered && takeFromGathered(reshard, gathered[reshard.getOperand()]);
          continue;
        }
        ReshardOp &first = seen[{reshard.getOperand(), reshard.getType()}];
        if (!first) {
          first = reshard;
          continue;
        }
        reshard.replaceAllUsesWith(first.getResult());
        reshard.erase();
        changed = true;
      }
    });
    return changed;
  }

  /// What the first call gathered, for a later one that needs no more: what it does not read is sliced again.
  bool takeFromGathered(ReshardOp reshard, ReshardOp &first) {
    if (!first || !isLocal(first.getType(), reshard.getType())) {
      first = reshard;
      return false;
    }
    if (first.getType() == reshard.getType()) {
      reshard.replaceAllUsesWith(first.getResult());
      reshard.erase();
    } else {
      reshard->setOperand(0, first.getResult());
    }
    return true;
  }

  /// f(reshard a, reshard b) = reshard f(a, b) for partials alike and a linear f.
  bool delay(nn::MapOp map) {
    if (map.getNumOperands() < 2)
      return false;
    SmallVector<Type> operands, results(map->getResultTypes());
    nn::PartialAttr common;
    for (Value operand : map.getOperands()) {
      auto reshard = operand.getDefiningOp<ReshardOp>();
      if (!reshard || !reshard->hasOneUse())
        return false;
      auto type = cast<NamedTensorType>(reshard.getOperand().getType());
      if (!type.getPartial() || cast<NamedTensorType>(reshard.getType()).getPartial() ||
          (common && common != type.getPartial()))
        return false;
      common = type.getPartial();
      operands.push_back(type);
    }
    // What the operands don't place is whole in the results: no axis of the old layout lingers.
    for (Type &result : results)
      result = cast<NamedTensorType>(result).stripped();
    if (failed(cast<nn::LayoutOpInterface>(*map).inferLayouts(operands, results, nullptr)))
      return false;
    for (OpOperand &operand : map->getOpOperands()) {
      auto reshard = operand.get().getDefiningOp<ReshardOp>();
      operand.set(reshard.getOperand());
      reshard.erase();
    }
    OpBuilder builder(map->getContext());
    builder.setInsertionPointAfter(map);
    for (auto [result, type] : llvm::zip(map.getResults(), results)) {
      Type before = result.getType();
      result.setType(type);
      Value resharded = createReshard(builder, result, before);
      result.replaceAllUsesExcept(resharded, resharded.getDefiningOp());
    }
    return true;
  }

  nn::FuncOp func;
  bool keepsGathered;
  SmallVector<ReshardOp> reshards;
};

struct Simplify : dist::impl::DistSimplifyBase<Simplify> {
  void runOnOperation() override {
    CallGraph graph(getOperation());
    bool changed = true;
    while (changed) {
      changed = false;
      // Callees first: what a callee hands up, its callers hand further.
      for (nn::FuncOp func : graph.calleesFirst()) {
        changed |= Simplifier(func).run();
        changed |= hoistArguments(func, graph);
      }
      for (nn::FuncOp func : llvm::reverse(graph.calleesFirst()))
        changed |= sinkResults(func, graph);
    }
  }
};
} // namespace
