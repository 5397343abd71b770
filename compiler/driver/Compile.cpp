//===- Compile.cpp - from a job file to a module, errors printed as users read them ===//

#include "compiler/driver/Commands.h"
#include "compiler/frontend/Diagnostics.h"
#include "compiler/frontend/build/BuildModule.h"
#include "dialects/dist/Dist.h"
#include "dialects/exec/Exec.h"
#include "dialects/pipe/Pipe.h"

#include "fmt/format.h"
#include "mlir/IR/Diagnostics.h"
#include <cstdio>

using namespace shardc;

namespace {
/// The file:line:column inside a location, whatever wraps it.
std::optional<mlir::FileLineColLoc> placeOf(mlir::Location loc) {
  std::optional<mlir::FileLineColLoc> place;
  loc->walk([&](mlir::Location inner) {
    auto file = llvm::dyn_cast<mlir::FileLineColLoc>(inner);
    if (!file)
      return mlir::WalkResult::advance();
    place = file;
    return mlir::WalkResult::interrupt();
  });
  return place;
}

void printDiagnostic(const mlir::Diagnostic &diagnostic, const char *severity) {
  std::string where = "shardc";
  if (auto place = placeOf(diagnostic.getLocation()))
    where = place->getLine() == 0 // of `--set`
                ? place->getFilename().str()
                : fmt::format("{}:{}:{}", place->getFilename().str(), place->getLine(), place->getColumn());
  fmt::print(stderr, "{}: {}: {}\n", where, severity, diagnostic.str());
}

std::vector<std::filesystem::path> searchDirs() {
  const char *home = std::getenv("SHARDC_HOME");
  return {std::filesystem::path(home ? home : SHARDC_SOURCE_DIR) / "plans"};
}
} // namespace

std::optional<frontend::Job> shardc::readJob(const JobOptions &options) {
  frontend::Diagnostics diags;
  auto job = frontend::loadJob(options.path, {options.sets, searchDirs()}, diags);
  if (!diags.empty())
    fmt::print(stderr, "{}", diags.str());
  return diags.empty() ? std::move(job) : std::nullopt;
}

std::optional<CompiledJob> shardc::compileJob(const JobOptions &options, Stage last) {
  auto job = readJob(options);
  if (!job)
    return {};
  CompiledJob compiled{
      std::move(*job), std::make_unique<mlir::MLIRContext>(mlir::MLIRContext::Threading::DISABLED), {}};
  mlir::MLIRContext &context = *compiled.context;
  context.printOpOnDiagnostic(false); // users have written no op
  context.loadDialect<nn::NnDialect, dist::DistDialect, pipes::PipeDialect, exec::ExecDialect>();
  context.getDiagEngine().registerHandler([](mlir::Diagnostic &diagnostic) {
    printDiagnostic(diagnostic,
                    diagnostic.getSeverity() == mlir::DiagnosticSeverity::Error ? "error" : "warning");
    for (mlir::Diagnostic &note : diagnostic.getNotes())
      printDiagnostic(note, "note");
    return mlir::success();
  });
  frontend::Diagnostics diags;
  compiled.module = frontend::buildModule(context, compiled.job, diags);
  if (!diags.empty())
    fmt::print(stderr, "{}", diags.str());
  if (!compiled.module || !diags.empty() ||
      failed(runPipeline(*compiled.module, last, {options.dumpDir, options.timing, options.rehearse})))
    return {};
  return compiled;
}
