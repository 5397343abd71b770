//===- Rehearse.cpp - nothing is computed, all else happens ------------------===//
//
// In:  a program that exec-verify has accepted.
// Out: the same movements, messages, tasks and memory in the same order; what computes has become a pause
// that
//      costs as much, one where several stood side by side. A function of nothing but pauses is gone, its
//      callers pause instead. Each task says what all of it costs.
// Not here: how long a pause of some cost is (the trainer's flags).
//
//   call @block_forward(%x, ...)        pause 81920
//   send %h to 1 message 0        ->    send %h to 1 message 0
//
//===----------------------------------------------------------------------===//

#include "compiler/analysis/Moves.h"
#include "compiler/transforms/exec/Passes.h"
#include "dialects/exec/Costs.h"
#include "dialects/pipe/Pipe.h"

#include "mlir/IR/Builders.h"

namespace exec {
#define GEN_PASS_DEF_REHEARSE
#include "compiler/transforms/exec/Passes.h.inc"
} // namespace exec

using namespace mlir;
using namespace exec;

/// What computes nothing: it names places.
static bool isPlace(Operation *op) {
  return isa<BufferOp, AddressOp, InputOp, KeyOp>(op) || isPointer(op);
}

namespace {
struct Rehearse : exec::impl::RehearseBase<Rehearse> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    SymbolTable symbols(module);
    for (auto func : module.getOps<FuncOp>())
      silence(func, symbols);
    for (auto func : llvm::make_early_inc_range(module.getOps<FuncOp>()))
      if (!func.getEntry() && SymbolTable::symbolKnownUseEmpty(func, module))
        func.erase();
  }

  /// What a block costs, callees and all.
  struct Cost {
    double operations = 0;
    bool onlyPauses = true; // and nothing else
  };

  /// Callees first.
  void silence(FuncOp func, SymbolTable &symbols) {
    if (!done.insert(func).second)
      return;
    func.walk([&](CallOp call) { silence(symbols.lookup<FuncOp>(call.getCallee()), symbols); });
    costs[func] = silence(func.getBody().front(), symbols);
  }

  Cost silence(Block &block, SymbolTable &symbols) {
    Cost all;
    PauseOp open;          // the last pause, while nothing but pointers stands behind it
    pipes::BeginOp task;   // the last one
    double beforeTask = 0; // operations
    auto endTask = [&] {
      if (task)
        task->setAttr(costAttrName, Builder(task).getF64FloatAttr(all.operations - beforeTask));
    };
    auto pause = [&](Operation *op, double cost) {
      all.operations += cost;
      if (open)
        open.setCostAttr(Builder(op).getF64FloatAttr(open.getCost().convertToDouble() + cost));
      else if (cost > 0)
        open = OpBuilder(op).create<PauseOp>(op->getLoc(), Builder(op).getF64FloatAttr(cost));
      op->erase();
    };
    for (Operation &op : llvm::make_early_inc_range(block.without_terminator())) {
      if (isPlace(&op))
        continue;
      if (auto work = dyn_cast<CostOpInterface>(op)) {
        pause(&op, work.getCost());
        continue;
      }
      Cost inner{0, false};
      if (auto loop = dyn_cast<LoopOp>(op)) {
        inner = silence(loop.getBody().front(), symbols);
        inner.operations *= static_cast<double>(loop.getTrips());
      } else if (auto call = dyn_cast<CallOp>(op)) {
        inner = costs.lookup(symbols.lookup<FuncOp>(call.getCallee()));
        inner.onlyPauses &= !call.getToken(); // what is started is waited for
      }
      if (inner.onlyPauses) {
        pause(&op, inner.operations);
        continue;
      }
      if (auto begin = dyn_cast<pipes::BeginOp>(op)) {
        endTask();
        task = begin;
        beforeTask = all.operations;
      }
      all.operations += inner.operations;
      all.onlyPauses = false;
      open = {};
    }
    endTask();
    for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block)))
      if (isPlace(&op) && op.use_empty())
        op.erase();
    return all;
  }

  llvm::DenseSet<Operation *> done;
  llvm::DenseMap<Operation *, Cost> costs; // of functions
};
} // namespace
