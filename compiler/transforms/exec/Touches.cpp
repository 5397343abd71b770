//===- Touches.cpp - may two ops change places ----------------------------===//

#include "compiler/transforms/exec/Touches.h"

using namespace mlir;
using namespace exec;

static unsigned countOf(Type type) {
  auto bundle = dyn_cast<StructType>(type);
  if (!bundle)
    return 1;
  unsigned count = 0;
  for (Type field : bundle.getTypes())
    count += countOf(field);
  return count;
}

SmallVector<Tensor> exec::tensorsOf(Value pointer) {
  Operation *op = pointer.getDefiningOp();
  SmallVector<Tensor> tensors;
  if (auto field = dyn_cast_or_null<FieldOp>(op)) {
    StructType bundle = field.getOperand().getType();
    unsigned first = 0;
    for (Type before : bundle.getTypes().take_front(bundle.indexOf(field.getFieldAttr())))
      first += countOf(before);
    tensors = tensorsOf(field.getOperand());
    return SmallVector<Tensor>(ArrayRef(tensors).slice(first, countOf(field.getType())));
  }
  if (ValueRange sources = sourcesOf(pointer); !sources.empty()) {
    for (Value source : sources)
      llvm::append_range(tensors, tensorsOf(source));
    return tensors;
  }
  auto address = dyn_cast_or_null<AddressOp>(op);
  const void *root = address ? address.getGlobalAttr().getAsOpaquePointer() : pointer.getAsOpaquePointer();
  for (unsigned i = 0, count = countOf(pointer.getType()); i < count; ++i)
    tensors.push_back({root, i});
  return tensors;
}

void Touches::add(Operation *op) {
  op->walk([&](Operation *inner) {
    if (auto wait = dyn_cast<WaitOp>(inner))
      for (Operation *started : wait.getStarted())
        add(started);
    auto access = dyn_cast<AccessOpInterface>(inner);
    if (!access)
      return;
    SmallVector<Access> accesses;
    access.getAccesses(accesses);
    for (const Access &one : accesses)
      for (Tensor tensor : tensorsOf(one.memory))
        tensors[tensor] |= one.mode != Mode::in;
  });
}

void Touches::add(const Touches &other) {
  for (auto [tensor, isWritten] : other.tensors)
    tensors[tensor] |= isWritten;
}

void Touches::addWrittenTo(llvm::DenseSet<Tensor> &written) const {
  for (auto [tensor, isWritten] : tensors)
    if (isWritten)
      written.insert(tensor);
}

bool Touches::conflictsWith(const Touches &other) const {
  if (tensors.size() > other.tensors.size())
    return other.conflictsWith(*this);
  return llvm::any_of(tensors, [&](const auto &mine) {
    auto theirs = other.tensors.find(mine.first);
    return theirs != other.tensors.end() && (mine.second || theirs->second);
  });
}
