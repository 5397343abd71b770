//===- BuildCommand.cpp - shardc build, shardc run ------------------------===//
//
// A trainer is cached by content: the package that codegen writes is hashed, file by file, with the
// compiler's version, and built once. The runtime, which every package holds a copy of, is built once for all
// of them.
//
//===----------------------------------------------------------------------===//

#include "compiler/codegen/Package.h"
#include "compiler/driver/Cache.h"
#include "compiler/driver/Commands.h"
#include "compiler/driver/Launch.h"

#include "fmt/format.h"
#include "fmt/std.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/Support/Program.h"
#include <fstream>
#include <thread>
#include <unistd.h>

namespace fs = std::filesystem;
using namespace shardc;

namespace {
int complain(const std::string &message) {
  fmt::print(stderr, "shardc: error: {}\n", message);
  return 1;
}

/// Runs a command with its output in `log`. True if it succeeded.
bool runLogged(const std::vector<std::string> &words, const fs::path &log) {
  auto program = llvm::sys::findProgramByName(words[0]);
  if (!program)
    return false;
  std::vector<llvm::StringRef> arguments(words.begin(), words.end());
  std::string logPath = log.string();
  std::optional<llvm::StringRef> redirects[] = {llvm::StringRef(""), llvm::StringRef(logPath),
                                                llvm::StringRef(logPath)};
  return llvm::sys::ExecuteAndWait(*program, arguments, std::nullopt, redirects) == 0;
}

/// The last lines of a build's log that name an error, or its end.
std::string tailOf(const fs::path &log) {
  std::string text = readFile(log);
  size_t at = text.find("error:");
  at = at == std::string::npos ? (text.size() > 2000 ? text.size() - 2000 : 0) : text.rfind('\n', at) + 1;
  return text.substr(at, 2000);
}

/// Configures and builds a CMake project. On failure says so, with the end of the log.
bool buildProject(const fs::path &source, const fs::path &build,
                  const std::vector<std::string> &definitions) {
  fs::create_directories(build);
  fs::path log = build / "build.log";
  std::vector<std::string> configure = {"cmake",
                                        "-G",
                                        "Ninja",
                                        "-S",
                                        source.string(),
                                        "-B",
                                        build.string(),
                                        "-DCMAKE_BUILD_TYPE=Release",
                                        "-DCMAKE_CXX_COMPILER=g++"};
  configure.insert(configure.end(), definitions.begin(), definitions.end());
  bool built = runLogged(configure, log) && runLogged({"cmake", "--build", build.string()}, log);
  if (!built)
    complain(
        fmt::format("{} does not build; the log is {}:\n{}", source.string(), log.string(), tailOf(log)));
  return built;
}

/// Missing tools are named before anything is generated. Empty: all are there.
std::string missingTool(const std::vector<std::string> &tools) {
  for (const std::string &tool : tools)
    if (!llvm::sys::findProgramByName(tool))
      return tool;
  return {};
}

/// g++'s version and the machine it compiles for (-march=native).
std::string compilerIdentity() {
  fs::path out = fs::temp_directory_path() / fmt::format("shardc-gxx-{}", getpid());
  runLogged({"g++", "-march=native", "-Q", "--help=target"}, out);
  std::string text = readFile(out);
  runLogged({"g++", "--version"}, out);
  text += readFile(out);
  fs::remove(out);
  return text;
}

/// The static library of the runtime, built once per content. Empty after an error that was reported.
fs::path runtimeLibrary(const std::string &compiler) {
  fs::path source = fs::path(SHARDC_SOURCE_DIR) / "runtime";
  fs::path build = cacheRoot() / ("runtime-" + contentHash(source, compiler));
  bool built = buildOnce(build, [&] {
    fmt::print(stderr, "shardc: building the runtime (once)\n");
    return buildProject(source, build, {});
  });
  return built ? build / "libShardcRuntime.a" : fs::path();
}

/// The trainer's binary for a compiled job, from the cache or built now. Empty after an error that was
/// reported.
fs::path buildTrainer(const CompiledJob &compiled) {
  std::string tool = missingTool({"cmake", "ninja", "g++", "mpirun"});
  if (!tool.empty())
    return complain(fmt::format("{} was not found; scripts/setup installs it", tool)), fs::path();
  std::string compiler = compilerIdentity();
  fs::path fresh = cacheRoot() / fmt::format("fresh-{}", getpid());
  auto cleanUp = llvm::make_scope_exit([&] {
    std::error_code ignored;
    fs::remove_all(fresh, ignored);
  });
  fs::remove_all(fresh);
  if (failed(codegen::writePackage(*compiled.module, compiled.job, fresh)))
    return {};
  fs::path package = cacheRoot() / contentHash(fresh, compiler);
  bool built = buildOnce(package, [&] {
    fs::path runtime = runtimeLibrary(compiler);
    if (runtime.empty())
      return false;
    fs::rename(fresh, package);
    fmt::print(stderr, "shardc: building the trainer in {}\n", package.string());
    return buildProject(package, package / "build", {"-DSHARDC_RUNTIME_LIBRARY=" + runtime.string()});
  });
  return built ? package / "build" / "trainer" : fs::path();
}
} // namespace

int shardc::buildCommand(const JobOptions &options, const std::string &folder) {
  auto compiled = compileJob(options, Stage::Exec);
  if (!compiled)
    return 1;
  std::error_code error;
  fs::create_directories(folder, error);
  if (error)
    return complain(fmt::format("{}: {}", folder, error.message()));
  if (failed(codegen::writePackage(*compiled->module, compiled->job, folder)))
    return 1;
  if (!buildProject(folder, fs::path(folder) / "build", {}))
    return 1;
  fmt::print("{}\npackage {}\ntrainer {}\n", identityLine(compiled->job), folder,
             (fs::path(folder) / "build" / "trainer").string());
  return 0;
}

int shardc::runCommand(const JobOptions &options, const RunOptions &run) {
  auto compiled = compileJob(options, Stage::Exec);
  if (!compiled)
    return 1;
  int64_t ranks = compiled->job.plan.worldSize();
  int64_t cores = std::max(1u, std::thread::hardware_concurrency());
  if (ranks > cores * run.ranksPerCore)
    return complain(
        fmt::format("the plan's mesh has {} ranks, this machine has {} cores and runs {} ranks on each; "
                    "--ranks-per-core {} allows it",
                    ranks, cores, run.ranksPerCore, (ranks + cores - 1) / cores));
  fmt::print("{}\n", identityLine(compiled->job));
  std::fflush(stdout);
  fs::path trainer = buildTrainer(*compiled);
  if (trainer.empty())
    return 1;
  if (run.onlyBuild) {
    fmt::print("{}\n", trainer.string());
    return 0;
  }
  return launch({trainer, ranks, run.trainerArguments});
}
