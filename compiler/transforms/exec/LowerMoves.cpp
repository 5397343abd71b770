//===- LowerMoves.cpp - other axes on the same memory ---------------------===//

#include "compiler/transforms/exec/LowerFunction.h"

#include "dialects/exec/Loops.h"
#include "dialects/nn/Build.h"

using namespace mlir;
using namespace exec;

static BufferType typeOfPointer(Value pointer) {
  return cast<BufferType>(pointer.getType());
}

static BufferType withAxes(BufferType type, ArrayRef<AxisAttr> axes) {
  return BufferType::get(type.getContext(), type.getElementType(), axes);
}

/// The axes of `type` with the one called `name` replaced by `instead`.
static BufferType replaceAxis(BufferType type, StringAttr name, ArrayRef<AxisAttr> instead) {
  SmallVector<AxisAttr> axes;
  for (AxisAttr axis : type.getAxes())
    if (axis.getName() == name)
      llvm::append_range(axes, instead);
    else
      axes.push_back(axis);
  return withAxes(type, axes);
}

Value FunctionLowering::viewOf(Value pointer, BufferType type, RankAttr start, Location loc) {
  return builder.create<ViewOp>(loc, type, pointer, start);
}

Value FunctionLowering::renamed(Value pointer, StringAttr from, StringAttr to, Location loc) {
  BufferType type = typeOfPointer(pointer);
  AxisAttr axis = type.find(from);
  AxisAttr named = AxisAttr::get(builder.getContext(), to, axis.getSize(), axis.getStride());
  return viewOf(pointer, replaceAxis(type, from, named), RankAttr::get(builder.getContext(), 0), loc);
}

/// `axis` as `names`, major first, with the sizes that `parts` has.
Value FunctionLowering::splitView(Value pointer, StringAttr axis, BufferType parts, ArrayAttr names,
                                  Location loc) {
  BufferType type = typeOfPointer(pointer);
  SmallVector<AxisAttr> made;
  int64_t stride = type.find(axis).getStride();
  for (StringAttr name : llvm::reverse(llvm::to_vector(names.getAsRange<StringAttr>()))) {
    int64_t size = parts.find(name).getSize();
    made.insert(made.begin(), AxisAttr::get(builder.getContext(), name, size, stride));
    stride *= size;
  }
  return viewOf(pointer, replaceAxis(type, axis, made), RankAttr::get(builder.getContext(), 0), loc);
}

/// `parts`, major first, as one axis; null where they don't lie like one.
Value FunctionLowering::mergedView(Value pointer, ArrayAttr parts, StringAttr axis, Location loc) {
  BufferType type = typeOfPointer(pointer);
  SmallVector<AxisAttr> axes;
  int64_t size = 1, stride = 0, next = -1;
  for (StringAttr name : llvm::reverse(llvm::to_vector(parts.getAsRange<StringAttr>()))) {
    AxisAttr part = type.find(name);
    if (part.getSize() == 1)
      continue;
    if (next >= 0 && part.getStride() != next)
      return {};
    if (next < 0)
      stride = part.getStride();
    size *= part.getSize();
    next = part.getStride() * part.getSize();
  }
  bool isFirst = true;
  for (AxisAttr other : type.getAxes()) {
    bool isPart = nn::contains(parts, other.getName());
    if (!isPart)
      axes.push_back(other);
    else if (std::exchange(isFirst, false))
      axes.push_back(AxisAttr::get(builder.getContext(), axis, size, std::max<int64_t>(stride, 1)));
  }
  return viewOf(pointer, withAxes(type, axes), RankAttr::get(builder.getContext(), 0), loc);
}

Value FunctionLowering::indexView(Value pointer, StringAttr axis, int64_t index, Location loc) {
  BufferType type = typeOfPointer(pointer);
  return viewOf(pointer, replaceAxis(type, axis, {}),
                RankAttr::get(builder.getContext(), index * type.find(axis).getStride()), loc);
}

