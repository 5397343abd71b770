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

#include "llvm/ADT/StringExtras.h"

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

/// Where errors of later passes point to.
static LocationAttr locationOf(Builder &builder, const Position &at, const std::string &job) {
  return FileLineColLoc::get(builder.getContext(), at.file ? at.file->name : job, at.line, at.column);
}

/// What exec-fit-memory and pipe-cut hold the plan to, and what they may say would help.
static DictionaryAttr memoryLimitAttr(Builder &builder, const Job &job) {
  const Plan &plan = job.plan;
  NamedAttrList list;
  list.set("bytes", builder.getI64IntegerAttr(plan.deviceMemory->value));
  list.set("at", locationOf(builder, plan.deviceMemory->at, job.name));
  list.set("data_ranks", builder.getI64IntegerAttr(plan.dataRanks()));
  list.set("zero", builder.getI64IntegerAttr(plan.atRest.stage));
  list.set("microbatches", builder.getI64IntegerAttr(plan.microbatches.value));
  list.set("sequences", builder.getI64IntegerAttr(job.train.globalBatchSize.value / plan.dataRanks()));
  if (plan.pipeline && plan.pipeline->schedule.value == "gpipe")
    list.set("holds_all", builder.getUnitAttr());
  return list.getDictionary(builder.getContext());
}

/// What pipe-cut reads, with the places that errors point to.
static DictionaryAttr pipelineAttr(Builder &builder, const Pipeline &pipeline, const std::string &job) {
  auto placeOf = [&](const Position &at) -> Attribute { return locationOf(builder, at, job); };
  NamedAttrList list;
  SmallVector<Attribute> cuts;
  list.set("axis", builder.getStringAttr(pipeline.axis.value));
  list.set("schedule", builder.getStringAttr(pipeline.schedule.value));
  list.set("chunks_per_stage", builder.getI64IntegerAttr(pipeline.chunksPerStage.value));
  if (!pipeline.table.empty())
    list.set("table",
             builder.getArrayAttr(llvm::map_to_vector(pipeline.table, [&](const auto &row) -> Attribute {
               return builder.getStringAttr(llvm::join(
                   llvm::map_range(row, [](const Name &word) { return llvm::StringRef(word.value); }), " "));
             })));
  if (!pipeline.layers.empty())
    list.set("layers", builder.getDenseI64ArrayAttr(llvm::map_to_vector(
                           pipeline.layers, [](const Located<int64_t> &layers) { return layers.value; })));
  for (const Located<int64_t> &layers : pipeline.layers)
    cuts.push_back(placeOf(layers.at));
  if (pipeline.isCutByNames)
    list.set("cut_before",
             builder.getArrayAttr(llvm::map_to_vector(pipeline.cutBefore, [&](const Name &name) -> Attribute {
               cuts.push_back(placeOf(name.at));
               return builder.getStringAttr(name.value);
             })));
  list.set("cuts_at", builder.getArrayAttr(cuts));
  list.set("at", placeOf(pipeline.at));
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
  if (job.plan.deviceMemory)
    (*module)->setAttr(exec::memoryLimitAttrName, memoryLimitAttr(builder, job));
  (*module)->setAttr(exec::bucketAttrName, builder.getI64IntegerAttr(job.plan.movements.bucketBytes));
  (*module)->setAttr(exec::prefetchAttrName, builder.getI64IntegerAttr(job.plan.movements.prefetch));
  return verifies(*module, job, diags) ? std::move(module) : nullptr;
}

} // namespace shardc::frontend
