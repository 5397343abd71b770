//===- Loads.cpp - what operations cost -------------------------------------===//
//
//   contraction   2 x its iteration space      attention   4 x (scores, and their product with v); backward
//   map           the scalar operations of its body x its space                            2.5 times that
//
// Backward of attention computes the scores again and has five products where forward has two.
//
//===----------------------------------------------------------------------===//

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

/// What becomes another view of the same memory, or nothing at all.
static bool isFree(Operation *op) {
  return isa<nn::PackOp, nn::UnpackOp, nn::KeyOp, nn::ChildKeyOp, nn::RenameOp, nn::SplitOp, nn::MergeOp,
             nn::SliceOp, nn::UnstackOp, nn::DetachOp, nn::IotaOp>(op);
}

static double elementsOf(Value value, dist::PlanAttr plan) {
  double elements = 1;
  for (nn::AxisAttr axis : cast<nn::NamedTensorType>(value.getType()).getAxes())
    elements *= static_cast<double>(plan ? dist::localSize(axis, plan) : axis.getSize());
  return elements;
}

/// The product of the sizes of all axes that operands and results have.
static double spaceOf(Operation *op, dist::PlanAttr plan) {
  llvm::MapVector<StringAttr, double> sizes;
  for (ValueRange values : {ValueRange(op->getOperands()), ValueRange(op->getResults())})
    for (Value value : values)
      if (auto tensor = dyn_cast<nn::NamedTensorType>(value.getType()))
        for (nn::AxisAttr axis : tensor.getAxes())
          sizes[axis.getName()] = static_cast<double>(plan ? dist::localSize(axis, plan) : axis.getSize());
  double space = 1;
  for (auto [name, size] : sizes)
    space *= size;
  return space;
}

static double flopsOf(Operation *op, dist::PlanAttr plan) {
  if (isa<nn::ContractOp>(op))
    return 2 * spaceOf(op, plan);
  if (isa<nn::AttentionOp>(op))
    return 4 * spaceOf(op, plan);
  if (isa<nn::AttentionBackwardOp>(op))
    return 10 * spaceOf(op, plan);
  if (auto map = dyn_cast<nn::MapOp>(op)) {
    const auto scalars = static_cast<double>(llvm::range_size(map.getBody().front().without_terminator()));
    return scalars * spaceOf(op, plan);
  }
  if (isa<nn::ScatterAddOp>(op))
    return elementsOf(op->getOperand(0), plan);
  return isa<nn::ReduceOp, nn::RopeOp, nn::DropoutOp>(op) ? spaceOf(op, plan) : 0;
}

static double bytesOf(Operation *op, dist::PlanAttr plan) {
  constexpr double bytesPerElement = 4; // f32 throughout
  double elements = 0;
  for (ValueRange values : {ValueRange(op->getOperands()), ValueRange(op->getResults())})
    for (Value value : values)
      if (isa<nn::NamedTensorType>(value.getType())) {
        // Of a table that rows are read from, or added to in place, those rows.
        const bool isTable = isa<nn::GatherOp>(op) ? value == op->getOperand(0)
                                                   : isa<nn::ScatterAddOp>(op) && value == op->getResult(0);
        elements += elementsOf(!isTable                ? value
                               : isa<nn::GatherOp>(op) ? op->getResult(0)
                                                       : op->getOperand(0),
                               plan);
      }
  return bytesPerElement * elements;
}

Load Loads::of(Operation *op) {
  if (auto call = dyn_cast<nn::CallOp>(op)) {
    nn::FuncOp callee = nn::calleeOf(call);
    if (auto found = functions.find(callee); found != functions.end())
      return found->second;
    Load sum;
    for (Operation &inner : callee.getBody().front().without_terminator())
      sum += of(&inner);
    return functions[callee] = sum;
  }
  Load load;
  if (isFree(op) || !isa<nn::NnDialect>(op->getDialect()))
    return load;
  auto module = op->getParentOfType<ModuleOp>();
  dist::PlanAttr plan = module ? dist::planOf(module) : dist::PlanAttr();
  load.flops = flopsOf(op, plan);
  load.bytes = bytesOf(op, plan);
  load.time = std::max(load.flops, nn::flopsPerByte * load.bytes);
  return load;
}
