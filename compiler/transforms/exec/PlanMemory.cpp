//===- PlanMemory.cpp - an offset for every buffer, frame and global ------===//
//
// In:  exec.buffer without an offset, each at the start of its life; no cycles of calls.
// Out: per function a frame, laid out once: its buffers and its callees' frames by first fit over lifetimes.
// Globals one
//      after the other from the start of the arena, the entries' frames behind them; `exec.arena_bytes` is
//      the peak.
// Not here: the packing itself (compiler/analysis/Packer), moving ops so that less is alive (exec-order).
//
//   arena | scalars | parameters | m | v | gradients | inputs | frame of @init, @step or @eval |
//
//===----------------------------------------------------------------------===//

#include "compiler/analysis/Lifetimes.h"
#include "compiler/analysis/Packer.h"
#include "compiler/transforms/exec/Passes.h"

using namespace mlir;

namespace exec {
#define GEN_PASS_DEF_PLANMEMORY
#include "compiler/transforms/exec/Passes.h.inc"
} // namespace exec

using namespace exec;

namespace {
struct PlanMemory : exec::impl::PlanMemoryBase<PlanMemory> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    SymbolTable symbols(module);
    Builder builder(module);
    llvm::DenseSet<Operation *> planned;
    for (FuncOp func : module.getOps<FuncOp>())
      planFrame(func, symbols, planned);
    int64_t bytes = placeGlobals(module), largest = 0;
    for (FuncOp func : module.getOps<FuncOp>())
      if (func.getEntry())
        largest = std::max<int64_t>(largest, *func.getFrame());
    module->setAttr(frameBaseAttrName, builder.getI64IntegerAttr(bytes));
    module->setAttr(arenaBytesAttrName, builder.getI64IntegerAttr(bytes + largest));
  }

  /// Callees first: their frames are buffers of this one, alive for one call, or until it is
  /// waited for.
  void planFrame(FuncOp func, SymbolTable &symbols, llvm::DenseSet<Operation *> &planned) {
    if (!planned.insert(func).second)
      return;
    SmallVector<CallOp> calls;
    func.walk([&](CallOp call) { calls.push_back(call); });
    Lifetimes lifetimes(func);
    std::vector<shardc::Lifetime> needs;
    for (auto &[buffer, interval] : lifetimes.buffers())
      needs.push_back({bytesOf(buffer->getResult(0).getType()), interval.begin, interval.end});
    for (CallOp call : calls) {
      auto callee = symbols.lookup<FuncOp>(call.getCallee());
      planFrame(callee, symbols, planned);
      needs.push_back({int64_t(*callee.getFrame()), lifetimes.stepOf(call), lifetimes.endOf(call)});
    }
    shardc::Packing packing = shardc::pack(needs, alignment);
    size_t next = 0;
    for (auto &entry : lifetimes.buffers())
      BufferOp(entry.first).setOffset(packing.offsets[next++]);
    for (CallOp call : calls)
      call.setFrame(packing.offsets[next++]);
    func.setFrame(packing.bytes);
  }

  int64_t placeGlobals(ModuleOp module) {
    int64_t bytes = 0;
    for (GlobalOp global : module.getOps<GlobalOp>()) {
      global.setOffset(bytes);
      bytes = alignUp(bytes + bytesOf(global.getType()));
    }
    return bytes;
  }
};
} // namespace
