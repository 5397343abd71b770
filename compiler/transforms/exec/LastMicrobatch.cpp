//===- LastMicrobatch.cpp - the last trip stands behind its loop ----------===//
//
// In:  a loop over micro-batches that calls one function for each, then movements of what these have summed
// up. Out: a loop of one trip less, then the last trip with the function's body in the call's place: a
// reduction may now
//      start as soon as the last contribution is made, while backward goes on (exec-prefetch).
// Not here: any reordering. Without such a movement behind it, or with `exec.prefetch` 0, a loop stays as it
// is.
//
//===----------------------------------------------------------------------===//

#include "compiler/analysis/Moves.h"
#include "compiler/transforms/exec/Passes.h"
#include "compiler/transforms/exec/Starting.h"
#include "compiler/transforms/exec/Touches.h"

#include "mlir/IR/IRMapping.h"

using namespace mlir;

namespace exec {
#define GEN_PASS_DEF_LASTMICROBATCH
#include "compiler/transforms/exec/Passes.h.inc"
} // namespace exec

using namespace exec;

namespace {
struct LastMicrobatch : exec::impl::LastMicrobatchBase<LastMicrobatch> {
  void runOnOperation() override {
    if (prefetchOf(getOperation()) == 0)
      return;
    SymbolTable symbols(getOperation());
    for (FuncOp func : getOperation().getOps<FuncOp>())
      for (LoopOp loop : llvm::make_early_inc_range(func.getBody().getOps<LoopOp>()))
        if (CallOp call = onlyCall(loop); call && isReduced(loop, symbols))
          peel(loop, symbols);
  }

  static CallOp onlyCall(LoopOp loop) {
    auto calls = llvm::to_vector(loop.getBody().getOps<CallOp>());
    return calls.size() == 1 ? calls.front() : CallOp();
  }

  /// Whether a call behind the loop does nothing but move what the loop has written.
  static bool isReduced(LoopOp loop, SymbolTable &symbols) {
    Touches touches(loop);
    for (Operation *op = loop->getNextNode(); op; op = op->getNextNode())
      if (auto call = dyn_cast<CallOp>(op); call &&
                                            movesBetweenRanks(symbols.lookup<FuncOp>(call.getCallee())) &&
                                            Touches(call).conflictsWith(touches))
        return true;
    return false;
  }

  void peel(LoopOp loop, SymbolTable &symbols) {
    OpBuilder builder(loop->getContext());
    builder.setInsertionPointAfter(loop);
    int64_t trips = loop.getTrips();
    BlockArgument trip = loop.getBody().getArgument(0);
    IRMapping mapping;
    mapping.map(trip, lastTrip(builder, trip, trips - 1));
    Operation *copied = nullptr;
    for (Operation &op : loop.getBody().front().without_terminator()) {
      Operation *copy = clone(builder, op, mapping, trips > 1);
      if (isa<CallOp>(copy))
        copied = copy;
    }
    if (trips > 1)
      loop.setTrips(trips - 1);
    else
      loop.erase();
    inlineCall(cast<CallOp>(copied), symbols, trips > 1);
  }

  static Value lastTrip(OpBuilder &builder, BlockArgument trip, int64_t number) {
    Location loc = trip.getLoc();
    Value buffer = builder.create<BufferOp>(loc, trip.getType(), IntegerAttr());
    auto kernel = builder.create<KernelOp>(loc, builder.getStringAttr("last_microbatch"),
                                           builder.getArrayAttr({}), ValueRange(), ValueRange(buffer),
                                           builder.getDenseI32ArrayAttr({int32_t(Store::write)}));
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(&kernel.getBody().emplaceBlock());
    Value value = builder.create<arith::ConstantOp>(loc, builder.getI64IntegerAttr(number));
    builder.create<YieldOp>(loc, value);
    return buffer;
  }

  void inlineCall(CallOp call, SymbolTable &symbols, bool isStillCalled) {
    auto callee = symbols.lookup<FuncOp>(call.getCallee());
    OpBuilder builder(call);
    IRMapping mapping;
    for (auto [argument, operand] : llvm::zip(callee.getBody().getArguments(), call.getOperands()))
      mapping.map(argument, operand);
    for (Operation &op : callee.getBody().front().without_terminator())
      clone(builder, op, mapping, isStillCalled);
    call.erase();
    if (!isStillCalled && symbolKnownUseEmpty(callee))
      symbols.erase(callee);
  }

  bool symbolKnownUseEmpty(FuncOp func) { return SymbolTable::symbolKnownUseEmpty(func, getOperation()); }

  /// Kernels that stand twice in the program have two names.
  static Operation *clone(OpBuilder &builder, Operation &op, IRMapping &mapping, bool isTwice) {
    Operation *copy = builder.clone(op, mapping);
    if (auto kernel = dyn_cast<KernelOp>(copy); kernel && isTwice)
      kernel.setName((kernel.getName() + "_last").str());
    return copy;
  }
};
} // namespace
