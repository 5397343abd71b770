//===- LayoutsOfEdges.cpp - layouts of functions, calls, loops and bundles ===//
//
// Values cross an edge in the layout of their names and kind. Accumulators, and contributions that a function
// returns as such, stay partial.
//
//===----------------------------------------------------------------------===//

#include "compiler/transforms/dist/Layouts.h"

using namespace mlir;
using namespace dist;
using nn::NamedTensorType;

/// Replaces the tensors of a type by what `change` makes of field number n (null: keep); null when it fails.
static Type mapFields(Type type, function_ref<FailureOr<NamedTensorType>(unsigned)> change) {
  SmallVector<Type> fields;
  auto bundle = dyn_cast<nn::BundleType>(type);
  fields.assign(bundle ? llvm::to_vector(bundle.getTypes()) : SmallVector<Type>{type});
  for (unsigned field = 0, e = numFields(type); field < e; ++field) {
    FailureOr<NamedTensorType> changed = change(field);
    if (failed(changed))
      return {};
    if (*changed)
      fields[field] = *changed;
  }
  return bundle ? Type(bundle.withTypes(fields)) : fields[0];
}

static FailureOr<NamedTensorType> orFailure(NamedTensorType type) {
  if (!type)
    return failure();
  return type;
}

//===-- functions ----------------------------------------------------------===//

FunctionLayouts::FunctionLayouts(nn::FuncOp func, ModuleLayouts &module)
    : func(func), module(module), accumulators(func, [&](nn::CallOp call) -> ArrayRef<AccumulatorLink> {
        FunctionLayouts *callee = module.calleeOf(call);
        return callee ? callee->signature.links : ArrayRef<AccumulatorLink>();
      }) {
  partialOver.resize(accumulators.size());
  signature.links.assign(accumulators.getLinks().begin(), accumulators.getLinks().end());
}

Type FunctionLayouts::edgeType(Value value, StringRef kind) {
  Type type = canonical(value.getType(), kind);
  if (!type || !accumulators.holdsAny(value))
    return type;
  return mapFields(type, [&](unsigned field) -> FailureOr<NamedTensorType> {
    int id = accumulators.find(value, field);
    if (id == Accumulators::none)
      return NamedTensorType();
    return orFailure(accumulatorType(fieldType(value.getType(), field), id));
  });
}

LogicalResult FunctionLayouts::inferOnce() {
  current = func;
  signature.arguments.clear();
  for (BlockArgument argument : func.getArguments()) {
    for (unsigned field = 0, e = numFields(argument.getType()); field < e; ++field)
      if (int id = accumulators.find(argument, field); id != Accumulators::none)
        for (StringAttr meshAxis : module.widened.lookup({func, {argument.getArgNumber(), field}}))
          partialOver[id].insert(meshAxis);
    StringRef kind = kindOfArgument(func, argument.getArgNumber());
    Type type = edgeType(argument, kind);
    if (!type)
      return failure();
    signature.arguments.push_back(type);
    produce(argument, type, kind);
  }
  return visitBlock(func.getBody().front());
}

/// The type of a result that is returned as a contribution: as partial as it is.
Type FunctionLayouts::contributionType(Value value, StringRef kind) {
  Type type = canonical(value.getType(), module.plan.kindWhileSummed(kind)), from = available(value);
  if (!type)
    return {};
  return mapFields(type, [&](unsigned field) -> FailureOr<NamedTensorType> {
    NamedTensorType tensor = fieldType(from, field);
    if (!tensor || !tensor.getPartial() || tensor.getPartial().getKind() != nn::ReductionKind::sum)
      return NamedTensorType();
    return orFailure(partialAtEdge(tensor, kind, tensor.getPartial().getMesh()));
  });
}

