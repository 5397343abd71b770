//===- PlanPipeline.cpp - which layers go where, and which task when -------===//
//
//   pipe.schedule = {axis = "pp", schedule = "1f1b", chunks_per_stage = 1, at = loc(...)
//                    table = ["F0 B0 ...", ...]            for the schedule `table`
//                    layers = [4, 2]                       or
//                    cut_before = ["h.4"]                  or neither: as even as can be
//                    cuts_at = [loc(...)]}                 of the layers or names
//
//===----------------------------------------------------------------------===//

#include "compiler/transforms/pipe/PlanPipeline.h"

#include "compiler/schedule/ReadTable.h"
#include "compiler/schedule/Schedules.h"
#include "compiler/transforms/pipe/Balance.h"
#include "compiler/transforms/pipe/Chunks.h"
#include "compiler/transforms/pipe/MemoryBudget.h"
#include "dialects/exec/Movements.h"

#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace pipes;
namespace pipeline = shardc::pipeline;

/// `h.3`: whose weights a call of a layer takes.
static StringRef layerPathOf(nn::CallOp call) {
  auto func = call->getParentOfType<nn::FuncOp>();
  for (Value operand : call.getOperands())
    if (isa<nn::BundleType>(operand.getType()))
      for (auto [argument, field] : leavesOf(operand))
        if (auto path = func.getArgAttrOfType<StringAttr>(argument.getArgNumber(), nn::pathAttrName);
            path && !path.empty())
          return path.getValue();
  return {};
}

/// A layer's path, or `embed`, `head`: what a forward call is of the model.
static std::string partNameOf(nn::CallOp call) {
  if (StringRef path = layerPathOf(call); !path.empty())
    return path.str();
  StringRef name = call.getCallee();
  name.consume_back("_forward");
  return name.str();
}

namespace {
class Planner {
public:
  Planner(ModuleOp module, DictionaryAttr schedule) : module(module), schedule(schedule) {}

  FailureOr<Timetable> run() {
    if (failed(readSchedule()) || failed(findLayers()))
      return failure();
    loadUnits();
    FailureOr<SmallVector<int64_t>> sizes = cut();
    if (failed(sizes))
      return failure();
    describeParts(*sizes);
    return std::move(plan);
  }

private:
  InFlightDiagnostic error() {
    auto at = schedule.getAs<LocationAttr>("at");
    return emitError(at ? Location(at) : module.getLoc());
  }
  /// At the number or name of a cut.
  InFlightDiagnostic errorAtCut(size_t number) {
    auto places = schedule.getAs<ArrayAttr>("cuts_at");
    return places && number < places.size() ? emitError(Location(cast<LocationAttr>(places[number])))
                                            : error();
  }

  LogicalResult readSchedule() {
    auto axis = schedule.getAs<StringAttr>("axis"), name = schedule.getAs<StringAttr>("schedule");
    auto perStage = schedule.getAs<IntegerAttr>("chunks_per_stage");
    auto recipe = module->getAttrOfType<DictionaryAttr>("nn.recipe");
    auto microbatches = recipe ? recipe.getAs<IntegerAttr>("microbatches") : IntegerAttr();
    auto rows = schedule.getAs<ArrayAttr>("table");
    dist::PlanAttr dist = dist::planOf(module);
    micro = module.lookupSymbol<nn::FuncOp>("micro");
    const std::optional<pipeline::Kind> kind =
        name ? pipeline::kindNamed(std::string_view(name.getValue())) : std::nullopt;
    if (!dist || !microbatches || !micro || !axis || (!rows && (!perStage || !kind)) ||
        dist.sizeOf(axis) == 0)
      return module.emitError()
             << "'" << scheduleAttrName
             << "' must name an axis of the mesh, a table, or a schedule and the chunks of a "
                "stage, and the module have a plan, a recipe and @micro";
    plan.axis = axis.str();
    plan.schedule = rows ? "table" : name.str();
    const auto stages = static_cast<int>(dist.sizeOf(axis)), count = static_cast<int>(microbatches.getInt());
    if (rows)
      return readRows(rows, stages, count);
    plan.shape = pipeline::pipelineFor(*kind, stages, count, static_cast<int>(perStage.getInt()));
    if (auto why = pipeline::whyNot(*kind, plan.shape))
      return error() << *why;
    plan.table = pipeline::makeTable(*kind, plan.shape);
    return success();
  }

