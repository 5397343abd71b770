//===- WorkOps.cpp - what the computing ops touch, and their verifiers ----===//

#include "dialects/exec/Exec.h"
#include "dialects/exec/Loops.h"

using namespace mlir;
using namespace exec;

using Accesses = SmallVectorImpl<Access>;

static Mode writtenWith(int64_t beta) {
  return beta ? Mode::acc : Mode::out;
}

static LogicalResult verifyBeta(Operation *op, int64_t beta) {
  if (beta != 0 && beta != 1)
    return op->emitOpError() << "beta is " << beta << ", it must be 0 or 1";
  return success();
}

static LogicalResult verifyIndex(Operation *op, BufferType type) {
  if (!type.getElementType().isInteger(32))
    return op->emitOpError() << "the index is " << type.getElementType() << ", it must be i32";
  return success();
}

static MeshAttr meshOf(Operation *op) {
  auto module = op->getParentOfType<ModuleOp>();
  return module ? module->getAttrOfType<MeshAttr>(meshAttrName) : MeshAttr();
}

/// The number of ranks on `axes`, or failure where the mesh lacks one or lists it twice.
static FailureOr<int64_t> groupSize(Operation *op, ArrayAttr axes) {
  MeshAttr mesh = meshOf(op);
  llvm::SmallDenseSet<StringAttr> seen;
  int64_t size = 1;
  for (StringAttr axis : axes.getAsRange<StringAttr>()) {
    if (!mesh || mesh.sizeOf(axis) == 0)
      return op->emitOpError() << "mesh axis '" << axis.getValue() << "' is not in the module's mesh",
             failure();
    if (!seen.insert(axis).second)
      return op->emitOpError() << "mesh axis '" << axis.getValue() << "' is listed twice", failure();
    size *= mesh.sizeOf(axis);
  }
  return size;
}

/// A loop that only some operands have, with a stride for each operand.
static LoopAttr spread(LoopAttr loop, size_t operands, ArrayRef<unsigned> at) {
  SmallVector<int64_t> strides(operands, 0);
  for (auto [index, stride] : llvm::zip(at, loop.getStrides()))
    strides[index] = stride;
  return LoopAttr::get(loop.getContext(), loop.getNames(), loop.getSize(), strides);
}

//===-- gemm ---------------------------------------------------------------===//

LogicalResult GemmOp::verify() {
  SmallVector<LoopAttr> loops = getBatch() ? loopsOf(*getBatch()) : SmallVector<LoopAttr>();
  llvm::append_values(loops, getM(), getN(), getK());
  if (failed(verifyLoops(*this, loops, {getA().getType(), getB().getType(), getC().getType()}))) // C1
    return failure();
  if (getM().getStrides()[1] != 0 || getN().getStrides()[0] != 0 || getK().getStrides()[2] != 0) // C2
    return emitOpError() << "m is of A and C, n of B and C, k of A and B only";
  return verifyBeta(*this, getBeta()); // C3
}

void GemmOp::getAccesses(Accesses &accesses) {
  accesses.push_back({getA(), Mode::in});
  accesses.push_back({getB(), Mode::in});
  accesses.push_back({getC(), writtenWith(getBeta())});
}

//===-- kernel -------------------------------------------------------------===//

LogicalResult KernelOp::verify() {
  SmallVector<BufferType> types =
      llvm::map_to_vector(getOperands(), [](Value v) { return cast<BufferType>(v.getType()); });
  if (failed(verifyLoops(*this, loopsOf(getLoops()), types))) // C1
    return failure();
  Block &body = getBody().front();
  auto elements = [](auto values) {
    return llvm::map_to_vector(values,
                               [](Value v) { return cast<BufferType>(v.getType()).getElementType(); });
  };
  if (body.getArgumentTypes() != TypeRange(elements(getInputs())) || // C2
      body.getTerminator()->getOperandTypes() != TypeRange(elements(getOutputs())))
    return emitOpError()
           << "the region's arguments and what it yields must be the elements of inputs and outputs";
  if (getStores().size() != getOutputs().size())
    return emitOpError() << "has " << getStores().size() << " ways to store for " << getOutputs().size()
                         << " outputs";
  for (size_t i = 0; i < getOutputs().size(); ++i)
    for (LoopAttr loop : loopsOf(getLoops()))
      if (getStore(i) == Store::write && loop.getStrides()[getInputs().size() + i] == 0) // C3
        return emitOpError() << "output #" << i << " is written once for each trip of loop " << loop
                             << ", which it lacks: fold it";
  for (Operation &op : body.without_terminator())
    if (!isa<arith::ArithDialect, math::MathDialect>(op.getDialect())) // C4
      return emitOpError() << "holds '" << op.getName() << "', which is no scalar op";
  return success();
}