LogicalResult FunctionLayouts::visitReturn(nn::ReturnOp op) {
  OpLayout &layout = ops[op];
  layout = {};
  for (OpOperand &operand : op->getOpOperands()) {
    Value value = operand.get();
    StringRef kind = kindOfResult(func, operand.getOperandNumber());
    bool isAccumulator = accumulators.holdsAny(value);
    // Nobody would close what a function that nobody calls leaves partial.
    bool isWhole = !isAccumulator && (!mayBePartial(kind) || !module.isCalled(func));
    Type type = isWhole         ? canonical(value.getType(), kind)
                : isAccumulator ? edgeType(value, kind)
                                : contributionType(value, kind);
    if (!type)
      return failure();
    if (isWhole)
      need(value, type);
    layout.operands.push_back(type);
  }
  signature.results = layout.operands;
  return success();
}

//===-- calls --------------------------------------------------------------===//

/// Both sides of an accumulator that is handed to a callee are partial alike: whichever is partial over less
/// learns of it. Its contributions are then masked, which moves nothing.
void FunctionLayouts::agreeOnAccumulators(nn::CallOp call, FunctionLayouts &callee) {
  for (const AccumulatorLink &link : callee.signature.links) {
    int id = accumulators.find(call.getOperand(link.argument), link.field);
    if (id == Accumulators::none)
      continue;
    NamedTensorType theirs = fieldType(callee.signature.arguments[link.argument], link.field);
    growAccumulator(id, theirs);
    NamedTensorType ours =
        accumulatorType(fieldType(call.getOperand(link.argument).getType(), link.field), id);
    if (!ours || ours == theirs || !ours.getPartial())
      continue;
    MeshSet &wanted = module.widened[{callee.func, {link.argument, link.field}}];
    for (StringAttr meshAxis : ours.getPartial().getMesh())
      module.widenedAgain |= wanted.insert(meshAxis);
  }
}

LogicalResult FunctionLayouts::visitCall(nn::CallOp call) {
  FunctionLayouts *callee = module.calleeOf(call);
  if (!callee)
    return call->emitOpError() << "'" << call.getCallee() << "' is not an nn.func of this module";
  agreeOnAccumulators(call, *callee);
  ops[call] = {callee->signature.arguments, callee->signature.results};
  llvm::DenseSet<Value> continued; // other accumulators the callee only reads
  for (const AccumulatorLink &link : callee->signature.links)
    continued.insert(call.getOperand(link.argument));
  for (auto [operand, type] : llvm::zip(call.getOperands(), callee->signature.arguments))
    if (!continued.contains(operand) || !accumulators.holdsAny(operand))
      need(operand, type);
  for (auto [index, result] : llvm::enumerate(call.getResults()))
    produce(result, callee->signature.results[index], kindOfResult(callee->func, index));
  return success();
}

//===-- loops --------------------------------------------------------------===//

LogicalResult FunctionLayouts::visitLoop(nn::LoopOp loop) {
  OpLayout layout;
  Block &body = loop.getBody().front();
  produce(body.getArgument(0), body.getArgument(0).getType(), "");
  for (auto [init, argument, result] :
       llvm::zip(loop.getInits(), llvm::drop_begin(body.getArguments()), loop.getResults())) {
    int id = numFields(argument.getType()) ? accumulators.find(argument) : Accumulators::none;
    StringRef kind = id == Accumulators::none ? kindOf(init) : accumulators.kindOf(id);
    Type type = edgeType(argument, kind);
    if (!type)
      return failure();
    if (!accumulators.holdsAny(argument))
      need(init, type);
    layout.operands.push_back(type);
    layout.results.push_back(type);
    produce(argument, type, kind);
    produce(result, type, kind);
  }
  ops[loop] = std::move(layout);
  return visitBlock(body);
}

LogicalResult FunctionLayouts::visitYield(nn::LoopOp loop, Operation *yield) {
  OpLayout layout;
  for (auto [carried, argument] :
       llvm::zip(yield->getOperands(), llvm::drop_begin(loop.getBody().getArguments()))) {
    Type type = edgeType(argument, kindOf(argument));
    if (!type)
      return failure();
    if (!accumulators.holdsAny(argument))
      need(carried, type);
    layout.operands.push_back(type);
  }
  ops[yield] = std::move(layout);
  return success();
}

