//===- Judge.cpp - which layer sees that a program is broken --------------===//

#include "tests/mutants/Judge.h"

#include "compiler/interpreter/DistHandlers.h"
#include "compiler/interpreter/exec/CompareExec.h"

#include "dialects/pipe/Pipe.h"

#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Verifier.h"

using namespace mlir;
using namespace shardc;
using namespace shardc::interpreter;
using namespace shardc::mutants;

static std::string firstLine(const std::string &text) {
  return text.substr(0, text.find('\n'));
}

/// The tensor that is farthest off, or the error that stopped the run.
static Verdict byValue(const FailureOr<Comparison> &comparison, const std::string &errors) {
  if (failed(comparison))
    return {Layer::value, firstLine(errors)};
  if (comparison->passes())
    return {};
  Difference worst = comparison->sorted().front();
  std::string text;
  llvm::raw_string_ostream(text) << worst.what << " of " << worst.name << " is off by " << worst.relative;
  return {Layer::value, text};
}

Verdict shardc::mutants::judge(const Program &program, Level level, const Fault *fault, Operation *site) {
  test::JobUnderTest &job = *program.job;
  ModuleOp sound = level == Level::dist ? *program.dist : *program.exec;
  IRMapping mapping;
  OwningOpRef<ModuleOp> broken = cast<ModuleOp>(sound->clone(mapping));
  Handlers handlers = allHandlers();
  if (fault)
    fault->at(mapping.lookup(site))(handlers);
  uint64_t seed = uint64_t(job.job->train.seed.value);
  CompareOptions options{.seed = seed,
                         .steps = 1,
                         .inputs = randomInputs(*program.global, seed),
                         .handlers = handlers,
                         .stopWhenOff = true};
  job.errors.clear();
  SmallVector<ModuleOp> stages = pipes::stagesOf(*broken);
  auto isRefusedBy = [&](ModuleOp module, const char *pass) { return failed(job.runPasses(module, pass)); };
  if (failed(verify(*broken)))
    return {Layer::types, firstLine(job.errors)};
  if (level == Level::dist) {
    if (llvm::any_of(stages, [&](ModuleOp stage) { return isRefusedBy(stage, "dist-verify"); }))
      return {Layer::types, firstLine(job.errors)};
    Mesh mesh = meshOf(dist::planOf(*broken));
    return byValue(compareTraining(program.one, *broken, mesh, options), job.errors);
  }
  if (llvm::any_of(stages, [&](ModuleOp stage) { return isRefusedBy(stage, "exec-verify"); }) ||
      isRefusedBy(*broken, "exec-verify-stages"))
    return {Layer::execVerify, firstLine(job.errors)};
  return byValue(compareExec(program.one, *broken, options), job.errors);
}
