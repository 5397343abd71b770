//===- WorkCosts.cpp - what the computing ops cost --------------------------===//

#include "dialects/exec/Exec.h"
#include "dialects/exec/Loops.h"
#include "dialects/nn/Cost.h"

using namespace mlir;
using namespace exec;

static double points(ArrayRef<LoopAttr> loops) {
  double count = 1;
  for (LoopAttr loop : loops)
    count *= static_cast<double>(loop.getSize());
  return count;
}

/// Of the elements that the first `operands` of the loops' strides go through.
static double costOfMoving(ArrayRef<LoopAttr> loops, size_t operands) {
  constexpr double bytesPerElement = 4;
  double elements = 0;
  for (size_t operand = 0; operand < operands; ++operand) {
    double own = 1;
    for (LoopAttr loop : loops)
      if (operand < loop.getStrides().size() && loop.getStrides()[operand] != 0)
        own *= static_cast<double>(loop.getSize());
    elements += own;
  }
  return nn::flopsPerByte * bytesPerElement * elements;
}

static double costOf(ArrayRef<LoopAttr> loops, size_t operands, double operationsPerPoint) {
  return std::max(operationsPerPoint * points(loops), costOfMoving(loops, operands));
}

double GemmOp::getCost() {
  SmallVector<LoopAttr> loops = getBatch() ? loopsOf(*getBatch()) : SmallVector<LoopAttr>();
  llvm::append_values(loops, getM(), getN(), getK());
  return costOf(loops, 3, 2);
}

double KernelOp::getCost() {
  const auto scalars = llvm::range_size(getBody().front().without_terminator());
  return costOf(loopsOf(getLoops()), getInputs().size() + getOutputs().size(), static_cast<double>(scalars));
}

/// Scores, and what is made of them: a product is 2 operations a point.
template <class Op> static double costOfProducts(Op op, int products) {
  const LoopAttr loops[] = {op.getBatch(),    op.getKvHead(), op.getGroup(),
                            op.getQuerySeq(), op.getKeySeq(), op.getDim()};
  return 2 * products * points(loops);
}
double AttentionOp::getCost() {
  return costOfProducts(*this, 2);
}
/// The scores again, and four products.
double AttentionBackwardOp::getCost() {
  return costOfProducts(*this, 5);
}

double RopeOp::getCost() {
  SmallVector<LoopAttr> loops = loopsOf(getLoops());
  const auto size = static_cast<double>(getDim().getSize());
  return size * costOfMoving(loops, 3);
}

double GatherOp::getCost() {
  return costOf(loopsOf(getLoops()), 3, 1);
}
double ScatterAddOp::getCost() {
  return costOf(loopsOf(getLoops()), 3, 1);
}
double IotaOp::getCost() {
  return costOf(loopsOf(getLoops()), 1, 1);
}
double RandomOp::getCost() {
  return costOf(loopsOf(getLoops()), 1, 1);
}
double DropoutOp::getCost() {
  return costOf(loopsOf(getLoops()), 2, 1);
}
double CopyOp::getCost() {
  return costOf(loopsOf(getLoops()), 2, 0);
}
double MaskOp::getCost() {
  return costOf(loopsOf(getLoops()), 2, 0);
}

LogicalResult PauseOp::verify() {
  if (getCost().convertToDouble() <= 0) // C1
    return emitOpError() << "costs " << getCost().convertToDouble() << ", it must cost something";
  return success();
}
