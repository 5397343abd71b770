//===- Accesses.cpp - may an op touch its operands as it does -------------===//

#include "compiler/interpreter/exec/Accesses.h"

#include "compiler/interpreter/exec/Points.h"

#include "llvm/ADT/DenseSet.h"

using namespace mlir;
using namespace exec;
using namespace shardc::interpreter;

LogicalResult
shardc::interpreter::forEachBuffer(const Handle &handle, Type type,
                                   function_ref<LogicalResult(const Pointer &, BufferType)> visit) {
  if (auto buffer = dyn_cast<BufferType>(type))
    return visit(handle.pointer, buffer);
  if (auto bundle = dyn_cast<StructType>(type))
    for (auto [field, fieldType] : llvm::zip(handle.fields, bundle.getTypes()))
      if (failed(forEachBuffer(field, fieldType, visit)))
        return failure();
  return success();
}

namespace {

/// One buffer that an op touches.
struct Touch {
  Pointer pointer;
  BufferType type;
  Mode mode;

  int64_t begin(int64_t rank) const { return pointer.addresses[rank]; }
  int64_t end(int64_t rank) const { return begin(rank) + type.getExtent() * type.getElementBytes(); }
};

bool isAllowed(Mode permission, Mode mode) {
  switch (permission) {
  case Mode::in:
    return mode == Mode::in;
  case Mode::acc:
    return mode == Mode::acc;
  case Mode::out:
  case Mode::inout:
    return true;
  }
  llvm_unreachable("all modes are above");
}

StringRef verb(Mode mode) {
  switch (mode) {
  case Mode::in:
    return "reads";
  case Mode::out:
    return "writes";
  case Mode::inout:
    return "reads and writes";
  case Mode::acc:
    return "adds to";
  }
  llvm_unreachable("all modes are above");
}

bool worksInPlace(Operation *op) {
  if (auto collective = dyn_cast<CollectiveOp>(op))
    return collective.getKind() == CollectiveKind::all_reduce;
  return isa<KernelOp, RopeOp, DropoutOp, MaskOp>(op);
}

bool overlap(const Touch &a, const Touch &b, int64_t rank) {
  if (a.end(rank) <= b.begin(rank) || b.end(rank) <= a.begin(rank))
    return false;
  llvm::DenseSet<int64_t> bytes; // views of one buffer may interleave
  forEachElement(a.type, [&](int64_t offset) {
    for (int64_t i = 0; i < a.type.getElementBytes(); ++i)
      bytes.insert(a.begin(rank) + offset * a.type.getElementBytes() + i);
    return true;
  });
  return !forEachElement(b.type, [&](int64_t offset) {
    return !bytes.contains(b.begin(rank) + offset * b.type.getElementBytes());
  });
}

LogicalResult checkPair(const Machine &machine, Operation *op, const Touch &a, const Touch &b) {
  bool isInPlace = worksInPlace(op) && (a.mode == Mode::in || b.mode == Mode::in) &&
                   a.pointer.addresses == b.pointer.addresses && a.type.getAxes() == b.type.getAxes();
  if (isInPlace)
    return success();
  for (int64_t rank = 0; rank < machine.numRanks(); ++rank)
    if (overlap(a, b, rank))
      return op->emitOpError() << verb(a.mode) << " '" << a.pointer.name << "' and " << verb(b.mode) << " '"
                               << b.pointer.name << "', which overlap on rank " << rank;
  return success();
}

} // namespace

LogicalResult shardc::interpreter::checkAccesses(const Machine &machine, const Scope &scope,
                                                 AccessOpInterface op) {
  SmallVector<Access> accesses;
  op.getAccesses(accesses);
  std::vector<Touch> touches;
  for (const Access &access : accesses) {
    auto add = [&](const Pointer &pointer, BufferType type) -> LogicalResult {
      if (!isAllowed(pointer.permission, access.mode))
        return op->emitOpError() << verb(access.mode) << " '" << pointer.name
                                 << "', which this function may only "
                                 << (pointer.permission == Mode::in ? "read" : "add to");
      touches.push_back({pointer, type, access.mode});
      return success();
    };
    if (failed(forEachBuffer(scope.find(access.memory)->second, access.memory.getType(), add)))
      return failure();
  }
  for (size_t i = 0; i < touches.size(); ++i)
    for (size_t j = 0; j < i; ++j)
      if (!(touches[i].mode == Mode::in && touches[j].mode == Mode::in) &&
          failed(checkPair(machine, op, touches[j], touches[i])))
        return failure();
  return success();
}
