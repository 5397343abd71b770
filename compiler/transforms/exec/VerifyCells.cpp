//===- VerifyCells.cpp - which elements a pointer stands for ------------===//

#include "compiler/transforms/exec/VerifyCells.h"

using namespace mlir;
using namespace exec;

unsigned exec::leafCount(Type type) {
  auto bundle = dyn_cast<StructType>(type);
  if (!bundle)
    return 1;
  unsigned count = 0;
  for (Type field : bundle.getTypes())
    count += leafCount(field);
  return count;
}

int64_t Cells::count() const {
  int64_t count = 1;
  for (auto [size, stride] : axes)
    count *= size;
  return count;
}

int64_t Cells::extent() const {
  int64_t last = 0;
  for (auto [size, stride] : axes)
    last += (size - 1) * stride;
  return last + 1;
}

static void setAxes(Cells &cells, BufferType type) {
  cells.axes.clear();
  SmallVector<std::pair<int64_t, int64_t>> falling; // stride, size
  for (AxisAttr axis : type.getAxes())
    if (axis.getSize() > 1)
      falling.push_back({axis.getStride(), axis.getSize()});
  llvm::sort(falling, std::greater<>());
  for (auto [stride, size] : falling) {
    if (!cells.axes.empty() && cells.axes.back().second == stride * size)
      cells.axes.back() = {cells.axes.back().first * size, stride};
    else
      cells.axes.push_back({size, stride});
  }
}

static void addLeaves(Value root, Type type, SmallVectorImpl<Cells> &regions) {
  if (auto bundle = dyn_cast<StructType>(type)) {
    for (Type field : bundle.getTypes())
      addLeaves(root, field, regions);
    return;
  }
  auto address = root.getDefiningOp<AddressOp>();
  const void *key = address ? address.getGlobalAttr().getAsOpaquePointer() : root.getAsOpaquePointer();
  Cells cells{root, key, unsigned(regions.size())};
  setAxes(cells, cast<BufferType>(type));
  regions.push_back(cells);
}

SmallVector<Cells> exec::cellsOf(Value pointer) {
  Operation *op = pointer.getDefiningOp();
  SmallVector<Cells> regions;
  if (auto field = dyn_cast_or_null<FieldOp>(op)) {
    StructType bundle = field.getOperand().getType();
    unsigned first = 0;
    for (Type before : bundle.getTypes().take_front(bundle.indexOf(field.getFieldAttr())))
      first += leafCount(before);
    regions = cellsOf(field.getOperand());
    return SmallVector<Cells>(ArrayRef(regions).slice(first, leafCount(field.getType())));
  }
  if (auto pack = dyn_cast_or_null<PackOp>(op)) {
    for (Value operand : pack.getOperands())
      llvm::append_range(regions, cellsOf(operand));
    return regions;
  }
  if (auto view = dyn_cast_or_null<ViewOp>(op)) {
    regions = cellsOf(view.getOperand());
    if (!view.getStart().isConstant()) {
      regions[0].differsByRank = true;
      return regions;
    }
    if (!regions[0].differsByRank) {
      regions[0].start += view.getStart().getConstant();
      setAxes(regions[0], view.getType());
    }
    return regions;
  }
  if (auto input = dyn_cast_or_null<InputOp>(op))
    return cellsOf(input.getOperand());
  addLeaves(pointer, pointer.getType(), regions);
  return regions;
}

bool exec::intersect(const Cells &a, const Cells &b) {
  if (a.key != b.key || a.leaf != b.leaf)
    return false;
  if (a.start + a.extent() <= b.start || b.start + b.extent() <= a.start)
    return false;
  if (a.axes != b.axes)
    return true; // unless proven otherwise
  // Two copies of one pattern: they meet if the distance is a sum of its strides.
  int64_t distance = std::abs(a.start - b.start);
  for (auto [size, stride] : a.axes)
    distance -= std::min(distance / stride, size - 1) * stride;
  return distance == 0;
}

void Written::add(const Cells &cells) {
  if (covers(cells))
    return;
  llvm::erase_if(regions, [&](const Cells &old) { return intersect(old, cells); });
  regions.push_back(cells);
  // Parts that fill a block without gaps are that block.
  int64_t count = 0, first = regions[0].start, last = 0;
  for (const Cells &part : regions) {
    count += part.count();
    first = std::min(first, part.start);
    last = std::max(last, part.start + part.extent());
  }
  if (regions.size() > 1 && count == last - first) {
    Cells block = cells;
    block.start = first;
    block.axes = {{count, 1}};
    regions = {block};
  }
}

bool Written::covers(const Cells &cells) const {
  return llvm::any_of(regions, [&](const Cells &written) {
    bool isInside = written.isDense() && written.start <= cells.start &&
                    cells.start + cells.extent() <= written.start + written.extent();
    return isInside || (written.start == cells.start && written.axes == cells.axes);
  });
}
