//===- Layouts.cpp - where the parameters of a program lie ----------------===//

#include "compiler/analysis/Layouts.h"

#include "dialects/dist/Dist.h"
#include "dialects/pipe/Pipe.h"

using namespace mlir;
using namespace shardc;

std::optional<std::pair<std::string, int64_t>> shardc::splitIndex(StringRef path) {
  auto [head, tail] = path.rsplit('.');
  int64_t index = 0;
  if (tail.empty() || tail.getAsInteger(10, index))
    return {};
  return std::pair{head.str() + ".", index};
}

namespace {
/// Consecutive layers of equal layout, growing as arguments are read.
struct Run {
  std::string prefix; // `h.`; the whole path when there is no index
  int64_t first = 0, last = 0;
  nn::BundleType bundle;
  bool isCopy = false;

  std::string nameOf(StringRef field, bool asRange) const {
    if (prefix.empty())
      return field.str();
    std::string index = std::to_string(first);
    if (asRange && last > first)
      index += "-" + std::to_string(last);
    bool isIndexed = prefix.back() == '.';
    return prefix + (isIndexed ? index : std::string()) + "." + field.str();
  }
};
} // namespace

/// The layout that the rules give the tensor, without those at rest.
static nn::NamedTensorType inUse(nn::NamedTensorType type, ModuleOp module) {
  dist::PlanAttr plan = dist::planOf(module);
  return plan ? nn::place(type, *plan.place(type.getAxes(), /*kind=*/"", /*error=*/{})) : type;
}

int64_t shardc::localElements(nn::NamedTensorType type, ModuleOp module) {
  dist::PlanAttr plan = dist::planOf(module);
  int64_t count = 1;
  for (nn::AxisAttr axis : type.getAxes())
    count *= plan ? dist::localSize(axis, plan) : axis.getSize();
  return count;
}

std::vector<ParameterLayout> shardc::parameterLayouts(ModuleOp module) {
  std::vector<Run> runs;
  auto step = module.lookupSymbol<nn::FuncOp>("step");
  for (unsigned i = 0; step && i < step.getNumArguments(); ++i) {
    auto path = step.getArgAttrOfType<StringAttr>(i, nn::pathAttrName);
    auto bundle = dyn_cast<nn::BundleType>(step.getArgumentTypes()[i]);
    if (kindOfArgument(step, i) != nn::kindParameter || !path || !bundle)
      continue;
    auto indexed = splitIndex(path.getValue());
    if (indexed && !runs.empty() && runs.back().prefix == indexed->first &&
        runs.back().last + 1 == indexed->second && runs.back().bundle == bundle) {
      runs.back().last = indexed->second;
      continue;
    }
    runs.push_back({indexed ? indexed->first : path.str(), indexed ? indexed->second : 0,
                    indexed ? indexed->second : 0, bundle,
                    step.getArgAttr(i, pipes::copyAttrName) != nullptr});
  }
  std::vector<ParameterLayout> layouts;
  for (const Run &run : runs)
    for (auto [field, type] : llvm::zip(run.bundle.getFields(), run.bundle.getTypes())) {
      auto tensor = cast<nn::NamedTensorType>(type);
      layouts.push_back({run.nameOf(field, false), run.nameOf(field, true), tensor, inUse(tensor, module),
                         run.last - run.first + 1, localElements(tensor, module), run.isCopy});
    }
  return layouts;
}
