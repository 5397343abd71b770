//===- Points.h - walking an op's loops and a buffer's elements -----------===//
#pragma once

#include "dialects/exec/ExecTypes.h"

namespace shardc::interpreter {

/// Calls `visit` with an offset for each operand, once for each point of the loops, the last loop fastest.
template <typename Visit>
void forEachPoint(llvm::ArrayRef<exec::LoopAttr> loops, size_t operands, Visit &&visit) {
  llvm::SmallVector<int64_t, 12> offsets(operands, 0), trips(loops.size(), 0);
  auto advance = [&] {
    for (size_t level = loops.size(); level-- > 0;) {
      llvm::ArrayRef<int64_t> strides = loops[level].getStrides();
      bool hasNext = ++trips[level] < loops[level].getSize();
      int64_t trip = hasNext ? 1 : 1 - loops[level].getSize();
      for (size_t i = 0; i < operands; ++i)
        offsets[i] += trip * strides[i];
      if (hasNext)
        return true;
      trips[level] = 0;
    }
    return false;
  };
  do {
    visit(llvm::ArrayRef<int64_t>(offsets));
  } while (advance());
}

/// Calls `visit` with the offset of each element of a buffer, until it returns false.
template <typename Visit> bool forEachElement(exec::BufferType type, Visit &&visit) {
  llvm::ArrayRef<exec::AxisAttr> axes = type.getAxes();
  llvm::SmallVector<int64_t, 8> index(axes.size(), 0);
  int64_t offset = 0;
  auto advance = [&] {
    for (size_t level = axes.size(); level-- > 0;) {
      offset += axes[level].getStride();
      if (++index[level] < axes[level].getSize())
        return true;
      offset -= axes[level].getSize() * axes[level].getStride();
      index[level] = 0;
    }
    return false;
  };
  do {
    if (!visit(offset))
      return false;
  } while (advance());
  return true;
}

} // namespace shardc::interpreter