  LogicalResult readRows(ArrayAttr rows, int stages, int microbatches) {
    auto read = pipeline::readTable(wordsOf(rows), stages, microbatches);
    if (auto *fault = std::get_if<pipeline::WrittenFault>(&read)) {
      InFlightDiagnostic diagnostic = error() << fault->at.what;
      if (!fault->hint.empty())
        diagnostic.attachNote() << fault->hint;
      return diagnostic;
    }
    plan.shape = std::get<pipeline::WrittenTable>(read).pipeline;
    plan.table = std::move(std::get<pipeline::WrittenTable>(read).table);
    return success();
  }

  LogicalResult findLayers() {
    for (nn::CallOp layer : Chunks::layersOf(micro))
      paths.push_back(layerPathOf(layer).str());
    const auto count = static_cast<int64_t>(paths.size());
    const int chunks = plan.shape.chunks();
    if (count >= chunks)
      return success();
    return error() << "the model has " << count << " layers, too few for " << chunks << " parts"
                   << ": give the pipeline's mesh axis, times its virtual stages, at most " << count;
  }

  //===-- cuts ---------------------------------------------------------------===//

  FailureOr<SmallVector<int64_t>> cut() {
    if (auto names = schedule.getAs<ArrayAttr>("cut_before"))
      return cutBefore(names);
    if (auto layers = schedule.getAs<DenseI64ArrayAttr>("layers"))
      return given(layers.asArrayRef());
    return balanceUnits();
  }

  /// As even in time as can be among the cuts that fit the plan's devices: with a fifth of their memory left
  /// for what an estimate doesn't know, or, if there is no such cut, as they are.
  FailureOr<SmallVector<int64_t>> balanceUnits() {
    std::vector<double> times = {0}; // of the first n layers
    for (const std::array<shardc::Load, 3> &unit : units)
      times.push_back(times.back() + unit[0].time + unit[1].time + unit[2].time);
    const int count = static_cast<int>(units.size()), parts = plan.shape.chunks();
    auto timeOf = [&](int, int first, int last) { return times[last] - times[first]; };
    auto limit = module->getAttrOfType<DictionaryAttr>(exec::memoryLimitAttrName);
    if (!limit)
      return balance(count, parts, timeOf);
    Chunks chunks(micro, SmallVector<int64_t>(count, 1));
    const MemoryBudget budget(
        estimateMemory(micro, module.lookupSymbol<nn::FuncOp>("step"), chunks, count, dist::planOf(module)),
        limit, plan.shape, plan.table);
    constexpr double shares[] = {0.8, 1};
    for (const double share : shares) {
      SmallVector<int64_t> sizes = balance(count, parts, [&](int part, int first, int last) {
        return budget.fits(part, first, last, share) ? timeOf(part, first, last) : never;
      });
      if (!sizes.empty())
        return sizes;
    }
    if (budget.mayFit())
      return balance(count, parts, timeOf); // memory, once it is planned, is judged again
    return budget.report(error());
  }

  FailureOr<SmallVector<int64_t>> given(ArrayRef<int64_t> sizes) {
    int64_t sum = 0;
    for (int64_t size : sizes)
      sum += size;
    const auto count = static_cast<int64_t>(paths.size());
    const int chunks = plan.shape.chunks();
    if (static_cast<int>(sizes.size()) == chunks && sum == count)
      return SmallVector<int64_t>(sizes);
    InFlightDiagnostic diagnostic = errorAtCut(0);
    diagnostic << "'stages' are " << sizes.size() << " parts of " << sum << " layers in all, the model has "
               << count << " layers for " << chunks << " parts";
    diagnostic.attachNote() << "the sum must be " << count << ", as of [" << evenSizes() << "]";
    return diagnostic;
  }

  /// `4, 4, 3`
  std::string evenSizes() const {
    const size_t count = paths.size(), chunks = plan.shape.chunks();
    std::vector<std::string> sizes;
    for (size_t chunk = 0; chunk < chunks; ++chunk)
      sizes.push_back(std::to_string(count / chunks + (chunk < count % chunks)));
    return llvm::join(sizes, ", ");
  }

  /// `h.1 to h.5`, or those that there are.
  std::string cuttable() const {
    const std::string &first = paths[1], &last = paths.back();
    return paths.size() == 2 ? first : first + " to " + last;
  }

