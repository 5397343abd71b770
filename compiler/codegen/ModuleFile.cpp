//===- ModuleFile.cpp - the text of a module's header and source -----------===//

#include "compiler/codegen/Functions.h"

#include <fmt/format.h>

using namespace mlir;

namespace shardc::codegen {

std::string ModuleFile::addObject(const std::string &type, llvm::StringRef wanted, const std::string &initial,
                                  const std::string &comment) {
  auto [at, isNew] = objectNames.try_emplace(type + initial);
  if (!isNew)
    return at->second;
  at->second = names.fresh(wanted);
  // Literal types take braces as they are, classes take one argument.
  bool isLiteral = llvm::StringRef(type).contains("constexpr");
  objects.line(isLiteral ? fmt::format("{} {}{};", type, at->second, initial)
                         : fmt::format("{} {}({});", type, at->second, initial),
               comment);
  return at->second;
}

std::string ModuleFile::addWork(llvm::StringRef wanted, const Work &work, const std::string &comment,
                                Names &locals) {
  std::string parameters = shared.target.leadParameter + work.parameters();
  if (llvm::StringRef(parameters).ends_with(", "))
    parameters.resize(parameters.size() - 2);
  auto [at, isNew] = workNames.try_emplace(parameters + "\n" + work.body.str());
  if (!isNew && !locals.isTaken(at->second))
    return at->second;
  std::string name = names.fresh(wanted);
  while (locals.isTaken(name))
    name = names.fresh(wanted);
  at->second = name;
  definitions.line(fmt::format("static void {}({}) {{", name, parameters), comment);
  definitions.append(shared.target.hasLoops ? work.body.str()
                                            : fmt::format("  notImplemented({});\n", cString(name)));
  definitions.line("}");
  definitions.blank();
  return name;
}

std::string ModuleFile::headerText() const {
  Text text;
  text.line(fmt::format("// {}.h: declarations of {}{}.", name, name, shared.target.extension));
  text.line("#pragma once");
  text.line("#include \"bundles.h\"");
  text.blank();
  text.line("namespace trainer {");
  text.blank();
  text.append(declarations.str());
  text.line("} // namespace trainer");
  return text.str();
}

std::string ModuleFile::sourceText() const {
  Text text;
  std::string mesh;
  if (shared.mesh)
    for (auto [axis, size] : llvm::zip(shared.mesh.getNames(), shared.mesh.getSizes()))
      mesh += fmt::format("{}{} = {}", mesh.empty() ? " on " : ", ", axis.str(), size);
  const std::string space = program ? program->space : "";
  text.line(program ? fmt::format("// {}{}: what a rank{} does to begin, in a step and to evaluate; "
                                  "sizes are a rank's own{}.",
                                  name, shared.target.extension, space.empty() ? "" : " of this stage", mesh)
                    : fmt::format("// {}{}: the module `{}` of {}; sizes are a rank's own{}.", name,
                                  shared.target.extension, name, shared.recipe.name, mesh));
  text.line(program ? "#include \"program.h\"" : fmt::format("#include \"modules/{}.h\"", name));
  for (const std::string &include : includes)
    if (include != name)
      text.line(fmt::format("#include \"modules/{}.h\"", include));
  if (!space.empty())
    text.line("#include \"runtime/comm/Messages.h\"");
  text.line("#include \"support/Kernels.h\"");
  if (llvm::StringRef(objects.str()).contains("RopeTable"))
    text.line("#include \"support/RopeTable.h\"");
  text.blank();
  const std::string opened = space.empty() ? "trainer" : "trainer::" + space;
  text.line("namespace " + opened + " {");
  text.blank();
  text.append(objects.str());
  if (!objects.str().empty())
    text.blank();
  text.append(definitions.str());
  text.line("} // namespace " + opened);
  return text.str();
}

} // namespace shardc::codegen
