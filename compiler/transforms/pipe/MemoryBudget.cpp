//===- MemoryBudget.cpp - which parts of a model fit a stage -----------------===//

#include "compiler/transforms/pipe/MemoryBudget.h"

#include "compiler/analysis/Bytes.h"
#include "compiler/transforms/pipe/Balance.h"

using namespace mlir;
using namespace pipes;
using shardc::bytesText;
namespace pipeline = shardc::pipeline;

MemoryBudget::MemoryBudget(std::vector<LayerMemory> layers, DictionaryAttr limit,
                           const pipeline::Pipeline &shape, const pipeline::Table &table)
    : sums(1), limit(limit), bytes(static_cast<double>(limit.getAs<IntegerAttr>("bytes").getInt())),
      shape(shape), held(shape.chunks()) {
  for (const LayerMemory &layer : layers) {
    LayerMemory sum = sums.back();
    sums.push_back(sum += layer);
  }
  for (const std::vector<pipeline::Task> &tasks : table) {
    std::vector<int> now(shape.chunks());
    for (const pipeline::Task &task : tasks) {
      now[task.chunk] += task.pass == pipeline::Pass::forward;
      held[task.chunk] = std::max(held[task.chunk], now[task.chunk]);
      now[task.chunk] -= task.pass == shape.lastPass();
    }
  }
}

LayerMemory MemoryBudget::of(int first, int last) const {
  const LayerMemory &a = sums[first], &b = sums[last];
  return {b.weights - a.weights, b.gradients - a.gradients, b.state - a.state, b.saved - a.saved};
}

bool MemoryBudget::fits(int part, int first, int last, double share) const {
  return of(first, last).with(held[part]) <= share * bytes / shape.chunksPerStage;
}

MemoryBudget::Best MemoryBudget::bestOf(int parts, llvm::function_ref<int(int)> held,
                                        double savedShare) const {
  const int count = static_cast<int>(sums.size()) - 1;
  auto need = [&](int part, int first, int last) {
    LayerMemory memory = of(first, last);
    memory.saved *= savedShare;
    return memory.atLeastWith(held(part));
  };
  Best best{0, 0, 0, 0};
  int first = 0;
  for (auto [part, size] : llvm::enumerate(balance(count, parts, need))) {
    const int last = first + static_cast<int>(size), number = static_cast<int>(part);
    if (const double here = need(number, first, last); here > best.need)
      best = {here, number, first, last};
    first = last;
  }
  return best;
}

bool MemoryBudget::mayFit() const {
  return shape.chunksPerStage > 1 || bestOf(shape.stages, [&](int part) { return held[part]; }).need <= bytes;
}

LogicalResult MemoryBudget::report(InFlightDiagnostic error) const {
  const Best best = bestOf(shape.stages, [&](int part) { return held[part]; });
  const LayerMemory memory = of(best.first, best.last);
  const size_t count = sums.size() - 1;
  error << "no cut of " << count << " layers into " << shape.stages << " parts fits the " << bytesText(bytes)
        << " of 'hardware.memory': at its best stage " << best.part << " needs " << bytesText(best.need)
        << " or more, " << bytesText(best.need - bytes) << " too much";
  if (auto at = limit.getAs<LocationAttr>("at"))
    error.attachNote(Location(at)) << "'hardware.memory' is set here";
  const int layers = best.last - best.first, atOnce = held[best.part];
  error.attachNote() << "of its " << layers << (layers == 1 ? " layer" : " layers") << " weights are "
                     << bytesText(memory.weights) << ", gradients " << bytesText(memory.gradients)
                     << ", optimizer state " << bytesText(memory.state) << "; " << atOnce
                     << (atOnce == 1 ? " micro-batch saves " : " micro-batches save ")
                     << bytesText(atOnce * memory.saved) << " for backward";
  error.attachNote() << help();
  return error;
}

/// What would fit, by the same estimate, of what a plan can change alone.
std::string MemoryBudget::help() const {
  SmallVector<std::string> would;
  auto number = [&](StringRef key) { return limit.getAs<IntegerAttr>(key).getInt(); };
  auto heldHere = [&](int part) { return held[part]; };
  const int64_t sequences = number("sequences"), now = number("microbatches");
  const bool holdsAll = limit.contains("holds_all");
  for (int64_t times = 2; times * now <= std::min(sequences, pipeline::mostMicrobatches) && !holdsAll;
       ++times)
    if (sequences % (times * now) == 0 &&
        bestOf(shape.stages, heldHere, 1 / static_cast<double>(times)).need <= bytes) {
      would.push_back("'microbatches: " + std::to_string(times * now) + "'");
      break;
    }
  auto oneForwardOneBackward = [&](int stages) {
    return [stages, this](int part) { return std::min(stages - part, shape.microbatches); };
  };
  if (holdsAll && bestOf(shape.stages, oneForwardOneBackward(shape.stages)).need <= bytes)
    would.push_back("'schedule: 1f1b', which holds fewer micro-batches,");
  const int count = static_cast<int>(sums.size()) - 1;
  for (int stages = 2 * shape.stages; stages <= count; stages *= 2)
    if (bestOf(stages, oneForwardOneBackward(stages)).need <= bytes) {
      would.push_back(std::to_string(stages) + " stages");
      break;
    }
  if (would.empty())
    return number("zero") < 3 && number("data_ranks") > 1
               ? "more micro-batches or stages alone would not do: try 'zero: " +
                     std::to_string(number("zero") + 1) + "' too, or tensor parallelism"
               : "more micro-batches or stages alone would not do: divide layers too, by tensor parallelism";
  return llvm::join(would, " or ") + " may do";
}
