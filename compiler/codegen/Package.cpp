//===- Package.cpp - the files of a package --------------------------------===//

#include "compiler/codegen/Package.h"
#include "compiler/codegen/Functions.h"
#include "compiler/codegen/Tables.h"

#include <cstdlib>
#include <fmt/format.h>
#include <fstream>
#include <map>
#include <sstream>

using namespace mlir;
namespace fs = std::filesystem;

namespace shardc::codegen {
namespace {

/// Paths relative to the package, and what stands in them.
using Files = std::map<std::string, std::string>;

/// Where codegen_templates and runtime are: $SHARDC_HOME, or where shardc was built.
fs::path homeFolder() {
  const char *home = std::getenv("SHARDC_HOME");
  return home && *home ? home : SHARDC_SOURCE_DIR;
}

FailureOr<std::string> readFile(const fs::path &path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  if (!in)
    return failure();
  return text.str();
}

/// Every file below `from` that a package takes along, under `to`.
LogicalResult addFolder(ModuleOp module, const fs::path &from, const std::string &to, Files &files) {
  std::error_code error;
  fs::recursive_directory_iterator entries(from, error), end;
  if (error)
    return module.emitError() << "'" << from.string() << "' cannot be read: " << error.message()
                              << "; SHARDC_HOME names the folder that has codegen_templates and runtime";
  for (; entries != end; entries.increment(error)) {
    if (error)
      return module.emitError() << "'" << from.string() << "' cannot be read: " << error.message();
    if (!entries->is_regular_file())
      continue;
    FailureOr<std::string> text = readFile(entries->path());
    if (failed(text))
      return module.emitError() << "'" << entries->path().string() << "' cannot be read";
    files[to + entries->path().lexically_relative(from).generic_string()] = *text;
  }
  return success();
}

/// Writes a file unless it has these bytes already, so that a build that follows compiles only what changed.
LogicalResult writeFile(ModuleOp module, const fs::path &path, const std::string &text) {
  if (FailureOr<std::string> old = readFile(path); succeeded(old) && *old == text)
    return success();
  std::error_code error;
  fs::create_directories(path.parent_path(), error);
  std::ofstream out(path, std::ios::binary);
  out << text;
  out.close();
  if (!out)
    return module.emitError() << "'" << path.string()
                              << "' cannot be written: " << (error ? error.message() : std::strerror(errno));
  return success();
}

/// Files of an older package that this one lacks. Beside its folders stand files of others, too.
void removeStale(const fs::path &folder, const Files &files) {
  std::vector<fs::path> found;
  std::error_code error;
  auto collect = [&](auto entries) {
    for (decltype(entries) end; !error && entries != end; entries.increment(error))
      if (entries->is_regular_file())
        found.push_back(entries->path().lexically_relative(folder));
  };
  for (const char *part : {"modules", "support", "runtime"})
    collect(fs::recursive_directory_iterator(folder / part, error));
  collect(fs::directory_iterator(folder, error));
  for (const fs::path &path : found) {
    const std::string name = path.filename().string();
    const bool isOurs = path.has_parent_path() || name.starts_with("program.") || name.starts_with("stage_");
    if (isOurs && !files.contains(path.generic_string()))
      fs::remove(folder / path, error);
  }
}

/// Of the README, where there is a pipeline.
const char *const stagesNote = "\nEach stage of the pipeline has a program of its own, `stage_0.*` and so on "
                               "instead of `program.*`; a rank "
                               "runs that of its place\non the mesh. What several stages have alike is one "
                               "function; where a later stage "
                               "has another one of that name, it is called\n`stage_1_...`.\n";

class PackagePrinter {
public:
  PackagePrinter(ModuleOp module, const Recipe &recipe) : shared(module, recipe) {}
  LogicalResult print(Files &files);

private:
  LogicalResult check();
  LogicalResult functions(Files &files);
  std::string programHeader();
  std::string bundlesHeader();

