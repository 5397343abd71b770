//===- Cut.cpp - a program for each stage of the pipeline ------------------===//
//
// In:  @micro, @step (a loop over @micro, then the update), @eval, @init; `pipe.schedule`, as the plan has
// it. Out: a module for each stage: the same entries, with what the stage does of them, and the functions
// that these call.
//      Its plan is the mesh without the axis. @step goes through the micro-batches task by task, as the
//      schedule has it. What another stage made is received; gradients of a weight that several stages use
//      are added up by the first of them, which alone updates it and sends the others what is new.
// Not here: where anything lies (dist), which number a message has (StagePrograms).
//
//===----------------------------------------------------------------------===//

#include "compiler/transforms/pipe/PlanPipeline.h"
#include "compiler/transforms/pipe/StageEntries.h"
#include "compiler/transforms/pipe/VerifyCut.h"

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
    FailureOr<Timetable> timetable = planPipeline(module);
    if (failed(timetable))
      return failure();
    const pipeline::Pipeline &shape = timetable->shape;
    dist::PlanAttr plan = dist::planOf(module);
    const auto axis = StringAttr::get(&getContext(), timetable->axis);
    const int stages = shape.stages;
    SmallVector<int64_t> layers;
    for (const Part &part : timetable->parts)
      layers.push_back(part.layers);

    module->setAttr(wholeAttrName, describeWhole(module, shape.microbatches));
    SmallVector<ModuleOp> programs;
    OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
    for (int stage = 0; stage < stages; ++stage) {
      auto program = builder.create<ModuleOp>(module.getLoc(), "stage_" + std::to_string(stage));
      for (NamedAttribute attribute : module->getAttrs())
        if (attribute.getName() != scheduleAttrName && attribute.getName() != wholeAttrName &&
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
    StageEntries entries(module, programs, shape, layers);
    entries.write(timetable->table);
    module->setAttr(timetableAttrName, timetable->toAttribute(&getContext()));
    for (auto func : llvm::make_early_inc_range(module.getOps<nn::FuncOp>()))
      func.erase();
    llvm::for_each(programs, removeUnreached);
    return success();
  }
};
} // namespace