/// `size` elements of `axis` from `first` on, as the axis `part`.
Value FunctionLowering::partView(Value pointer, StringAttr axis, StringAttr part, int64_t first, int64_t size,
                                 Location loc) {
  BufferType type = typeOfPointer(pointer);
  int64_t stride = type.find(axis).getStride();
  AxisAttr made = AxisAttr::get(builder.getContext(), part, size, stride);
  return viewOf(pointer, replaceAxis(type, axis, made), RankAttr::get(builder.getContext(), first * stride),
                loc);
}

void FunctionLowering::copy(Value from, Value to, Location loc) {
  BufferType types[] = {typeOfPointer(from), typeOfPointer(to)};
  SmallVector<StringAttr> order =
      llvm::map_to_vector(types[1].getAxes(), [](AxisAttr axis) { return axis.getName(); });
  SmallVector<Attribute> loops(
      llvm::map_range(mergeLoops(builder.getContext(), order, types), [](LoopAttr l) { return l; }));
  builder.create<CopyOp>(loc, from, to, builder.getArrayAttr(loops));
}

/// Peers look for a buffer where it lies on this rank. What differs between ranks is copied to where it
/// doesn't.
Value FunctionLowering::alikeOnRanks(Value pointer, Location loc) {
  for (Value at = pointer; !sourcesOf(at).empty() && !isa<PackOp>(at.getDefiningOp()); at = sourcesOf(at)[0])
    if (auto view = at.getDefiningOp<ViewOp>(); view && !view.getStart().isConstant()) {
      BufferType type = typeOfPointer(pointer);
      SmallVector<StringAttr> names;
      SmallVector<int64_t> sizes;
      for (AxisAttr axis : type.getAxes()) {
        names.push_back(axis.getName());
        sizes.push_back(axis.getSize());
      }
      Value whole = newBuffer(BufferType::dense(type.getElementType(), names, sizes), loc);
      copy(pointer, whole, loc);
      return whole;
    }
  return pointer;
}

void FunctionLowering::lowerView(Operation *op) {
  Value source = at(op->getOperand(0));
  BufferType type = typeOfPointer(source);
  Leaf first{op->getResult(0), 0};
  if (auto rename = dyn_cast<nn::RenameOp>(op)) {
    where[first] = renamed(source, rename.getFromAttr(), rename.getToAttr(), op->getLoc());
  } else if (auto split = dyn_cast<nn::SplitOp>(op)) {
    where[first] =
        splitView(source, split.getAxisAttr(), types.buffer(typeOf(first)), split.getParts(), op->getLoc());
  } else if (auto merge = dyn_cast<nn::MergeOp>(op)) {
    Value view = mergedView(source, merge.getParts(), merge.getAxisAttr(), op->getLoc());
    if (!view) { // the parts lie apart: bring them together
      view = newBuffer(types.buffer(typeOf(first)), op->getLoc());
      copy(source, splitView(view, merge.getAxisAttr(), type, merge.getParts(), op->getLoc()), op->getLoc());
    }
    where[first] = view;
  } else if (auto unstack = dyn_cast<nn::UnstackOp>(op)) {
    for (auto [index, result] : llvm::enumerate(unstack.getResults()))
      where[{result, 0}] = indexView(source, unstack.getAxisAttr(), index, nn::locOf(result));
  } else if (auto slice = dyn_cast<nn::SliceOp>(op)) {
    int64_t start = 0;
    for (auto [part, result] : llvm::zip(slice.getParts().getAsRange<StringAttr>(), slice.getResults())) {
      int64_t size = types.localSize(typeOf({result, 0}).find(part));
      where[{result, 0}] = partView(source, slice.getAxisAttr(), part, start, size, nn::locOf(result));
      start += size;
    }
  } else {
    auto shard = cast<dist::ShardSliceOp>(op);
    AxisAttr axis = type.find(shard.getAxisAttr());
    int64_t size = axis.getSize() / types.sizeOf(shard.getOver());
    AxisAttr made = AxisAttr::get(op->getContext(), axis.getName(), size, axis.getStride());
    auto over = llvm::to_vector(shard.getOver().getAsRange<StringAttr>());
    where[first] = viewOf(source, replaceAxis(type, axis.getName(), made),
                          types.place(over, size * axis.getStride()), op->getLoc());
  }
}