  Shared shared;
};

LogicalResult PackagePrinter::check() {
  for (auto &program : shared.programs.all)
    for (const char *entry : {"init", "step"}) {
      auto func = program->symbols.lookup<exec::FuncOp>(entry);
      if (!func || !func.getEntry())
        return program->module.emitError() << "the program has no entry @" << entry;
    }
  return success();
}

/// One file for each module of the model; the entries stand in program.cpp, or stage_0.cpp, ...
LogicalResult PackagePrinter::functions(Files &files) {
  llvm::MapVector<std::string, std::unique_ptr<ModuleFile>, std::map<std::string, unsigned>> modules;
  auto moduleOf = [&](exec::FuncOp func) -> ModuleFile & {
    std::unique_ptr<ModuleFile> &file = modules[shared.fileOf(func)];
    if (!file)
      file = std::make_unique<ModuleFile>(shared, shared.fileOf(func));
    return *file;
  };
  for (auto &program : shared.programs.all) {
    ModuleFile entries(shared, *program);
    for (auto func : program->module.getOps<exec::FuncOp>())
      if (shared.programs.standIn(func) == func &&
          failed(FunctionPrinter(func.getEntry() ? entries : moduleOf(func), *program, func).print()))
        return failure();
    files[entries.name + shared.target.extension] = entries.sourceText();
  }
  for (auto &[name, file] : modules) {
    files["modules/" + name + ".h"] = file->headerText();
    files["modules/" + name + shared.target.extension] = file->sourceText();
  }
  return success();
}

std::string PackagePrinter::programHeader() {
  Text out;
  out.line("// program.h: the mesh, and what the runtime calls.");
  out.line("#pragma once");
  const bool hasStages = shared.programs.arePipelined();
  out.line("#include \"bundles.h\"");
  if (hasStages)
    out.line("#include \"runtime/core/Program.h\"");
  out.line("#include \"support/Kernels.h\"");
  out.blank();
  if (!hasStages) {
    out.line("namespace rt {");
    out.line("struct Program;");
    out.line("}");
    out.blank();
  }
  out.line("namespace trainer {");
  out.blank();
  if (hasStages)
    out.line(fmt::format("extern const rt::Program program[{}];", shared.programs.all.size()),
             "of each stage");
  else
    out.line("extern const rt::Program program;");
  if (shared.target.hasLoops)
    out.line("extern const int64_t sumScratchBytes;", "of the largest sum over rows");
  out.blank();
  for (auto &program : shared.programs.all) {
    if (hasStages)
      out.line("namespace " + program->space + " {");
    out.line("void init(rt::Context &context);");
    out.line("void step(rt::Context &context);");
    out.line("void eval(rt::Context &context);");
    if (hasStages)
      out.line("} // namespace " + program->space);
    out.blank();
  }
  out.line("} // namespace trainer");
  return out.str();
}

std::string PackagePrinter::bundlesHeader() {
  Text out;
  out.line("// bundles.h: the mesh, and buffers that travel together: a module's weights, gradients, saved "
           "values.");
  out.line("#pragma once");
  out.line("#include \"runtime/core/Context.h\"");
  out.line("#include \"runtime/kernels/Philox.h\"");
  out.line("#include \"support/Memory.h\"");
  out.blank();
  out.line("namespace trainer {");
  out.blank();
  int number = 0;
  if (shared.mesh && !shared.mesh.getNames().empty()) {
    out.line("/// Mesh axes, as rt::Context counts them.");
    out.line("namespace mesh {");
    for (auto [name, size] : llvm::zip(shared.mesh.getNames(), shared.mesh.getSizes()))
      out.line(fmt::format("constexpr int {} = {};", identifier(name.getValue()), number++),
               fmt::format("{} ranks", size));
    out.line("} // namespace mesh");
    out.blank();
  }
  number = 0;
  if (!shared.groups.empty()) {
    out.line("/// Ranks that differ only on these mesh axes.");
    out.line("namespace groups {");
    for (auto &[axes, name] : shared.groups)
      out.line(fmt::format("constexpr int {} = {};", name, number++));
    out.line("} // namespace groups");
    out.blank();
  }
  out.line(fmt::format("constexpr uint64_t seed = {}u;", shared.recipe.seed));
  out.blank();
  out.append(shared.bundles.definitions());
  out.line("} // namespace trainer");
  return out.str();
}

LogicalResult PackagePrinter::print(Files &files) {
  if (failed(check()) || failed(functions(files)))
    return failure();
  FailureOr<std::string> tables = tablesText(shared), manifest = manifestText(shared);
  if (failed(tables) || failed(manifest))
    return failure();
  files["tables" + shared.target.extension] = *tables;
  files["manifest.json"] = *manifest;
  files["program.h"] = programHeader();
  files["bundles.h"] = bundlesHeader();
  fs::path templates = homeFolder() / "codegen_templates";
  if (failed(addFolder(shared.module, templates / "common", "", files)) ||
      failed(addFolder(shared.module, templates / shared.target.folder, "", files)))
    return failure();
  if (shared.programs.arePipelined())
    files["README.md"] += stagesNote;
  return addFolder(shared.module, homeFolder() / "runtime", "runtime/", files);
}

} // namespace

LogicalResult writePackage(ModuleOp execModule, const Recipe &recipe, const fs::path &folder) {
  Files files;
  if (failed(PackagePrinter(execModule, recipe).print(files)))
    return failure();
  removeStale(folder, files);
  for (const auto &[path, text] : files)
    if (failed(writeFile(execModule, folder / path, text)))
      return failure();
  return success();
}

} // namespace shardc::codegen
