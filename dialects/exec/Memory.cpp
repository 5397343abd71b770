//===- Memory.cpp - bytes, struct layout, and what points where -----------===//

#include "dialects/exec/Exec.h"

using namespace mlir;
using namespace exec;

int64_t exec::bytesOf(Type type) {
  if (auto buffer = dyn_cast<BufferType>(type))
    return buffer.getExtent() * buffer.getElementBytes();
  auto bundle = cast<StructType>(type);
  int64_t bytes = 0;
  for (Type field : bundle.getTypes())
    bytes = alignUp(bytes) + bytesOf(field);
  return bytes;
}

SmallVector<int64_t> exec::fieldOffsets(StructType type) {
  SmallVector<int64_t> offsets;
  int64_t bytes = 0;
  for (Type field : type.getTypes()) {
    offsets.push_back(alignUp(bytes));
    bytes = offsets.back() + bytesOf(field);
  }
  return offsets;
}

ValueRange exec::sourcesOf(Value pointer) {
  Operation *op = pointer.getDefiningOp();
  if (!op)
    return {};
  if (isa<ViewOp, FieldOp, InputOp>(op))
    return op->getOperands().take_front(1);
  if (isa<PackOp>(op))
    return op->getOperands();
  return {};
}

StringRef exec::nameOf(Location loc) {
  auto name = dyn_cast<NameLoc>(loc);
  return name ? name.getName().getValue() : StringRef();
}
