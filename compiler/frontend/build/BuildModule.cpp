//===- BuildModule.cpp - program, recipe and plan, verified ---------------===//
#include "compiler/frontend/build/BuildModule.h"
#include "compiler/frontend/build/Mesh.h"
#include "compiler/frontend/build/Program.h"
#include "compiler/frontend/build/Recipe.h"
#include "dialects/exec/Movements.h"
#include "dialects/pipe/Pipe.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Verifier.h"

#include <fmt/format.h>

using namespace mlir;

namespace shardc::frontend {

/// A program that does not verify is our mistake: say so with what the verifier says, and where.
static bool verifies(ModuleOp module, const Job &job, Diagnostics &diags) {
  std::string said;
  ScopedDiagnosticHandler handler(module.getContext(), [&](mlir::Diagnostic &diagnostic) {
    said += fmt::format("{}{}", said.empty() ? "" : "; ", diagnostic.str());
    return success();
  });
  if (succeeded(verify(module)))
    return true;
  diags.error(job.model.name.at, fmt::format("internal error: the program does not verify: {}", said))
      .note("this is a mistake in shardc, please report it");
  return false;
}

/// What pipe-cut reads; `at`: where errors point to.
static DictionaryAttr pipelineAttr(Builder &builder, const Pipeline &pipeline, const std::string &job) {
  NamedAttrList list;
  list.set("axis", builder.getStringAttr(pipeline.axis.value));
  list.set("schedule", builder.getStringAttr(pipeline.schedule.value));
  list.set("chunks_per_stage", builder.getI64IntegerAttr(pipeline.chunksPerStage.value));
  if (!pipeline.layers.empty())
    list.set("layers", builder.getDenseI64ArrayAttr(llvm::map_to_vector(
                           pipeline.layers, [](const Located<int64_t> &layers) { return layers.value; })));
  const Position &at = pipeline.at;
  list.set("at",
           FileLineColLoc::get(builder.getContext(), at.file ? at.file->name : job, at.line, at.column));
  return list.getDictionary(builder.getContext());
}

OwningOpRef<ModuleOp> buildModule(MLIRContext &context, const Job &job, Diagnostics &diags) {
  context.loadDialect<dist::DistDialect, pipes::PipeDialect>();
  if (!build::checkRecipe(job, diags))
    return nullptr;
  OwningOpRef<ModuleOp> module = build::Program(context, job, diags).build();
  if (!module)
    return nullptr;
  (*module)->setAttr("nn.model", StringAttr::get(&context, job.model.name.value));
  (*module)->setAttr("nn.recipe", build::buildRecipe(context, job));
  if (DictionaryAttr ties = build::buildTies(context, job, diags))
    (*module)->setAttr("nn.ties", ties);
  dist::PlanAttr plan = build::buildPlan(*module, job, diags);
  if (!plan)
    return nullptr;
  (*module)->setAttr(dist::DistDialect::planAttrName, plan);
  Builder builder(&context);
  if (const std::optional<Pipeline> &pipeline = job.plan.pipeline)
    (*module)->setAttr(pipes::scheduleAttrName, pipelineAttr(builder, *pipeline, job.name));
  (*module)->setAttr(exec::bucketAttrName, builder.getI64IntegerAttr(job.plan.movements.bucketBytes));
  (*module)->setAttr(exec::prefetchAttrName, builder.getI64IntegerAttr(job.plan.movements.prefetch));
  return verifies(*module, job, diags) ? std::move(module) : nullptr;
}

} // namespace shardc::frontend
