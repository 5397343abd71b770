//===- Verify.cpp - a job's plan, checked by value on shrunk sizes --------===//

#include "compiler/interpreter/Verify.h"

#include "compiler/frontend/ConfigEval.h"
#include "compiler/frontend/build/BuildModule.h"
#include "compiler/frontend/build/Weights.h"
#include "compiler/interpreter/DistHandlers.h"

#include "dialects/nn/Padding.h"

#include "llvm/Support/Format.h"
#include "llvm/Support/xxhash.h"

using namespace mlir;
using namespace shardc;
using namespace shardc::interpreter;

Inputs shardc::interpreter::randomInputs(ModuleOp module, uint64_t seed) {
  int64_t vocabulary = 0;
  module.walk([&](nn::GatherOp gather) {
    int64_t size = nn::validSizeOf(module, gather.getTable().getType().find(gather.getAxisAttr()));
    vocabulary = vocabulary == 0 ? size : std::min(vocabulary, size);
  });
  int64_t count = std::max<int64_t>(vocabulary, 1);
  return [=](StringRef name, int64_t sample, int64_t index) {
    uint32_t site = static_cast<uint32_t>(llvm::xxh3_64bits(name));
    rt::PhiloxBlock block = rt::randomBlock(seed, {}, site, sample, index);
    if (name == "labels" && block.word1 % 8 == 0)
      return -100.0;
    return static_cast<double>(block.word0 % count);
  };
}

std::optional<Comparison> shardc::interpreter::comparePrograms(const frontend::Job &job, ModuleOp global,
                                                               ModuleOp placed,
                                                               const VerifyOptions &options) {
  CompareOptions compare;
  compare.seed = static_cast<uint64_t>(job.train.seed.value);
  compare.steps = options.steps;
  compare.inputs = randomInputs(global, compare.seed);
  compare.handlers = options.handlers;
  compare.checkReplicas = options.checkReplicas;
  FailureOr<Comparison> comparison = compareTraining(global, placed, meshOf(dist::planOf(placed)), compare);
  return succeeded(comparison) ? std::optional(std::move(*comparison)) : std::nullopt;
}

/// Where each weight is declared.
static llvm::StringMap<Location> placesOf(MLIRContext &context, const frontend::Job &job,
                                          frontend::Diagnostics &diags) {
  llvm::StringMap<Location> places;
  if (auto weights = frontend::build::weightsOf(context, job, diags))
    for (const frontend::build::Field &weight : *weights) {
      const frontend::Position &at = weight.spec->name.at;
      places.try_emplace(weight.name, FileLineColLoc::get(&context, at.file->name, at.line, at.column));
    }
  return places;
}

std::optional<Verification> shardc::interpreter::verifyJob(MLIRContext &context, const frontend::Job &job,
                                                           const VerifyOptions &options,
                                                           frontend::Diagnostics &diags) {
  frontend::Job wanted = job;
  if (options.world > 0) {
    std::optional<frontend::Plan> plan = withWorld(job.plan, options.world, diags);
    if (!plan)
      return std::nullopt;
    wanted.plan = *plan;
    wanted.train.globalBatchSize.value = wanted.plan.microbatches.value * wanted.plan.dataRanks();
  }
  std::optional<ShrunkJob> shrunk = shrink(wanted, diags);
  if (!shrunk)
    return std::nullopt;
  OwningOpRef<ModuleOp> global = frontend::buildModule(context, shrunk->job, diags);
  if (!global || !diags.empty())
    return std::nullopt;
  OwningOpRef<ModuleOp> placed = global->clone();
  if (failed(options.toStep(*global)) || failed(options.toDist(*placed)))
    return std::nullopt;
  std::optional<Comparison> comparison = comparePrograms(shrunk->job, *global, *placed, options);
  if (!comparison)
    return std::nullopt;
  comparison->pointAt(placesOf(context, shrunk->job, diags));
  return Verification{std::move(*comparison), std::move(shrunk->changes), shrunk->job.plan.worldSize()};
}

void Verification::print(raw_ostream &stream) const {
  stream << world << (world == 1 ? " rank" : " ranks") << " in f64 against one device";
  if (!changes.empty()) {
    stream << "; changed for it: ";
    llvm::interleaveComma(changes, stream, [&](const Shrunk &change) {
      stream << change.key << llvm::format(" %g -> %g", change.from, change.to);
    });
  }
  stream << "\n";
  comparison.print(stream);
  stream << (passes() ? "the placed program computes what one device computes\n"
                      : "the placed program does NOT compute what one device computes\n");
}
