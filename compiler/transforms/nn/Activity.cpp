//===- Activity.cpp - where gradients flow --------------------------------===//

#include "compiler/transforms/nn/Activity.h"

using namespace mlir;
using namespace nn;
using llvm::BitVector;

bool nn::carriesGradient(Type type) {
  if (auto tensor = dyn_cast<NamedTensorType>(type))
    return isa<FloatType>(tensor.getElementType());
  auto bundle = dyn_cast<BundleType>(type);
  return bundle && llvm::any_of(bundle.getTypes(), carriesGradient);
}

Activity::Activity(ArrayRef<FuncOp> order, SymbolTable &symbols) : symbols(symbols) {
  for (FuncOp func : order)
    trackDependence(func);
  FuncOp root = order.back();
  Facts &main = facts[root];
  for (BlockArgument argument : root.getArguments())
    if (kindOfArgument(root, argument.getArgNumber()) == kindParameter)
      main.variedArguments.set(argument.getArgNumber());
  for (auto [index, type] : llvm::enumerate(root.getResultTypes()))
    if (carriesGradient(type) && main.resultDependsOn[index].anyCommon(main.variedArguments))
      main.activeResults.set(index);
  for (FuncOp func : llvm::reverse(order))
    propagateToCallees(func);
}

bool Activity::isVaried(FuncOp func, Value value) const {
  const Facts &of = facts.find(func)->second;
  auto found = of.dependsOn.find(value);
  return found != of.dependsOn.end() && found->second.anyCommon(of.variedArguments);
}

FuncOp Activity::calleeOf(Operation &op) const {
  auto call = dyn_cast<CallOp>(op);
  return call ? symbols.lookup<FuncOp>(call.getCallee()) : FuncOp();
}

bool Activity::passesGradient(Operation &op, unsigned operand, unsigned result) {
  if (isa<DetachOp>(op) || !carriesGradient(op.getOperand(operand).getType()) ||
      !carriesGradient(op.getResult(result).getType()))
    return false;
  FuncOp callee = calleeOf(op);
  return !callee || facts[callee].resultDependsOn[result].test(operand);
}

BitVector Activity::dependenceOf(Facts &of, Operation &op, unsigned result) {
  BitVector depends(of.variedArguments.size());
  for (unsigned operand = 0; operand < op.getNumOperands(); ++operand)
    if (passesGradient(op, operand, result))
      depends |= of.dependsOn[op.getOperand(operand)];
  return depends;
}

void Activity::trackDependence(FuncOp func) {
  Facts &of = facts[func]; // callees are in the map already: nothing below inserts
  of.variedArguments.resize(func.getNumArguments());
  of.activeResults.resize(func.getNumResults());
  for (BlockArgument argument : func.getArguments()) {
    BitVector &depends = of.dependsOn[argument];
    depends.resize(func.getNumArguments());
    if (carriesGradient(argument.getType()))
      depends.set(argument.getArgNumber());
  }
  for (Operation &op : func.getBody().front().without_terminator())
    for (OpResult result : op.getResults()) {
      BitVector depends = dependenceOf(of, op, result.getResultNumber());
      of.dependsOn[result] = std::move(depends);
    }
  for (Value returned : func.getReturn().getOperands())
    of.resultDependsOn.push_back(of.dependsOn[returned]);
}

void Activity::propagateToCallees(FuncOp func) {
  Facts &of = facts[func];
  llvm::DenseSet<Value> useful;
  for (auto [index, returned] : llvm::enumerate(func.getReturn().getOperands()))
    if (of.activeResults[index] && isVaried(func, returned))
      useful.insert(returned);
  for (Operation &op : llvm::reverse(func.getBody().front().without_terminator()))
    for (OpResult result : op.getResults()) {
      if (!useful.contains(result))
        continue;
      FuncOp callee = calleeOf(op);
      if (callee)
        facts[callee].activeResults.set(result.getResultNumber());
      for (unsigned operand = 0; operand < op.getNumOperands(); ++operand) {
        if (!passesGradient(op, operand, result.getResultNumber()) || !isVaried(func, op.getOperand(operand)))
          continue;
        useful.insert(op.getOperand(operand));
        if (callee)
          facts[callee].variedArguments.set(operand);
      }
    }
}
