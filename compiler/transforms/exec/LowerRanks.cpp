//===- LowerRanks.cpp - what differs between ranks: numbers, masks, collectives ===//

#include "compiler/transforms/exec/LowerFunction.h"
#include "dialects/exec/Loops.h"

using namespace mlir;
using namespace exec;

static SmallVector<StringAttr> namesOf(BufferType type) {
  return llvm::map_to_vector(type.getAxes(), [](AxisAttr axis) { return axis.getName(); });
}

static ArrayAttr loopsOver(ArrayRef<BufferType> types) {
  MLIRContext *context = types[0].getContext();
  SmallVector<LoopAttr> loops = mergeLoops(context, namesOf(types[0]), types);
  return ArrayAttr::get(context, SmallVector<Attribute>(loops.begin(), loops.end()));
}

/// The order in which an op numbers elements: what the model states, which exec-layout noted down.
static SmallVector<StringAttr> numberedBy(Operation *op, nn::NamedTensorType type) {
  if (auto order = op->getAttrOfType<ArrayAttr>("exec.order"))
    return llvm::to_vector(order.getAsRange<StringAttr>());
  return type.names();
}

void FunctionLowering::lowerIota(nn::IotaOp op) {
  Leaf result{op.getResult(), 0};
  Value out = where[result] = placeOf(result);
  RankAttr start;
  BufferType numbers = numbering(types, op.getType(), numberedBy(op, op.getType()), "", start);
  builder.create<IotaOp>(op.getLoc(), out, loopsOver({cast<BufferType>(out.getType()), numbers}), start);
}

void FunctionLowering::lowerRandom(nn::RandomOp op) {
  Leaf result{op.getResult(), 0};
  Value out = where[result] = placeOf(result);
  RankAttr start;
  BufferType numbers = numbering(types, op.getType(), numberedBy(op, op.getType()), "", start);
  builder.create<RandomOp>(op.getLoc(), keys.lookup(op.getKey()), out,
                           loopsOver({cast<BufferType>(out.getType()), numbers}), start, op.getStdAttr(),
                           op.getSiteAttr());
}

void FunctionLowering::lowerDropout(nn::DropoutOp op) {
  Leaf result{op.getResult(), 0};
  Value in = at(op.getOperand()), out = where[result] = placeOf(result, resolve(op.getOperand()));
  nn::NamedTensorType type = op.getType();
  RankAttr start, sampleStart = RankAttr::get(op.getContext(), 0);
  nn::AxisAttr batch = nn::batchAxis(type);
  BufferType elements =
      numbering(types, type, numberedBy(op, type), batch ? batch.getName().getValue() : "", start);
  SmallVector<AxisAttr> samples;
  if (batch) {
    samples.push_back(AxisAttr::get(op.getContext(), batch.getName(), types.localSize(batch), 1));
    sampleStart = types.start(batch);
  }
  BufferType numbers = BufferType::get(op.getContext(), builder.getI64Type(), samples);
  builder.create<DropoutOp>(
      op.getLoc(), in, keys.lookup(op.getKey()), out,
      loopsOver({cast<BufferType>(in.getType()), cast<BufferType>(out.getType()), elements, numbers}), start,
      sampleStart, op.getPAttr(), op.getSiteAttr());
}

void FunctionLowering::lowerMask(dist::MaskOp op) {
  Leaf result{op->getResult(0), 0};
  Value in = at(op.getOperand()), out = where[result] = placeOf(result, resolve(op.getOperand()));
  builder.create<MaskOp>(op.getLoc(), in, out, op.getOver(),
                         loopsOver({cast<BufferType>(in.getType()), cast<BufferType>(out.getType())}));
}

//===-- collectives ----------------------------------------------------------===//

/// `type` with its axis `name`, if any, `parts` times shorter: one member's block.
static BufferType blockOf(BufferType type, StringAttr name, int64_t parts) {
  auto axes = llvm::map_to_vector(type.getAxes(), [&](AxisAttr axis) {
    int64_t size = axis.getName() == name ? axis.getSize() / parts : axis.getSize();
    return AxisAttr::get(type.getContext(), axis.getName(), size, axis.getStride());
  });
  return BufferType::get(type.getContext(), type.getElementType(), axes);
}

/// `from` is the axis that becomes whole, `to` the one that becomes placed; "" where there is none.
void FunctionLowering::lowerCollective(Operation *op, CollectiveKind kind, ArrayAttr over, StringRef from,
                                       StringRef to, Fold fold) {
  Leaf result{op->getResult(0), 0}, operand = resolve(op->getOperand(0));
  bool mayReuse = kind == CollectiveKind::all_reduce;
  Value in = alikeOnRanks(where.lookup(operand), op->getLoc()),
        out = where[result] = placeOf(result, mayReuse ? ArrayRef(operand) : ArrayRef<Leaf>());
  auto typeIn = cast<BufferType>(in.getType()), typeOut = cast<BufferType>(out.getType());
  if (mayReuse && typeIn != typeOut) { // all-reduce runs over dense memory
    copy(in, out, op->getLoc());
    in = out, typeIn = typeOut;
  }
  int64_t members = types.sizeOf(over);
  StringAttr whole = builder.getStringAttr(from), placed = builder.getStringAttr(to);
  BufferType blockIn = blockOf(typeIn, placed, members), blockOut = blockOf(typeOut, whole, members);
  int64_t steps[] = {to.empty() ? 0 : blockIn.find(placed).getSize() * blockIn.find(placed).getStride(),
                     from.empty() ? 0 : blockOut.find(whole).getSize() * blockOut.find(whole).getStride()};
  builder.create<CollectiveOp>(op->getLoc(), Type(), CollectiveKindAttr::get(op->getContext(), kind), over,
                               in, out, loopsOver({blockIn, blockOut}), builder.getDenseI64ArrayAttr(steps),
                               FoldAttr::get(op->getContext(), fold));
}
