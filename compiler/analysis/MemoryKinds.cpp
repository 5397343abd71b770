//===- MemoryKinds.cpp - what a buffer of a rank's program is for ---------===//
//
// Globals say what they are. A buffer of a frame is what is done with it, and what moves into it:
//
//   a struct NAME_saved or NAME_carried; what is computed before the        saved values
//   backward reads it
//   what calls only add to                                                gradients
//   collectives of parameters, of gradients                               gathered weights, gradients
//
// Names that end in _saved and _backward are nn-differentiate's: the frontend gives them to no module. Those
// in _carried, _backward_input and _backward_weights are pipe-split-backward's.
//
//===----------------------------------------------------------------------===//

#include "compiler/analysis/MemoryKinds.h"

#include "compiler/analysis/Lifetimes.h"
#include "compiler/analysis/Moves.h"

using namespace mlir;
using namespace exec;
using namespace shardc;

StringRef shardc::keyOf(MemoryKind kind) {
  switch (kind) {
  case MemoryKind::Parameters:
    return "parameters";
  case MemoryKind::Gradients:
    return "gradients";
  case MemoryKind::OptimizerState:
    return "optimizer_state";
  case MemoryKind::Inputs:
    return "inputs";
  case MemoryKind::SavedValues:
    return "saved_values";
  case MemoryKind::GatheredWeights:
    return "gathered_weights";
  case MemoryKind::Workspace:
    return "workspace";
  }
  return "";
}

MemoryKind shardc::kindOf(GlobalOp global) {
  return llvm::StringSwitch<MemoryKind>(global.getKind())
      .Case("parameter", MemoryKind::Parameters)
      .Case("gradient", MemoryKind::Gradients)
      .Case("optimizer_state", MemoryKind::OptimizerState)
      .Default(MemoryKind::Inputs);
}

/// `block_saved` of `block_saved_1`: lowering numbers several.
static StringRef withoutNumber(StringRef name) {
  return name.rtrim("0123456789").rtrim('_');
}

static bool isBackward(StringRef function) {
  return function.ends_with("_backward") || withoutNumber(function).ends_with("_backward_input") ||
         withoutNumber(function).ends_with("_backward_weights");
}

static bool holdsSavedValues(Type type) {
  auto bundle = dyn_cast<StructType>(type);
  return bundle && (withoutNumber(bundle.getName().getValue()).ends_with("_saved") ||
                    withoutNumber(bundle.getName().getValue()).ends_with("_carried"));
}

static FuncOp calleeOf(CallOp call) {
  return SymbolTable::lookupNearestSymbolFrom<FuncOp>(call, call.getCalleeAttr());
}

MemoryKinds::MemoryKinds(FuncOp func, OfArguments arguments) : func(func), known(std::move(arguments)) {
  func.getBody().walk([&](AccessOpInterface op) {
    SmallVector<Access> accesses;
    op.getAccesses(accesses);
    for (const Access &access : accesses)
      for (Value root : rootsOf(access.memory))
        touches[root].push_back({op, access.mode});
  });
}

MemoryKind MemoryKinds::of(Value pointer) {
  std::optional<MemoryKind> one;
  for (Value root : rootsOf(pointer)) {
    MemoryKind kind = ofRoot(root);
    if (one && *one != kind)
      return MemoryKind::Workspace;
    one = kind;
  }
  return one.value_or(MemoryKind::Workspace);
}

MemoryKind MemoryKinds::ofRoot(Value root) {
  auto [entry, isNew] = known.try_emplace(root, MemoryKind::Workspace); // what moves in a circle is workspace
  if (!isNew)
    return entry->second;
  MemoryKind kind = MemoryKind::Workspace;
  if (auto address = root.getDefiningOp<AddressOp>())
    kind = kindOf(SymbolTable::lookupNearestSymbolFrom<GlobalOp>(address, address.getGlobalAttr()));
  else if (auto buffer = root.getDefiningOp<BufferOp>())
    kind = ofBuffer(buffer);
  return known[root] = kind;
}

MemoryKind MemoryKinds::ofBuffer(BufferOp buffer) {
  Value pointer = buffer.getResult();
  if (holdsSavedValues(pointer.getType()))
    return MemoryKind::SavedValues;
  bool isReadByBackward = false, isMadeByBackward = false;
  for (const Touch &touch : touches[pointer]) {
    auto call = dyn_cast<CallOp>(touch.op);
    if (touch.mode != Mode::in)
      if (std::optional<MemoryKind> moved = movedInto(pointer, touch.op))
        return *moved;
    if (!call)
      continue;
    auto tensor = dyn_cast<BufferType>(pointer.getType());
    if (touch.mode == Mode::acc && !(tensor && tensor.isScalar()))
      return MemoryKind::Gradients;
    if (isBackward(call.getCallee()))
      (touch.mode == Mode::in ? isReadByBackward : isMadeByBackward) = true;
  }
  bool isSaved = isReadByBackward && !isMadeByBackward && !isBackward(func.getSymName());
  return isSaved ? MemoryKind::SavedValues : MemoryKind::Workspace;
}

/// The kind of a buffer that `writer` only moves something into.
std::optional<MemoryKind> MemoryKinds::movedInto(Value buffer, Operation *writer) {
  SmallVector<Value> sources;
  if (auto collective = dyn_cast<CollectiveOp>(writer)) {
    sources.push_back(collective.getOperand());
  } else if (auto call = dyn_cast<CallOp>(writer); call && onlyMoves(calleeOf(call))) {
    for (auto [index, operand] : llvm::enumerate(call.getOperands()))
      if (calleeOf(call).getMode(index) == Mode::in)
        sources.push_back(operand);
  }
  for (Value source : sources) {
    if (llvm::is_contained(rootsOf(source), buffer)) // in place
      continue;
    MemoryKind kind = of(source);
    if (kind == MemoryKind::Parameters || kind == MemoryKind::GatheredWeights)
      return MemoryKind::GatheredWeights;
    if (kind == MemoryKind::Gradients)
      return kind;
  }
  return std::nullopt;
}