//===-- bundles ------------------------------------------------------------===//

LogicalResult FunctionLayouts::visitUnpack(nn::UnpackOp unpack) {
  Value bundle = unpack.getBundle();
  Type type = accumulators.holdsAny(bundle) ? produced.lookup(bundle) : available(bundle);
  OpLayout &layout = ops[unpack];
  layout = {{type}, llvm::to_vector(cast<nn::BundleType>(type).getTypes())};
  for (auto [result, field] : llvm::zip(unpack->getResults(), layout.results))
    produce(result, field, kindOf(bundle));
  return success();
}

/// The kind that the first use of a value names, where it names one.
StringRef FunctionLayouts::kindOfUse(Value value) {
  for (OpOperand &use : value.getUses()) {
    if (isa<nn::ReturnOp>(use.getOwner()))
      return kindOfResult(func, use.getOperandNumber());
    if (auto call = dyn_cast<nn::CallOp>(use.getOwner()))
      if (FunctionLayouts *callee = module.calleeOf(call))
        return kindOfArgument(callee->func, use.getOperandNumber());
  }
  return {};
}

LogicalResult FunctionLayouts::visitPack(nn::PackOp pack) {
  StringRef kind = kindOfUse(pack.getResult());
  OpLayout layout;
  for (OpOperand &operand : pack->getOpOperands()) {
    Value value = operand.get();
    int id = isa<NamedTensorType>(value.getType())
                 ? accumulators.find(pack.getResult(), operand.getOperandNumber())
                 : Accumulators::none;
    if (reduced.contains(pack.getResult()) && id == Accumulators::none)
      need(value, canonical(value.getType(), kind));
    auto tensor = dyn_cast<NamedTensorType>(available(value));
    Type type = id != Accumulators::none        ? accumulatorType(cast<NamedTensorType>(value.getType()), id)
                : tensor && tensor.getPartial() ? Type(tensor)
                : kindOf(value).empty()         ? canonical(value.getType(), kind)
                                                : canonical(value.getType(), kindOf(value));
    if (!type)
      return failure();
    if (id == Accumulators::none)
      need(value, type);
    layout.operands.push_back(type);
  }
  layout.results.push_back(pack.getType().withTypes(layout.operands));
  produce(pack.getResult(), layout.results[0], kind);
  ops[pack] = std::move(layout);
  return success();
}

//===-- the module ---------------------------------------------------------===//

SmallVector<nn::FuncOp> ModuleLayouts::inOrder() {
  SmallVector<nn::FuncOp> order;
  llvm::DenseSet<Operation *> seen;
  std::function<void(nn::FuncOp)> add = [&](nn::FuncOp func) {
    if (!func || !seen.insert(func).second)
      return;
    func.walk([&](nn::CallOp call) {
      nn::FuncOp callee = symbols.lookup(call.getCalleeAttr().getAttr());
      called.insert(callee);
      add(callee);
    });
    order.push_back(func);
  };
  for (auto func : module.getOps<nn::FuncOp>())
    symbols[func.getSymNameAttr()] = func;
  for (auto func : module.getOps<nn::FuncOp>())
    add(func);
  return order;
}

FunctionLayouts *ModuleLayouts::calleeOf(nn::CallOp call) {
  nn::FuncOp callee = symbols.lookup(call.getCalleeAttr().getAttr());
  auto found = functions.find(callee);
  return found == functions.end() ? nullptr : found->second.get();
}

LogicalResult ModuleLayouts::infer() {
  SmallVector<nn::FuncOp> order = inOrder();
  do {
    widenedAgain = false;
    functions.clear();
    for (nn::FuncOp func : order) {
      auto layouts = std::make_unique<FunctionLayouts>(func, *this);
      if (failed(layouts->infer()))
        return failure();
      functions[func] = std::move(layouts);
    }
  } while (widenedAgain);
  return success();
}
