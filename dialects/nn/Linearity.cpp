//===- Linearity.cpp - may a map be computed on partial sums? -------------===//
//
// A value of the region is Constant (does not depend on the arguments), Linear (a linear function of them,
// homogeneous: no constant added) or Other. Sums of Linear are Linear; a Linear times or over a Constant is
// Linear; `partial + 1.0` is Other, because every rank would add the 1.
//
//===----------------------------------------------------------------------===//

#include "dialects/nn/Layout.h"
#include "dialects/nn/Nn.h"

using namespace mlir;

namespace {
enum class Degree { Constant, Linear, Other };

Degree degreeOf(Operation &op, ArrayRef<Degree> in) {
  auto all = [&](Degree degree) { return llvm::all_of(in, [&](Degree d) { return d == degree; }); };
  if (all(Degree::Constant))
    return Degree::Constant;
  if (isa<arith::AddFOp, arith::SubFOp, arith::NegFOp, arith::AddIOp, arith::SubIOp, arith::ExtFOp,
          arith::TruncFOp>(op))
    return all(Degree::Linear) ? Degree::Linear : Degree::Other;
  if (isa<arith::MulFOp, arith::MulIOp>(op)) {
    bool oneOfEach = (in[0] == Degree::Linear && in[1] == Degree::Constant) ||
                     (in[0] == Degree::Constant && in[1] == Degree::Linear);
    return oneOfEach ? Degree::Linear : Degree::Other;
  }
  if (isa<arith::DivFOp>(op))
    return in[0] == Degree::Linear && in[1] == Degree::Constant ? Degree::Linear : Degree::Other;
  return Degree::Other;
}
} // namespace

bool nn::isLinear(Block &body, Operation **culprit) {
  llvm::DenseMap<Value, Degree> degrees;
  for (BlockArgument argument : body.getArguments())
    degrees[argument] = Degree::Linear;
  for (Operation &op : body) {
    SmallVector<Degree> in =
        llvm::map_to_vector(op.getOperands(), [&](Value v) { return degrees.lookup(v); });
    bool ends = op.hasTrait<OpTrait::IsTerminator>();
    Degree degree = ends ? Degree::Linear : degreeOf(op, in);
    bool isBad =
        ends ? llvm::any_of(in, [](Degree d) { return d != Degree::Linear; }) : degree == Degree::Other;
    if (isBad) {
      if (culprit)
        *culprit = &op;
      return false;
    }
    for (Value result : op.getResults())
      degrees[result] = degree;
  }
  return true;
}