void KernelOp::getAccesses(Accesses &accesses) {
  for (Value input : getInputs())
    accesses.push_back({input, Mode::in});
  for (auto [index, output] : llvm::enumerate(getOutputs()))
    accesses.push_back({output, getStore(index) == Store::add ? Mode::acc : Mode::out});
}

//===-- gather, scatter_add ------------------------------------------------===//

LogicalResult GatherOp::verify() {
  SmallVector<LoopAttr> loops = loopsOf(getLoops());
  loops.push_back(spread(getAxis(), 3, {0}));
  if (failed(
          verifyLoops(*this, loops, {getTable().getType(), getIndex().getType(), getOut().getType()}))) // C1
    return failure();
  return verifyIndex(*this, getIndex().getType()); // C2
}
void GatherOp::getAccesses(Accesses &accesses) {
  accesses.push_back({getTable(), Mode::in});
  accesses.push_back({getIndex(), Mode::in});
  accesses.push_back({getOut(), Mode::out});
}

LogicalResult ScatterAddOp::verify() {
  SmallVector<LoopAttr> loops = loopsOf(getLoops());
  loops.push_back(spread(getAxis(), 3, {2}));
  if (failed(verifyLoops(*this, loops,
                         {getUpdates().getType(), getIndex().getType(), getOut().getType()}))) // C1
    return failure();
  if (failed(verifyIndex(*this, getIndex().getType()))) // C2
    return failure();
  return verifyBeta(*this, getBeta()); // C3
}
void ScatterAddOp::getAccesses(Accesses &accesses) {
  accesses.push_back({getUpdates(), Mode::in});
  accesses.push_back({getIndex(), Mode::in});
  accesses.push_back({getOut(), writtenWith(getBeta())});
}

//===-- attention, rope ----------------------------------------------------===//

/// `axes` under names of their own: the value's axes may be called as those that query and key fold.
static SmallVector<StringAttr> valueNames(ArrayRef<StringAttr> axes) {
  return llvm::map_to_vector(
      axes, [](StringAttr name) { return StringAttr::get(name.getContext(), "value " + name.getValue()); });
}

template <class Op> static LogicalResult verifyAttention(Op op) {
  SmallVector<BufferType> types;
  for (Value operand : op->getOperands())
    if (auto buffer = dyn_cast<BufferType>(operand.getType()))
      types.push_back(buffer);
  LoopAttr own = op.getValueDim();
  for (unsigned index : {2, 3, 5, 8}) { // value, out and their gradients
    if (index >= types.size())
      continue;
    SmallVector<AxisAttr> axes(types[index].getAxes());
    for (AxisAttr &axis : axes)
      if (llvm::is_contained(own.getNames(), axis.getName()))
        axis =
            AxisAttr::get(op.getContext(), valueNames(axis.getName())[0], axis.getSize(), axis.getStride());
    types[index] = BufferType::get(op.getContext(), types[index].getElementType(), axes);
  }
  own = LoopAttr::get(op.getContext(), valueNames(own.getNames()), own.getSize(), own.getStrides());
  SmallVector<LoopAttr> loops{
      op.getBatch(), op.getKvHead(), op.getGroup(), op.getQuerySeq(), op.getKeySeq(), op.getDim(), own};
  if (failed(verifyLoops(op, loops, types))) // C1
    return failure();
  if (op.getDropout() && op.getDropout()->convertToDouble() > 0 && !op.getRandomKey()) // C2
    return op.emitOpError() << "has dropout but no random key";
  return success();
}

LogicalResult AttentionOp::verify() {
  return verifyAttention(*this);
}
void AttentionOp::getAccesses(Accesses &accesses) {
  for (Value operand : {getQuery(), getKey(), getValue()})
    accesses.push_back({operand, Mode::in});
  for (Value result : {getOut(), getLse()})
    accesses.push_back({result, Mode::out});
}

LogicalResult AttentionBackwardOp::verify() {
  return verifyAttention(*this);
}
void AttentionBackwardOp::getAccesses(Accesses &accesses) {
  for (Value operand : {getQuery(), getKey(), getValue(), getOut(), getLse(), getDOut()})
    accesses.push_back({operand, Mode::in});
  for (Value result : {getDQuery(), getDKey(), getDValue()})
    accesses.push_back({result, Mode::out});
}

