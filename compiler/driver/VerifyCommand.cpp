//===- VerifyCommand.cpp - shardc verify ----------------------------------===//
//
// First the plan at full size: types, collectives, memory plan. Then its meaning, by value, on sizes that are
// shrunk but divide as the full ones do.
//
//===----------------------------------------------------------------------===//

#include "compiler/driver/Commands.h"
#include "compiler/frontend/Diagnostics.h"
#include "compiler/interpreter/Verify.h"

#include "fmt/format.h"
#include "nlohmann/json.hpp"
#include "llvm/Support/raw_ostream.h"

using namespace shardc;

namespace {
void printJson(const interpreter::Verification &verification) {
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  for (const interpreter::Difference &row : verification.comparison.sorted())
    rows.push_back({{"what", row.what},
                    {"name", row.name},
                    {"index", row.index},
                    {"relative", row.relative},
                    {"place", interpreter::placeOf(row.place)}});
  nlohmann::ordered_json report = {{"world", verification.world},
                                   {"passes", verification.passes()},
                                   {"bar", interpreter::Comparison::bar},
                                   {"worst", verification.comparison.worst()},
                                   {"differences", rows}};
  fmt::print("{}\n", report.dump(2));
}
} // namespace

int shardc::verifyCommand(const JobOptions &options, int64_t world) {
  auto compiled = compileJob(options, Stage::Exec);
  if (!compiled)
    return 1;
  if (!options.json) {
    fmt::print("{}\nat full size: every type, collective, group and buffer checks\n",
               identityLine(compiled->job));
    std::fflush(stdout);
  }
  interpreter::VerifyOptions verify;
  verify.world = world;
  verify.toStep = [](mlir::ModuleOp module) { return runPipeline(module, Stage::Step); };
  verify.toDist = [](mlir::ModuleOp module) { return runPipeline(module, Stage::Dist); };
  frontend::Diagnostics diags;
  auto verification = interpreter::verifyJob(*compiled->context, compiled->job, verify, diags);
  if (!diags.empty())
    fmt::print(stderr, "{}", diags.str());
  if (!verification)
    return 1;
  if (options.json)
    printJson(*verification);
  else
    verification->print(llvm::outs());
  return verification->passes() ? 0 : 1;
}
