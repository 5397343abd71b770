//===- JobSupport.cpp - jobs as text, taken to any level, for tests -------===//

#include "tests/unit/interpreter/JobSupport.h"

#include "compiler/Pipelines.h"
#include "compiler/frontend/Diagnostics.h"
#include "compiler/frontend/build/BuildModule.h"

#include "dialects/dist/Dist.h"
#include "dialects/pipe/Pipe.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <unistd.h>

using namespace mlir;
using namespace shardc;
using namespace shardc::interpreter;

/// The rank's own values, repeated or cut to the size of its part of the result.
static Datum withoutOthers(const Mesh &mesh, nn::NamedTensorType type, const Datum &operand) {
  std::vector<nn::Shard> shards;
  for (int64_t rank = 0; rank < mesh.numRanks(); ++rank) {
    nn::Shard shard = mesh.shardFor(type, rank);
    const std::vector<double> &own = *(*operand.shards)[rank].values;
    std::vector<double> values(shard.numElements());
    for (size_t i = 0; i < values.size(); ++i)
      values[i] = own[i % own.size()];
    shard.set(std::move(values));
    shards.push_back(std::move(shard));
  }
  return Datum::tensor(std::move(shards));
}

Handler test::executedAlone(Operation *movement, Handler intact, int *times) {
  return [=](Interpreter &interpreter, Operation *op, ArrayRef<Datum> operands) -> FailureOr<Data> {
    if (op != movement)
      return intact(interpreter, op, operands);
    if (times)
      ++*times;
    auto type = cast<nn::NamedTensorType>(op->getResult(0).getType());
    return Data{withoutOthers(interpreter.getMesh(), type, operands[0])};
  };
}

static void registerPassesOnce() {
  static const bool registered = [] {
    shardc::registerPasses();
    return true;
  }();
  (void)registered;
}

test::JobUnderTest::JobUnderTest(const std::string &text) : context(MLIRContext::Threading::DISABLED) {
  registerPassesOnce();
  context.loadDialect<nn::NnDialect, dist::DistDialect, pipes::PipeDialect>();
  context.getDiagEngine().registerHandler([this](mlir::Diagnostic &diagnostic) {
    if (diagnostic.getSeverity() == DiagnosticSeverity::Error)
      errors += placeOf(diagnostic.getLocation()) + ": " + diagnostic.str() + "\n";
    return success();
  });
  std::filesystem::path file =
      std::filesystem::temp_directory_path() / ("shardc-test-" + std::to_string(getpid()) + ".yaml");
  std::ofstream(file) << text;
  frontend::Diagnostics diags;
  job = frontend::loadJob(file.string(), {{}, {std::filesystem::path(SHARDC_SOURCE_DIR) / "plans"}}, diags);
  take(diags);
  std::filesystem::remove(file);
}

void test::JobUnderTest::take(const frontend::Diagnostics &diags) {
  errors += diags.str();
}

OwningOpRef<ModuleOp> test::JobUnderTest::build() {
  frontend::Diagnostics diags;
  OwningOpRef<ModuleOp> module = frontend::buildModule(context, *job, diags);
  take(diags);
  return diags.empty() ? std::move(module) : nullptr;
}

LogicalResult test::JobUnderTest::toStep(ModuleOp module) {
  return runPipeline(module, Stage::Step);
}

LogicalResult test::JobUnderTest::toDist(ModuleOp module) {
  return runPipeline(module, Stage::Dist);
}

LogicalResult test::JobUnderTest::runPasses(ModuleOp module, const std::string &text) {
  PassManager passes(&context);
  return failed(parsePassPipeline(text, passes)) ? failure() : passes.run(module);
}

bool test::JobUnderTest::placeProgram(ModuleOp program) {
  OwningOpRef<ModuleOp> copy = program.clone(); // a stage by itself is not printed as among the others
  std::string unplaced = textOf(*copy);
  if (failed(runPasses(program, "dist-place")))
    return false;
  auto expectStripped = [&](const char *when) {
    OwningOpRef<ModuleOp> stripped = program.clone();
    bool isSame = succeeded(runPasses(*stripped, "dist-strip")) && textOf(*stripped) == unplaced;
    EXPECT_TRUE(isSame) << "dist-strip " << when << " does not give back what was placed\n" << errors;
  };
  expectStripped("after dist-place");
  // What placing accepts, everything below accepts.
  bool isLowered = succeeded(runPasses(program, "dist-simplify,dist-lower-reshard,dist-verify"));
  EXPECT_TRUE(isLowered) << "was placed, then refused: " << errors;
  if (isLowered)
    expectStripped("at the end");
  return isLowered;
}

OwningOpRef<ModuleOp> test::JobUnderTest::place(ModuleOp global) {
  OwningOpRef<ModuleOp> placed = global.clone();
  bool isPlaced =
      succeeded(runPipeline(*placed, Stage::Pipe, {.first = Stage::Pipe})) &&
      llvm::all_of(pipes::stagesOf(*placed), [&](ModuleOp program) { return placeProgram(program); });
  return isPlaced ? std::move(placed) : nullptr;
}

std::optional<Comparison> test::JobUnderTest::compare(ModuleOp global, ModuleOp placed, int64_t steps,
                                                      bool checkReplicas, Handlers handlers) {
  VerifyOptions options;
  options.steps = steps;
  options.checkReplicas = checkReplicas;
  options.handlers = std::move(handlers);
  return comparePrograms(*job, global, placed, options);
}

std::optional<Verification> test::JobUnderTest::verify(int64_t world) {
  VerifyOptions options;
  options.toStep = [this](ModuleOp module) { return toStep(module); };
  options.toDist = [this](ModuleOp module) { return toDist(module); };
  options.world = world;
  frontend::Diagnostics diags;
  std::optional<Verification> verification = verifyJob(context, *job, options, diags);
  take(diags);
  return verification;
}

std::string test::textOf(ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  module.print(stream);
  return text;
}

std::string test::textOf(const Comparison &comparison) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  comparison.print(stream);
  return text;
}
