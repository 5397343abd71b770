//===- Loads.cpp - what operations cost -------------------------------------===//

#include "compiler/analysis/Loads.h"

#include "dialects/dist/Dist.h"

using namespace mlir;
using namespace shardc;

Load &Load::operator+=(const Load &other) {
  flops += other.flops;
  bytes += other.bytes;
  time += other.time;
  return *this;
}

static Load loadOf(nn::CostOpInterface op) {
  constexpr double bytesPerElement = 4; // f32 throughout
  auto module = op->getParentOfType<ModuleOp>();
  dist::PlanAttr plan = module ? dist::planOf(module) : dist::PlanAttr();
  Load load;
  double space = 1; // points
  llvm::SmallDenseSet<StringAttr> spanned;
  for (Value tensor : op.getTouched()) {
    double elements = 1;
    for (nn::AxisAttr axis : cast<nn::NamedTensorType>(tensor.getType()).getAxes()) {
      const auto size = static_cast<double>(plan ? dist::localSize(axis, plan) : axis.getSize());
      elements *= size;
      if (spanned.insert(axis.getName()).second)
        space *= size;
    }
    load.bytes += bytesPerElement * elements;
  }
  load.flops = op.getFlopsPerPoint() * space;
  load.time = std::max(load.flops, nn::flopsPerByte * load.bytes);
  return load;
}

Load Loads::of(Operation *op) {
  if (auto costs = dyn_cast<nn::CostOpInterface>(op))
    return loadOf(costs);
  auto call = dyn_cast<nn::CallOp>(op);
  if (!call)
    return {};
  nn::FuncOp callee = nn::calleeOf(call);
  if (auto found = functions.find(callee); found != functions.end())
    return found->second;
  Load sum;
  for (Operation &inner : callee.getBody().front().without_terminator())
    sum += of(&inner);
  return functions[callee] = sum;
}
