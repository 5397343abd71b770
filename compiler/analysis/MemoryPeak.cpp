//===- MemoryPeak.cpp - what a rank's memory holds when most is in use ----===//
//
// For each function the step at which its own buffers and the deepest need of the function called then are
// largest; callees first, each once. Then the chain is followed from the entry that needs most.
//
//===----------------------------------------------------------------------===//

#include "compiler/analysis/MemoryPeak.h"

#include "compiler/analysis/Lifetimes.h"

#include <map>

using namespace mlir;
using namespace exec;
using namespace shardc;

namespace {
/// The moment at which a function and what it calls need most.
struct Moment {
  int64_t bytes = 0;
  Operation *op = nullptr;
};

bool isAlive(const Lifetimes::Interval &interval, int step) {
  return interval.begin <= step && step <= interval.end;
}

class PeakFinder {
public:
  explicit PeakFinder(ModuleOp module) : module(module), symbols(module) {}

  std::optional<MemoryPeak> find() {
    auto arena = module->getAttrOfType<IntegerAttr>(arenaBytesAttrName);
    auto base = module->getAttrOfType<IntegerAttr>(frameBaseAttrName);
    FuncOp entry;
    for (FuncOp func : module.getOps<FuncOp>())
      if (func.getEntry() && (!entry || momentOf(func).bytes > momentOf(entry).bytes))
        entry = func;
    if (!arena || !base || !entry)
      return std::nullopt;
    peak.arenaBytes = arena.getInt();
    addGlobals();
    follow(entry, base.getInt());
    llvm::sort(peak.alive, [](const MemoryBlock &a, const MemoryBlock &b) { return a.offset < b.offset; });
    return std::move(peak);
  }

private:
  FuncOp calleeOf(CallOp call) { return symbols.lookup<FuncOp>(call.getCallee()); }

  Moment momentOf(FuncOp func) {
    if (auto found = moments.find(func); found != moments.end())
      return found->second;
    Lifetimes lifetimes(func);
    std::map<int, int64_t> change; // step -> bytes that begin there, less those that ended before it
    for (auto &[buffer, interval] : lifetimes.buffers()) {
      int64_t bytes = bytesOf(BufferOp(buffer).getResult().getType());
      change[interval.begin] += bytes;
      change[interval.end + 1] -= bytes;
    }
    Moment most;
    int64_t alive = 0;
    auto next = change.begin();
    func.getBody().walk<WalkOrder::PreOrder>([&](Operation *op) {
      if (op->getParentOfType<KernelOp>())
        return;
      for (; next != change.end() && next->first <= lifetimes.stepOf(op); ++next)
        alive += next->second;
      auto call = dyn_cast<CallOp>(op);
      int64_t bytes = alive + (call ? momentOf(calleeOf(call)).bytes : 0);
      // A buffer begins right before the op that needs it: that op is what the reader wants to see.
      bool isWork = isa<AccessOpInterface>(op), hadWork = isa_and_nonnull<AccessOpInterface>(most.op);
      if (!most.op || bytes > most.bytes || (bytes == most.bytes && isWork && !hadWork))
        most = {bytes, op};
    });
    return moments[func] = most;
  }

  void addGlobals() {
    for (GlobalOp global : module.getOps<GlobalOp>())
      peak.alive.push_back({kindOf(global), global.getSymName().str(), "",
                            static_cast<int64_t>(global.getOffset().value_or(0)), bytesOf(global.getType()),
                            global.getLoc()});
  }

  /// What is alive in the frames from `func` at `base` downwards.
  void follow(FuncOp func, int64_t base) {
    std::string instance;
    MemoryKinds::OfArguments ofArguments;
    while (true) {
      peak.chain.push_back({func.getSymName().str(), instance});
      peak.op = momentOf(func).op;
      Lifetimes lifetimes(func);
      MemoryKinds kinds(func, ofArguments);
      for (auto &[buffer, interval] : lifetimes.buffers()) {
        BufferOp op = buffer;
        if (isAlive(interval, lifetimes.stepOf(peak.op)))
          peak.alive.push_back({kinds.of(op.getResult()), nameOf(op.getLoc()).str(), func.getSymName().str(),
                                base + static_cast<int64_t>(op.getOffset().value_or(0)),
                                bytesOf(op.getResult().getType()), op.getLoc()});
      }
      auto call = dyn_cast<CallOp>(peak.op);
      if (!call)
        return;
      FuncOp callee = calleeOf(call);
      ofArguments.clear();
      for (auto [argument, operand] : llvm::zip(callee.getBody().getArguments(), call.getOperands()))
        ofArguments[argument] = kinds.of(operand);
      instance = instanceOf(call, ofArguments, callee);
      base += static_cast<int64_t>(call.getFrame().value_or(0));
      func = callee;
    }
  }

  /// The name of the weights that a call hands on whole, where these are one module's.
  std::string instanceOf(CallOp call, const MemoryKinds::OfArguments &ofArguments, FuncOp callee) {
    std::string instance;
    for (auto [argument, operand] : llvm::zip(callee.getBody().getArguments(), call.getOperands())) {
      bool isWhole = isa<StructType>(operand.getType()) && sourcesOf(operand).empty();
      if (!isWhole || ofArguments.lookup(argument) != MemoryKind::Parameters)
        continue;
      if (!instance.empty())
        return "";
      if (nameOf(operand.getLoc()) != nameOf(argument.getLoc()))
        instance = nameOf(operand.getLoc()).str();
    }
    return instance;
  }

  ModuleOp module;
  SymbolTable symbols;
  llvm::DenseMap<Operation *, Moment> moments;
  MemoryPeak peak;
};
} // namespace

int64_t MemoryPeak::bytesOf(MemoryKind kind) const {
  int64_t bytes = 0;
  for (const MemoryBlock &block : alive)
    bytes += block.kind == kind ? block.bytes : 0;
  return bytes;
}

int64_t MemoryPeak::aliveBytes() const {
  int64_t bytes = 0;
  for (MemoryKind kind : allMemoryKinds)
    bytes += bytesOf(kind);
  return bytes;
}

std::optional<MemoryPeak> shardc::memoryPeak(ModuleOp module) {
  return PeakFinder(module).find();
}