LogicalResult RopeOp::verify() {
  SmallVector<LoopAttr> loops = loopsOf(getLoops());
  loops.push_back(spread(getDim(), 3, {0, 2}));
  if (failed(verifyLoops(*this, loops,
                         {getOperand().getType(), getPositions().getType(), getOut().getType()}))) // C1
    return failure();
  return verifyIndex(*this, getPositions().getType()); // C2
}
void RopeOp::getAccesses(Accesses &accesses) {
  accesses.push_back({getOperand(), Mode::in});
  accesses.push_back({getPositions(), Mode::in});
  accesses.push_back({getOut(), Mode::out});
}

//===-- sources ------------------------------------------------------------===//

LogicalResult IotaOp::verify() {
  if (!isa<IntegerType>(getOut().getType().getElementType())) // C2
    return emitOpError() << "writes " << getOut().getType().getElementType() << ", it must be an integer";
  return verifyLoops(*this, loopsOf(getLoops()), getOut().getType()); // C1
}
void IotaOp::getAccesses(Accesses &accesses) {
  accesses.push_back({getOut(), Mode::out});
}

LogicalResult RandomOp::verify() {
  return verifyLoops(*this, loopsOf(getLoops()), getOut().getType());
}
void RandomOp::getAccesses(Accesses &accesses) {
  accesses.push_back({getOut(), Mode::out});
}

/// Ops from one buffer to another, element by element.
template <class Op> static LogicalResult verifyElementwise(Op op) {
  return verifyLoops(op, loopsOf(op.getLoops()), {op.getOperand().getType(), op.getOut().getType()});
}
template <class Op> static void accessElementwise(Op op, Accesses &accesses) {
  accesses.push_back({op.getOperand(), Mode::in});
  accesses.push_back({op.getOut(), Mode::out});
}

LogicalResult DropoutOp::verify() {
  return verifyElementwise(*this);
}
void DropoutOp::getAccesses(Accesses &accesses) {
  accessElementwise(*this, accesses);
}
LogicalResult CopyOp::verify() {
  return verifyElementwise(*this);
}
void CopyOp::getAccesses(Accesses &accesses) {
  accessElementwise(*this, accesses);
}
LogicalResult MaskOp::verify() {
  if (failed(groupSize(*this, getOver()))) // C2
    return failure();
  return verifyElementwise(*this); // C1
}
void MaskOp::getAccesses(Accesses &accesses) {
  accessElementwise(*this, accesses);
}

//===-- collective ---------------------------------------------------------===//

/// Elements from the first to behind the last one that a block spans.
static int64_t extentOf(ArrayRef<LoopAttr> tile, unsigned operand) {
  int64_t last = 0;
  for (LoopAttr loop : tile)
    last += (loop.getSize() - 1) * loop.getStrides()[operand];
  return last + 1;
}

LogicalResult CollectiveOp::verify() {
  FailureOr<int64_t> members = groupSize(*this, getMesh()); // C2
  if (failed(members))
    return failure();
  bool folds = getKind() == CollectiveKind::all_reduce || getKind() == CollectiveKind::reduce_scatter;
  Type element = getOperand().getType().getElementType();
  if (element != getOut().getType().getElementType() || (folds && !element.isF32())) // C3
    return emitOpError() << "moves " << element << " to " << getOut().getType().getElementType()
                         << (folds ? "; folds are of f32" : "");
  ArrayRef<int64_t> step = getStep();
  bool fromStarts = getKind() == CollectiveKind::reduce_scatter || getKind() == CollectiveKind::all_to_all;
  bool toStarts = getKind() == CollectiveKind::all_gather || getKind() == CollectiveKind::all_to_all;
  if (step.size() != 2 || (!fromStarts && step[0] != 0) || (!toStarts && step[1] != 0)) // C4
    return emitOpError() << "has step [" << step << "], " << stringifyCollectiveKind(getKind()) << " has "
                         << (fromStarts ? "a step" : "0") << " in the operand and "
                         << (toStarts ? "a step" : "0") << " in the result";
  SmallVector<LoopAttr> tile = loopsOf(getTile());
  for (LoopAttr loop : tile)
    if (loop.getStrides().size() != 2)
      return emitOpError() << "loop " << loop << " must have a stride in the operand and one in the result";
  BufferType types[] = {getOperand().getType(), getOut().getType()};
  for (unsigned side : {0, 1}) // C5
    if (int64_t end = (*members - 1) * step[side] + extentOf(tile, side); end > types[side].getExtent())
      return emitOpError() << "reaches element " << end << " of the " << (side ? "result" : "operand")
                           << ", which has " << types[side].getExtent();
  return success();
}

void CollectiveOp::getAccesses(Accesses &accesses) {
  accessElementwise(*this, accesses);
}
