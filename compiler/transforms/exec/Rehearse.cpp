//===- Rehearse.cpp - nothing is computed, all else happens ------------------===//
//
// In:  a program that exec-verify has accepted.
// Out: the same movements, messages, tasks and memory in the same order; what computes has become a pause
// that
//      costs as much, one where several stood side by side. A function of nothing but pauses is gone, its
//      callers pause instead.
// Not here: how long a pause of some cost is (the trainer's flags).
//
//   call @block_forward(%x, ...)        pause 81920
//   send %h to 1 message 0        ->    send %h to 1 message 0
//
//===----------------------------------------------------------------------===//

#include "compiler/analysis/Moves.h"
#include "compiler/transforms/exec/Passes.h"

#include "mlir/IR/Builders.h"

namespace exec {
#define GEN_PASS_DEF_REHEARSE
#include "compiler/transforms/exec/Passes.h.inc"
} // namespace exec

using namespace mlir;
using namespace exec;

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

  /// Callees first. Where nothing but pauses is left, `costOf` knows their sum.
  void silence(FuncOp func, SymbolTable &symbols) {
    if (!done.insert(func).second)
      return;
    func.walk([&](CallOp call) { silence(symbols.lookup<FuncOp>(call.getCallee()), symbols); });
    if (std::optional<double> cost = silence(func.getBody().front(), symbols))
      costOf[func] = *cost;
  }

  /// The cost of all of the block; nothing where there is more than pauses.
  std::optional<double> silence(Block &block, SymbolTable &symbols) {
    double sum = 0;
    bool onlyPauses = true;
    PauseOp open; // the last pause, while nothing but pointers stands behind it
    auto pause = [&](Operation *op, double cost) {
      sum += cost;
      if (open)
        open.setCostAttr(Builder(op).getF64FloatAttr(open.getCost().convertToDouble() + cost));
      else if (cost > 0)
        open = OpBuilder(op).create<PauseOp>(op->getLoc(), Builder(op).getF64FloatAttr(cost));
      op->erase();
    };
    for (Operation &op : llvm::make_early_inc_range(block.without_terminator())) {
      if (auto work = dyn_cast<CostOpInterface>(op)) {
        pause(&op, work.getCost());
        continue;
      }
      if (auto loop = dyn_cast<LoopOp>(op))
        if (std::optional<double> cost = silence(loop.getBody().front(), symbols)) {
          pause(&op, *cost * static_cast<double>(loop.getTrips()));
          continue;
        }
      if (auto call = dyn_cast<CallOp>(op); call && !call.getToken())
        if (auto found = costOf.find(symbols.lookup<FuncOp>(call.getCallee())); found != costOf.end()) {
          pause(&op, found->second);
          continue;
        }
      if (isa<BufferOp, AddressOp, InputOp, KeyOp>(op) || isPointer(&op))
        continue;
      open = {};
      onlyPauses = false;
    }
    for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block)))
      if ((isa<BufferOp, AddressOp, InputOp, KeyOp>(op) || isPointer(&op)) && op.use_empty())
        op.erase();
    return onlyPauses ? std::optional(sum) : std::nullopt;
  }

  llvm::DenseSet<Operation *> done;
  llvm::DenseMap<Operation *, double> costOf;
};
} // namespace
