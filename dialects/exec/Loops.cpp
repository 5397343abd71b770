//===- Loops.cpp - merging axes into loops, and judging loops -------------===//

#include "dialects/exec/Loops.h"
#include "dialects/exec/Exec.h"

using namespace mlir;
using namespace exec;

SmallVector<LoopAttr> exec::loopsOf(ArrayAttr loops) {
  return llvm::to_vector(loops.getAsRange<LoopAttr>());
}

LoopAttr exec::unitLoop(MLIRContext *context, size_t operands) {
  return LoopAttr::get(context, {}, 1, SmallVector<int64_t>(operands, 0));
}

static int64_t sizeOf(StringAttr name, ArrayRef<BufferType> types) {
  for (BufferType type : types)
    if (AxisAttr axis = type.find(name))
      return axis.getSize();
  return 0;
}

static SmallVector<int64_t> stridesOf(StringAttr name, ArrayRef<BufferType> types) {
  return llvm::map_to_vector(types, [&](BufferType type) {
    AxisAttr axis = type.find(name);
    return axis ? axis.getStride() : 0;
  });
}

SmallVector<LoopAttr> exec::mergeLoops(MLIRContext *context, ArrayRef<StringAttr> order,
                                       ArrayRef<BufferType> types) {
  SmallVector<LoopAttr> loops;
  for (StringAttr name : order) {
    int64_t size = sizeOf(name, types);
    if (size <= 1)
      continue;
    SmallVector<int64_t> strides = stridesOf(name, types);
    bool merges = !loops.empty() &&
                  llvm::all_of(llvm::zip(loops.back().getStrides(), strides),
                               [&](auto pair) { return std::get<0>(pair) == size * std::get<1>(pair); });
    if (!merges) {
      loops.push_back(LoopAttr::get(context, name, size, strides));
      continue;
    }
    SmallVector<StringAttr> names(loops.back().getNames());
    names.push_back(name);
    loops.back() = LoopAttr::get(context, names, loops.back().getSize() * size, strides);
  }
  return loops;
}

/// The strides that the axes give a loop, innermost axis first; fails where they can't be one loop.
static LogicalResult verifyLoop(Operation *op, LoopAttr loop, ArrayRef<BufferType> types) {
  if (loop.getStrides().size() < types.size())
    return op->emitOpError() << "loop " << loop << " has " << loop.getStrides().size() << " strides for "
                             << types.size() << " operands";
  SmallVector<int64_t> expected(types.size(), 0);
  int64_t size = 1;
  for (StringAttr name : llvm::reverse(loop.getNames())) {
    bool isInnermost = name == loop.getNames().back();
    for (auto [index, stride] : llvm::enumerate(stridesOf(name, types))) {
      if (isInnermost)
        expected[index] = stride;
      else if (stride != expected[index] * size)
        return op->emitOpError() << "loop " << loop << ": axis '" << name.getValue() << "' has stride "
                                 << stride << " in operand #" << index << ", one loop needs "
                                 << expected[index] * size;
    }
    size *= sizeOf(name, types);
  }
  if (size != loop.getSize())
    return op->emitOpError() << "loop " << loop << " has size " << loop.getSize() << ", its axes multiply to "
                             << size;
  for (auto [index, strides] : llvm::enumerate(llvm::zip(loop.getStrides(), expected)))
    if (auto [actual, wanted] = strides; actual != wanted)
      return op->emitOpError() << "loop " << loop << " has stride " << actual << " in operand #" << index
                               << ", its axes have " << wanted;
  return success();
}

LogicalResult exec::verifyLoops(Operation *op, ArrayRef<LoopAttr> loops, ArrayRef<BufferType> types) {
  llvm::SmallDenseSet<StringAttr> covered;
  for (LoopAttr loop : loops) {
    if (failed(verifyLoop(op, loop, types)))
      return failure();
    for (StringAttr name : loop.getNames())
      if (!covered.insert(name).second)
        return op->emitOpError() << "axis '" << name.getValue() << "' is in two loops";
  }
  for (auto [index, type] : llvm::enumerate(types))
    for (AxisAttr axis : type.getAxes()) {
      if (axis.getSize() != 1 && !covered.contains(axis.getName()))
        return op->emitOpError() << "axis '" << axis.getName().getValue() << "' of operand #" << index
                                 << " is in no loop";
      if (axis.getSize() != sizeOf(axis.getName(), types))
        return op->emitOpError() << "axis '" << axis.getName().getValue() << "' has size " << axis.getSize()
                                 << " in operand #" << index << " and " << sizeOf(axis.getName(), types)
                                 << " in another";
    }
  return success();
}
