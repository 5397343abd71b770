//===- Cut.cpp - a program for each stage of the pipeline ------------------===//
//
// In:  @micro, @step (a loop over @micro, then the update), @eval, @init; `pipe.schedule`: the mesh axis, the
//      schedule, the number of layers of each chunk.
// Out: a module for each stage: the same entries, with what the stage does of them, and the functions that
// these call.
//      Its plan is the mesh without the axis. @step goes through the micro-batches task by task, as the
//      schedule has it. What another stage made is received; gradients of a weight that several stages use
//      are added up by the first of them, which alone updates it and sends the others what is new.
// Not here: where anything lies (dist), which number a message has (StagePrograms).
//
//===----------------------------------------------------------------------===//

#include "compiler/transforms/pipe/Balance.h"
#include "compiler/transforms/pipe/StageEntries.h"

#include "compiler/schedule/Schedules.h"
#include "compiler/transforms/nn/WriteFunction.h"
#include "compiler/transforms/pipe/Passes.h"

namespace pipes {
#define GEN_PASS_DEF_PIPECUT
#include "compiler/transforms/pipe/Passes.h.inc"
} // namespace pipes

using namespace mlir;
using namespace pipes;
namespace pipeline = shardc::pipeline;

/// The plan of what is left of the mesh when a stage is chosen.
static dist::PlanAttr withoutAxis(dist::PlanAttr plan, StringAttr axis) {
  SmallVector<dist::MeshAxisAttr> mesh;
  for (dist::MeshAxisAttr meshAxis : plan.getMesh())
    if (meshAxis.getName() != axis)
      mesh.push_back(meshAxis);
  return dist::PlanAttr::get(plan.getContext(), mesh, plan.getRules(), plan.getParameter(),
                             plan.getGradient(), plan.getOptimizerState(), plan.getReduceLast(),
                             plan.getKeepGathered(), plan.getGatherModules());
}

/// Erases the functions that no entry reaches.
static void removeUnreached(ModuleOp module) {
  llvm::DenseSet<Operation *> reached;
  std::function<void(nn::FuncOp)> reach = [&](nn::FuncOp func) {
    if (func && reached.insert(func).second)
      func.walk([&](nn::CallOp call) { reach(module.lookupSymbol<nn::FuncOp>(call.getCallee())); });
  };
  for (StringRef entry : entryNames)
    reach(module.lookupSymbol<nn::FuncOp>(entry));
  for (auto func : llvm::make_early_inc_range(module.getOps<nn::FuncOp>()))
    if (!reached.contains(func))
      func.erase();
}

namespace {
struct Cut : pipes::impl::PipeCutBase<Cut> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    auto schedule = module->getAttrOfType<DictionaryAttr>(scheduleAttrName);
    if (!schedule)
      return;
    if (failed(cut(module, schedule)))
      signalPassFailure();
  }

  LogicalResult cut(ModuleOp module, DictionaryAttr schedule) {
    auto axis = schedule.getAs<StringAttr>("axis"), name = schedule.getAs<StringAttr>("schedule");
    auto perStage = schedule.getAs<IntegerAttr>("chunks_per_stage");
    auto recipe = module->getAttrOfType<DictionaryAttr>("nn.recipe");
    auto microbatches = recipe ? recipe.getAs<IntegerAttr>("microbatches") : IntegerAttr();
    auto micro = module.lookupSymbol<nn::FuncOp>("micro");
    dist::PlanAttr plan = dist::planOf(module);
    std::optional<pipeline::Kind> kind =
        name ? pipeline::kindNamed(std::string_view(name.getValue())) : std::nullopt;
    if (!plan || !microbatches || !micro || !axis || !perStage || !kind || plan.sizeOf(axis) == 0)
      return module.emitError()
             << "'" << scheduleAttrName
             << "' must name an axis of the mesh, a schedule and the chunks of a stage, and the "
                "module have a plan, a recipe and @micro";
    auto at = schedule.getAs<LocationAttr>("at");
    auto error = [&] { return emitError(at ? Location(at) : module.getLoc()); };
    const auto stages = static_cast<int>(plan.sizeOf(axis));
    const pipeline::Pipeline shape = pipeline::pipelineFor(
        *kind, stages, static_cast<int>(microbatches.getInt()), static_cast<int>(perStage.getInt()));
    if (auto why = pipeline::whyNot(*kind, shape))
      return error() << *why;
    if (shape.splitsBackward)
      return error() << "schedule '" << name.getValue()
                     << "' splits the backward, which is not built yet: use 1f1b, gpipe or interleaved";
    FailureOr<SmallVector<int64_t>> layers =
        layersOfChunks(micro, shape.chunks(), schedule.getAs<DenseI64ArrayAttr>("layers"), error);
    if (failed(layers))
      return failure();

    SmallVector<ModuleOp> programs;
    OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
    for (int stage = 0; stage < stages; ++stage) {
      auto program = builder.create<ModuleOp>(module.getLoc(), "stage_" + std::to_string(stage));
      for (NamedAttribute attribute : module->getAttrs())
        if (attribute.getName() != scheduleAttrName &&
            attribute.getName() != SymbolTable::getSymbolAttrName())
          program->setAttr(attribute.getName(), attribute.getValue());
      program->setAttr(dist::DistDialect::planAttrName, withoutAxis(plan, axis));
      program->setAttr(stageAttrName, StageAttr::get(&getContext(), stage, stages, axis, plan.getMesh()));
      OpBuilder inside = OpBuilder::atBlockEnd(program.getBody());
      for (auto func : module.getOps<nn::FuncOp>())
        if (!llvm::is_contained(entryNames, func.getSymName()))
          inside.clone(*func);
      programs.push_back(program);
    }
    StageEntries entries(module, programs, shape, *layers);
    entries.write(pipeline::makeTable(*kind, shape));
    for (auto func : llvm::make_early_inc_range(module.getOps<nn::FuncOp>()))
      func.erase();
    llvm::for_each(programs, removeUnreached);
    return success();
  }
};
} // namespace
