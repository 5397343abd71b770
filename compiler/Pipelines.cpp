//===- Pipelines.cpp - the order of the passes, and why -------------------===//
//
// Read this first. A job becomes an `nn` module in the frontend; then each level below runs its passes in
// order and is closed by a verifier. `shardc-opt` runs any of them alone.
//
//===----------------------------------------------------------------------===//

#include "compiler/Pipelines.h"

#include "compiler/transforms/dist/Passes.h"
#include "compiler/transforms/exec/Passes.h"
#include "compiler/transforms/nn/Passes.h"
#include "compiler/transforms/pipe/Passes.h"
#include "dialects/pipe/Pipe.h"

#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Support/FileUtilities.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/ToolOutputFile.h"

using namespace mlir;

namespace {
struct PassEntry {
  StringRef name;
  StringRef why; // for the reader
};
struct Level {
  shardc::Stage stage;
  StringRef file;                  // of --dump-ir
  std::vector<PassEntry> passes;   // on the program; on each stage's, once there are stages
  std::vector<PassEntry> together; // then, on all stages at once
};

const std::vector<Level> &levels() {
  using shardc::Stage;
  static const std::vector<Level> all = {
      {Stage::Nn,
       "10-nn.mlir",
       {
           // The frontend leaves one function per module of the model. Fine-tuning (adapters), precision
           // (casts) and loss chunks belong here, before gradients exist, so that these are differentiated
           // like everything else.
           {"canonicalize", "fold what the frontend wrote for completeness"},
           {"cse", "one value for equal expressions"},
       }},
      {Stage::Step,
       "20-step.mlir",
       {
           {"nn-outline",
            "main becomes calls only, so that every weight meets the program at a function's edge"},
           {"nn-differentiate",
            "on the global program: what the mesh needs in backward then follows from the rules"},
           {"nn-step",
            "micro-batches, accumulators, clipping, optimizer: ordinary code that later passes see"},
           {"canonicalize", "strip(place(p)) == p is judged on a canonical p"},
           {"cse", ""},
           {"symbol-dce", "functions that only their forward and backward forms replaced"},
       }},
      {Stage::Pipe,
       "25-pipe.mlir",
       {
           {"pipe-split-backward",
            "while one function is still one layer's backward: the schedule gives its halves to tasks"},
           {"pipe-cut",
            "a module for each stage, with the mesh that is left: before placing, so that what crosses a "
            "cut is placed by its names too"},
       },
       {
           {"pipe-verify-cut", "each layer in each micro-batch once, each weight with one owner"},
       }},
      {Stage::Dist,
       "30-dist.mlir",
       {
           {"dist-place",
            "naive and always right: each op where the rules say, a reshard where layouts differ"},
           {"dist-simplify",
            "fewer and cheaper movements; nothing fuses before this, or sums would be reduced twice"},
           {"dist-lower-reshard", "each reshard becomes collectives, in a fixed, costed order"},
           {"dist-verify", "no reshard, no unresolved partial: what follows may trust every type"},
       }},
      {Stage::Exec,
       "", // what follows does the rest
       {},
       {
           {"exec-layout",
            "an order for the axes of each buffer, so that products need no transposes: one for all stages, "
            "so that messages need none either"},
       }},
      {Stage::Exec,
       "40-exec.mlir",
       {
           {"exec-lower", "destinations instead of results, local sizes, strides; no placements left"},
           // Row kernels are fused here, when values have become buffers.
           {"exec-bucket", "small movements of one kind and group become one meeting"},
           {"exec-last-microbatch", "its backward is what reductions can be under way with"},
           {"exec-prefetch", "start early, wait late: before exec-order, which starts lives by first uses"},
           {"exec-order", "the order in which a rank issues its operations"},
           {"exec-plan-memory", "every buffer at a fixed offset; the peak is a constant"},
           {"exec-verify", "independent of the passes above: groups, lifetimes, accumulators"},
       },
       {
           {"exec-verify-stages", "sends meet receives, and no stages wait in a circle"},
           {"exec-fit-memory", "the last word on a plan: whether its devices have what it needs"},
       }},
  };
  return all;
}

LogicalResult run(const std::vector<PassEntry> &entries, ModuleOp module,
                  const shardc::PipelineOptions &options) {
  if (entries.empty())
    return success();
  PassManager passes(module.getContext());
  passes.enableVerifier(true);
  if (options.timing)
    passes.enableTiming();
  for (const PassEntry &pass : entries)
    if (failed(parsePassPipeline(pass.name, passes)))
      return failure();
  return passes.run(module);
}

LogicalResult dump(ModuleOp module, StringRef dir, StringRef file) {
  std::string error;
  SmallString<128> path(dir);
  path += "/";
  path += file;
  if (std::error_code code = llvm::sys::fs::create_directories(dir))
    return emitError(UnknownLoc::get(module.getContext())) << dir << ": " << code.message();
  auto output = openOutputFile(path, &error);
  if (!output)
    return emitError(UnknownLoc::get(module.getContext())) << error;
  module.print(output->os());
  output->keep();
  return success();
}
} // namespace

void shardc::registerPasses() {
  registerTransformsPasses();
  nn::registerNnPasses();
  dist::registerDistPasses();
  pipes::registerPipePasses();
  exec::registerExecPasses();
}

LogicalResult shardc::runPipeline(ModuleOp module, Stage last, const PipelineOptions &options) {
  for (const Level &level : levels()) {
    if (level.stage < options.first)
      continue;
    if (level.stage > last)
      break;
    for (ModuleOp program : pipes::stagesOf(module))
      if (failed(run(level.passes, program, options)))
        return failure();
    if (failed(run(level.together, module, options)))
      return failure();
    if (options.rehearse && level.stage == Stage::Exec &&
        !level.file.empty()) // what is rehearsed was verified
      for (ModuleOp program : pipes::stagesOf(module))
        if (failed(run({{"exec-rehearse", ""}}, program, options)))
          return failure();
    if (!options.dumpDir.empty() && !level.file.empty() && failed(dump(module, options.dumpDir, level.file)))
      return failure();
  }
  return success();
}
