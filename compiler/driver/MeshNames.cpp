//===- MeshNames.cpp - mesh axes as the plan's author names them ----------===//

#include "compiler/driver/MeshNames.h"

#include "fmt/format.h"

using namespace shardc;

MeshNames::MeshNames(dist::PlanAttr plan) {
  for (dist::MeshAxisAttr axis : plan.getMesh())
    if (auto name = axis.getName().getValue(); name.contains('.'))
      factors[name.split('.').first.str()].push_back({name.str(), axis.getSize()});
}

std::vector<std::string> MeshNames::operator()(llvm::ArrayRef<mlir::StringAttr> names) const {
  return (*this)(llvm::map_to_vector(names, [](mlir::StringAttr name) { return name.str(); }));
}

std::vector<std::string> MeshNames::operator()(llvm::ArrayRef<std::string> names) const {
  std::vector<std::string> written;
  for (const std::string &name : names) {
    const std::string meshAxis = llvm::StringRef(name).split('.').first.str();
    auto cut = factors.find(meshAxis);
    const bool hasAll = cut == factors.end() || llvm::all_of(cut->second, [&](const auto &factor) {
                          return llvm::is_contained(names, factor.first);
                        });
    if (const std::string &shown = hasAll ? meshAxis : name; !llvm::is_contained(written, shown))
      written.push_back(shown);
  }
  return written;
}

std::vector<std::string> MeshNames::cuts() const {
  std::vector<std::string> lines;
  for (const auto &[meshAxis, list] : factors) {
    std::vector<std::string> parts;
    for (const auto &[name, size] : list)
      parts.push_back(fmt::format("{} ({})", name, size));
    lines.push_back(fmt::format("{} = {}", meshAxis, fmt::join(parts, " x ")));
  }
  return lines;
}
