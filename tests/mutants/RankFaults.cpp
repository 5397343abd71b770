//===- RankFaults.cpp - parts and numbers of another rank -----------------===//
//
// What differs between ranks is written in mesh coordinates: where a rank's part of a whole value begins, its
// first row of a table, the first position, sample or element that it numbers.
//
//===----------------------------------------------------------------------===//

#include "tests/mutants/ExecSites.h"

using namespace mlir;
using namespace exec;
using namespace shardc::mutants;

namespace {

template <class Op> bool dropsOut(Op op) {
  return op.getDropout() && op.getDropout()->convertToDouble() > 0;
}

/// Whether the op's result depends on the number: attention numbers heads and samples for dropout alone, and
/// positions for its mask.
bool matters(Operation *op, StringRef attribute) {
  auto ofAttention = [&](auto attention) {
    bool isPosition = attribute == "query_start" || attribute == "key_start";
    bool isMasked = attention.getCausal() || attention.getWindow() || attention.getChunk();
    return dropsOut(attention) || (isPosition && isMasked);
  };
  if (auto attention = dyn_cast<AttentionOp>(op))
    return ofAttention(attention);
  if (auto attention = dyn_cast<AttentionBackwardOp>(op))
    return ofAttention(attention);
  return true;
}

/// Positions of rope may all be shifted: only distances count.
bool mayBeShifted(Operation *op) {
  if (!isa<IotaOp>(op))
    return false;
  for (Operation *user : op->getOperand(0).getUsers())
    if (!isa<IotaOp, GatherOp, ScatterAddOp, KernelOp>(user))
      return true;
  return isa<BlockArgument>(op->getOperand(0));
}

/// The first number that differs between ranks and matters.
std::optional<std::pair<StringAttr, RankAttr>> rankNumberOf(Operation *op) {
  for (auto [name, number] : rankNumbers(op))
    if (!number.isConstant() && matters(op, name.getValue()))
      return {{name, number}};
  return std::nullopt;
}

Edit forgotten(Operation *op) {
  auto found = rankNumberOf(op);
  if (!found)
    return {};
  return setAttribute(op, found->first, RankAttr::get(op->getContext(), found->second.getConstant()));
}

Edit offByOne(Operation *op) {
  auto found = rankNumberOf(op);
  if (!found || mayBeShifted(op))
    return {};
  RankAttr number = found->second;
  return setAttribute(
      op, found->first,
      RankAttr::get(op->getContext(), number.getMesh(), number.getFactors(), number.getConstant() + 1));
}

Edit ofOtherMeshAxis(Operation *op) {
  auto found = rankNumberOf(op);
  if (!found)
    return {};
  RankAttr number = found->second;
  SmallVector<StringAttr> mesh(number.getMesh());
  StringAttr other = meshAxisLike(op, mesh.back(), mesh);
  if (!other)
    return {};
  mesh.back() = other;
  return setAttribute(op, found->first,
                      RankAttr::get(op->getContext(), mesh, number.getFactors(), number.getConstant()));
}

/// Each rank's begins one further than that of the rank before.
Edit factorOffByOne(Operation *op) {
  auto found = rankNumberOf(op);
  if (!found)
    return {};
  RankAttr number = found->second;
  SmallVector<int64_t> factors(number.getFactors());
  factors.back() += 1;
  return setAttribute(op, found->first,
                      RankAttr::get(op->getContext(), number.getMesh(), factors, number.getConstant()));
}

Edit ranksReversed(Operation *op) {
  auto found = rankNumberOf(op);
  if (!found)
    return {};
  RankAttr number = found->second;
  auto mesh = op->getParentOfType<ModuleOp>()->getAttrOfType<MeshAttr>(meshAttrName);
  SmallVector<int64_t> factors(number.getFactors());
  int64_t last = (mesh.sizeOf(number.getMesh().back()) - 1) * factors.back();
  factors.back() = -factors.back();
  return setAttribute(
      op, found->first,
      RankAttr::get(op->getContext(), number.getMesh(), factors, number.getConstant() + last));
}

Edit otherRandomNumbers(Operation *op) {
  auto site = op->getAttrOfType<IntegerAttr>("site");
  bool draws = isa<RandomOp>(op);
  if (auto dropout = dyn_cast<DropoutOp>(op))
    draws = dropout.getP().convertToDouble() > 0;
  if (auto attention = dyn_cast<AttentionOp>(op))
    draws = dropsOut(attention);
  if (auto attention = dyn_cast<AttentionBackwardOp>(op))
    draws = dropsOut(attention);
  return draws && site ? setAttribute(op, "site", IntegerAttr::get(site.getType(), site.getInt() + 1000))
                       : Edit();
}

} // namespace

void shardc::mutants::addRankFaults(Faults &faults) {
  faults.insert(faults.end(),
                {{"rank forgotten", "every rank takes the first one's part", forgotten},
                 {"part off by one", "every rank's begins one element on", offByOne},
                 {"part further on each rank", "the distance of parts is one too much", factorOffByOne},
                 {"rank of another mesh axis", "of the same size", ofOtherMeshAxis},
                 {"ranks reversed", "the first takes the last one's part", ranksReversed},
                 {"other random numbers", "drawn at another site", otherRandomNumbers}});
}
