//===- FitMemory.cpp - whether a plan fits its devices ----------------------===//
//
// In:  planned programs; `exec.memory_limit`, of the module: what a device has, and where the plan says so.
// Out: the same, or an error for each stage whose ranks need more.
//
// What would do with less is an estimate, from the arena by kinds: ZeRO leaves 1/n of what it shards over n
// data ranks; k times as many micro-batches leave 1/k of what is saved for backward and computed with.
//
//===----------------------------------------------------------------------===//

#include "compiler/transforms/exec/FitMemory.h"

#include "compiler/analysis/Bytes.h"
#include "compiler/analysis/MemoryPeak.h"
#include "compiler/transforms/exec/Passes.h"
#include "dialects/exec/Movements.h"
#include "dialects/pipe/Pipe.h"

#include "llvm/Support/FormatVariadic.h"

namespace exec {
#define GEN_PASS_DEF_FITMEMORY
#include "compiler/transforms/exec/Passes.h.inc"
} // namespace exec

using namespace mlir;
using namespace exec;
using shardc::bytesText;
using shardc::MemoryKind;

/// As many micro-batches more as are thought of.
static constexpr int64_t mostTimes = 1024;

namespace {
class Judge {
public:
  Judge(ModuleOp program, DictionaryAttr limit, shardc::MemoryPeak peak)
      : program(program), limit(limit), peak(std::move(peak)), most(number("bytes")) {}

  LogicalResult run() {
    if (peak.arenaBytes <= most)
      return success();
    pipes::StageAttr stage = pipes::stageOf(program);
    const auto need = static_cast<double>(peak.arenaBytes), have = static_cast<double>(most);
    auto at = limit.getAs<LocationAttr>("at");
    InFlightDiagnostic error = emitError(at ? Location(at) : program.getLoc());
    error << "a rank " << (stage ? "of stage " + std::to_string(stage.getIndex()) + " " : std::string())
          << "needs " << bytesText(need) << ", " << bytesText(need - have) << " more than the "
          << bytesText(have) << " of 'hardware.memory'";
    error.attachNote() << "when most is in use: " << kindsText();
    error.attachNote() << helpText();
    return error;
  }

private:
  int64_t number(StringRef key) const {
    auto value = limit.getAs<IntegerAttr>(key);
    return value ? value.getInt() : 0;
  }
  double of(MemoryKind kind) const { return static_cast<double>(peak.bytesOf(kind)); }

  /// The largest first.
  std::string kindsText() const {
    SmallVector<std::pair<int64_t, std::string>> kinds;
    for (MemoryKind kind : shardc::allMemoryKinds)
      if (peak.bytesOf(kind) > 0) {
        std::string name = shardc::keyOf(kind).str();
        std::replace(name.begin(), name.end(), '_', ' ');
        kinds.push_back({-peak.bytesOf(kind), name});
      }
    llvm::sort(kinds);
    std::string text;
    for (auto &[bytes, name] : kinds)
      text += (text.empty() ? "" : ", ") + name + " " + bytesText(static_cast<double>(-bytes));
    return text;
  }

  std::string helpText() const {
    SmallVector<std::string> would = {zeroText(), microbatchesText()};
    llvm::erase_if(would, [](const std::string &text) { return text.empty(); });
    if (would.empty())
      return "neither zero nor more micro-batches alone would do: divide the model over more ranks too "
             "(tensor_parallel_degree, pipeline_parallel_degree), or take a smaller one";
    return llvm::join(would, "; ");
  }

  /// The least stage of ZeRO that would fit.
  std::string zeroText() const {
    const auto ranks = static_cast<double>(number("data_ranks"));
    double less = 0;
    for (int64_t stage = 1; stage <= 3 && ranks > 1; ++stage) {
      if (stage <= number("zero"))
        continue;
      const MemoryKind sharded[] = {MemoryKind::OptimizerState, MemoryKind::Gradients,
                                    MemoryKind::Parameters};
      less += of(sharded[stage - 1]) * (1 - 1 / ranks);
      if (const double left = static_cast<double>(peak.arenaBytes) - less; left <= static_cast<double>(most))
        return llvm::formatv("'zero: {0}' would do, with about {1}", stage, bytesText(left)).str();
    }
    return "";
  }

  /// The smallest multiple of the micro-batches that would fit.
  std::string microbatchesText() const {
    const int64_t sequences = number("sequences"), now = number("microbatches");
    if (now <= 0)
      return "";
    const bool holdsAll = limit.contains("holds_all");
    const double scales = of(MemoryKind::Workspace) + (holdsAll ? 0 : of(MemoryKind::SavedValues));
    for (int64_t times = 2; times * now <= sequences && times <= mostTimes; ++times) {
      const double left =
          static_cast<double>(peak.arenaBytes) - scales * (1 - 1 / static_cast<double>(times));
      if (sequences % (times * now) == 0 && left <= static_cast<double>(most))
        return llvm::formatv("'microbatches: {0}' would do, with about {1}", times * now, bytesText(left))
            .str();
    }
    return holdsAll
               ? "gpipe keeps what all micro-batches save: 1f1b keeps that of as many as there are stages"
               : "";
  }

  ModuleOp program;
  DictionaryAttr limit;
  shardc::MemoryPeak peak;
  int64_t most;
};

struct FitMemory : exec::impl::FitMemoryBase<FitMemory> {
  void runOnOperation() override {
    if (failed(fitMemory(getOperation())))
      signalPassFailure();
  }
};
} // namespace

LogicalResult exec::fitMemory(ModuleOp module) {
  auto limit = module->getAttrOfType<DictionaryAttr>(memoryLimitAttrName);
  LogicalResult result = success();
  if (limit)
    for (ModuleOp program : pipes::stagesOf(module))
      if (std::optional<shardc::MemoryPeak> peak = shardc::memoryPeak(program))
        if (failed(Judge(program, limit, std::move(*peak)).run()))
          result = failure();
  return result;
}