  FailureOr<SmallVector<int64_t>> cutBefore(ArrayAttr names) {
    SmallVector<int64_t> sizes;
    int64_t begun = 0; // layers before the part that was begun last
    for (auto [number, name] : llvm::enumerate(names.getAsRange<StringAttr>())) {
      const auto found = llvm::find(paths, name.getValue()) - paths.begin();
      if (found == static_cast<int64_t>(paths.size()))
        return noLayer(number, name.getValue());
      if (found <= begun) {
        InFlightDiagnostic diagnostic = errorAtCut(number);
        if (found == 0)
          diagnostic << "no layer is before '" << name.getValue() << "'";
        else
          diagnostic << "'" << name.getValue() << "' is not behind the cut before it";
        diagnostic.attachNote() << "each part has a layer or more; cuts can be before " << cuttable()
                                << ", in the order of the model";
        return diagnostic;
      }
      sizes.push_back(found - begun);
      begun = found;
    }
    sizes.push_back(static_cast<int64_t>(paths.size()) - begun);
    const int chunks = plan.shape.chunks();
    if (static_cast<int>(sizes.size()) == chunks)
      return sizes;
    InFlightDiagnostic diagnostic = errorAtCut(0);
    diagnostic << "'cut_before' makes " << sizes.size() << " parts, the pipeline has " << chunks;
    diagnostic.attachNote() << plan.shape.stages << " stages of " << plan.shape.chunksPerStage
                            << (plan.shape.chunksPerStage == 1 ? " part" : " parts") << " need " << chunks - 1
                            << (chunks == 2 ? " name" : " names");
    return diagnostic;
  }

  /// A name that is no layer's: of what is in a layer, or before or behind all of them, or of nothing.
  LogicalResult noLayer(size_t number, StringRef name) {
    InFlightDiagnostic diagnostic = errorAtCut(number) << "'" << name << "' is not the path of a layer";
    Diagnostic &note = diagnostic.attachNote();
    for (const std::string &path : paths)
      if (name.starts_with(path + "."))
        return note << "a layer is not cut: '" << path << "' is the one that it is in", diagnostic;
    return note << "cuts can be before " << cuttable()
                << "; what is before the first layer is in the first part, what is behind the last in the "
                   "last",
           diagnostic;
  }

  //===-- parts --------------------------------------------------------------===//

  /// What each layer costs, the first with all before it, the last with all behind it.
  void loadUnits() {
    Chunks chunks(micro, SmallVector<int64_t>(paths.size(), 1), plan.shape.splitsBackward);
    shardc::Loads loads;
    for (int unit = 0; unit < static_cast<int>(paths.size()); ++unit) {
      std::array<shardc::Load, 3> &byPass = units.emplace_back();
      for (const auto pass : {Chunks::Pass::forward, Chunks::Pass::backward, Chunks::Pass::backwardWeight})
        for (Operation *op : chunks.opsOf(pass, unit))
          byPass[static_cast<size_t>(pass)] += loads.of(op);
    }
  }

  void describeParts(ArrayRef<int64_t> sizes) {
    Chunks chunks(micro, sizes);
    auto unit = units.begin();
    for (auto [chunk, size] : llvm::enumerate(sizes)) {
      Part &part = plan.parts.emplace_back();
      part.layers = size;
      for (int64_t i = 0; i < size; ++i, ++unit)
        for (size_t pass = 0; pass < part.loads.size(); ++pass)
          part.loads[pass] += (*unit)[pass];
      for (Operation *op : chunks.opsOf(Chunks::Pass::forward, static_cast<int>(chunk)))
        if (auto call = dyn_cast<nn::CallOp>(op))
          part.holds.push_back(partNameOf(call));
    }
  }

  ModuleOp module;
  DictionaryAttr schedule;
  nn::FuncOp micro;
  std::vector<std::string> paths;                 // of the layers
  std::vector<std::array<shardc::Load, 3>> units; // of each layer, by pass
  Timetable plan;
};
} // namespace

FailureOr<Timetable> pipes::planPipeline(ModuleOp module) {
  return Planner(module, module->getAttrOfType<DictionaryAttr>(scheduleAttrName)).run();
}

bool pipes::splitsBackward(ModuleOp module) {
  auto schedule = module->getAttrOfType<DictionaryAttr>(scheduleAttrName);
  if (!schedule)
    return false;
  if (auto rows = schedule.getAs<ArrayAttr>("table")) // a task of gradients of weights is a W
    return llvm::any_of(rows.getAsRange<StringAttr>(),
                        [](StringAttr row) { return row.strref().contains('W'); });
  auto name = schedule.getAs<StringAttr>("schedule");
  const auto kind = name ? pipeline::kindNamed(std::string_view(name.getValue())) : std::nullopt;
  return kind && pipeline::pipelineFor(*kind, 1, 1).splitsBackward;
}
