//===- Verify.cpp - check memory and collectives, independently -----------===//
//
// In:  any exec program; offsets are checked where there are some.
// Out: the same program, or an error at the op that is wrong.
// Not here: what an op can check alone (its verifier does).
//
// All ranks run one program whose control (calls, loops with constant trips) does not depend on the rank, so
// every group sees one sequence of collectives. What is left to check: the groups' buffers lie alike on all
// members, memory is written before it is read and not taken while it is needed, and places don't overlap.
//
//===----------------------------------------------------------------------===//

#include "compiler/transforms/exec/Passes.h"
#include "compiler/transforms/exec/VerifyMemory.h"

using namespace mlir;

namespace exec {
#define GEN_PASS_DEF_VERIFY
#include "compiler/transforms/exec/Passes.h.inc"
} // namespace exec

using namespace exec;

namespace {
/// A callee's frame lies inside the caller's.
LogicalResult verifyFrames(FuncOp func, SymbolTable &symbols) {
  WalkResult result = func.walk([&](CallOp call) {
    auto callee = symbols.lookup<FuncOp>(call.getCallee());
    if (!call.getFrame() || !callee.getFrame() || !func.getFrame())
      return WalkResult::advance();
    int64_t end = *call.getFrame() + *callee.getFrame();
    if (*call.getFrame() % alignment == 0 && end <= int64_t(*func.getFrame()))
      return WalkResult::advance();
    call.emitOpError() << "hands on a frame that ends at " << end << ", the caller's has " << *func.getFrame()
                       << " bytes";
    return WalkResult::interrupt();
  });
  return failure(result.wasInterrupted());
}

/// Globals, then the entries' frames, in an arena that holds them.
LogicalResult verifyArena(ModuleOp module) {
  auto base = module->getAttrOfType<IntegerAttr>(frameBaseAttrName);
  auto total = module->getAttrOfType<IntegerAttr>(arenaBytesAttrName);
  if (!base || !total)
    return success(); // not planned yet
  SmallVector<GlobalOp> globals(module.getOps<GlobalOp>());
  auto startOf = [](GlobalOp global) { return int64_t(global.getOffset().value_or(0)); };
  auto endOf = [&](GlobalOp global) { return startOf(global) + bytesOf(global.getType()); };
  for (GlobalOp global : globals)
    if (endOf(global) > base.getInt())
      return global.emitOpError() << "ends at " << endOf(global) << ", frames start at " << base.getInt();
  llvm::stable_sort(globals, [&](GlobalOp a, GlobalOp b) { return startOf(a) < startOf(b); });
  for (size_t index = 1; index < globals.size(); ++index) { // where any two overlap, two neighbours do
    GlobalOp first = globals[index - 1], second = globals[index];
    if (endOf(first) <= startOf(second))
      continue;
    if (second->isBeforeInBlock(first))
      std::swap(first, second);
    InFlightDiagnostic error = second.emitOpError() << "overlaps @" << first.getSymName();
    error.attachNote(first.getLoc()) << "which lies here";
    return error;
  }
  for (FuncOp func : module.getOps<FuncOp>())
    if (func.getEntry() && base.getInt() + int64_t(func.getFrame().value_or(0)) > total.getInt())
      return func.emitOpError() << "needs " << *func.getFrame() << " bytes from " << base.getInt()
                                << " on, the arena has " << total.getInt();
  return success();
}

struct Verify : exec::impl::VerifyBase<Verify> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    SymbolTable symbols(module);
    if (failed(verifyArena(module)))
      return signalPassFailure();
    for (FuncOp func : module.getOps<FuncOp>())
      if (failed(verifyFrames(func, symbols)) || failed(verifyMemory(func, symbols)))
        return signalPassFailure();
  }
};
} // namespace
