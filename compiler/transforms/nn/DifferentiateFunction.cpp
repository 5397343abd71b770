//===- DifferentiateFunction.cpp - the forward and the backward of a function ===//
//
// The backward walks the primal's ops in reverse and keeps, for each value, the gradient that has arrived so
// far. Values that are fields of a bundle of parameters start from the accumulator that the function is
// given; a call takes the gradients of the fields it is given and returns them with its own contribution
// added. So every accumulator passes through the calls in one thread, first the last layer's.
//
//===----------------------------------------------------------------------===//

#include "compiler/transforms/nn/Cleanup.h"
#include "compiler/transforms/nn/PrimalValues.h"
#include "compiler/transforms/nn/WriteFunction.h"
#include "dialects/nn/Build.h"

#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace nn;

BundleType nn::gradientsType(BundleType parameters) {
  SmallVector<StringAttr> fields;
  SmallVector<Type> types;
  for (auto [field, type] : llvm::zip(parameters.getFields(), parameters.getTypes()))
    if (carriesGradient(type)) {
      fields.push_back(field);
      types.push_back(type);
    }
  MLIRContext *context = parameters.getContext();
  auto name = StringAttr::get(context, parameters.getName().getValue() + "_gradients");
  return BundleType::get(context, name, fields, types);
}

namespace {

/// `%weights` has `%gradients`, `%attn.weights` has `%attn.gradients`, `%h.3` has `%h.3_gradients`.
std::string gradientsName(Value bundle) {
  StringRef name = nameOf(bundle);
  if (name.empty() || name.consume_back("weights"))
    return (name + "gradients").str();
  return (name + "_gradients").str();
}

Location gradientsLoc(Value bundle) {
  return named(bundle.getLoc(), gradientsName(bundle));
}

/// The values that the bundle `value` is made of: what was packed, or what the one unpack of an argument
/// gives.
FailureOr<SmallVector<Value>> fieldsOf(Value value, CallOp user) {
  if (auto pack = value.getDefiningOp<PackOp>())
    return SmallVector<Value>(pack.getOperands());
  if (auto argument = dyn_cast<BlockArgument>(value))
    return SmallVector<Value>(unpackOf(argument).getResults());
  return user.emitOpError() << "takes a bundle that is neither an argument of the function nor packed in it";
}

/// The backward function while it is written: its arguments are the gradients it is given, and it reads
/// values of the primal through stand-ins.
class Backward {
public:
  Backward(FuncOp primal, const Activity &activity, const Derivatives &derivatives, SymbolTable &symbols)
      : primal(primal), activity(activity), derivatives(derivatives), symbols(symbols),
        func(declare(primal, symbols)), block(func.getBody().front()), builder(OpBuilder::atBlockEnd(&block)),
        values(block, derivatives, symbols) {}

  /// Writes the body.
  LogicalResult write();
  /// Gives the function what it reads of the primal, and its type; then writes the forward.
  Derivative finish(const SavedPolicy &policy);

private:
  static FuncOp declare(FuncOp primal, SymbolTable &symbols);
  void takeResultGradients();
  void takeAccumulators();
  LogicalResult visit(Operation &op);
  LogicalResult visitCall(CallOp call, FuncOp callee, const Derivative &derivative);
  void returnGradients();

  bool isVaried(Value value) const { return activity.isVaried(primal, value); }
  Value zeros(Value like) {
    return buildFill(builder, named(like.getLoc(), "zero"), cast<NamedTensorType>(like.getType()), 0);
  }
  Value gradientOrZeros(Value value) {
    Value gradient = gradients.lookup(value);
    return gradient ? gradient : zeros(value);
  }
  void accumulate(Operation *op, Value value, Value gradient);

  BundleType describeSaved(ArrayRef<PrimalValues::Kept> saved);
  FuncOp writeForward(ArrayRef<PrimalValues::Kept> saved, BundleType type);

  FuncOp primal;
  const Activity &activity;
  const Derivatives &derivatives;
  SymbolTable &symbols;
  FuncOp func;
  Block &block;
  OpBuilder builder;
  PrimalValues values;
  llvm::DenseMap<Value, Value> gradients; // of the primal's values, as far as they have arrived
};

FuncOp Backward::declare(FuncOp primal, SymbolTable &symbols) {
  OpBuilder builder(primal);
  builder.setInsertionPointAfter(primal);
  auto func = builder.create<FuncOp>(primal.getLoc(), (primal.getSymName() + "_backward").str(),
                                     builder.getFunctionType({}, {}));
  symbols.insert(func);
  return func;
}

void Backward::takeAccumulators() {
  const llvm::BitVector &varied = activity.variedArguments(primal);
  for (BlockArgument argument : primal.getArguments()) {
    auto bundle = dyn_cast<BundleType>(argument.getType());
    if (!bundle || !varied[argument.getArgNumber()])
      continue;
    StringRef name = nameOf(argument.getLoc());
    std::string gradientName = name == "weights" ? "gradients" : (name + "_gradients").str();
    Value accumulators = block.addArgument(gradientsType(bundle), named(argument.getLoc(), gradientName));
    auto fields = builder.create<UnpackOp>(accumulators.getLoc(), accumulators);
    auto next = fields.getResults().begin();
    for (Value field : unpackOf(argument).getResults())
      if (carriesGradient(field.getType()))
        gradients[field] = *next++;
  }
}

void Backward::takeResultGradients() {
  for (auto [index, returned] : llvm::enumerate(primal.getReturn().getOperands()))
    if (activity.activeResults(primal)[index])
      block.addArgument(returned.getType(), gradientLoc(primal.getReturn(), returned));
}

LogicalResult Backward::write() {
  takeResultGradients();
  unsigned numResultGradients = block.getNumArguments();
  takeAccumulators();
  auto arrived = block.getArguments().take_front(numResultGradients).begin();
  for (auto [index, returned] : llvm::enumerate(primal.getReturn().getOperands()))
    if (activity.activeResults(primal)[index])
      accumulate(primal.getReturn(), returned, *arrived++);
  for (Operation &op : llvm::reverse(primal.getBody().front().without_terminator()))
    if (failed(visit(op)))
      return failure();
  returnGradients();
  return success();
}

void Backward::accumulate(Operation *op, Value value, Value gradient) {
  if (!gradient || !isVaried(value))
    return;
  Value &sum = gradients[value];
  sum = sum ? buildSum(builder, gradientLoc(op, value), sum, gradient) : gradient;
}

LogicalResult Backward::visit(Operation &op) {
  if (isa<PackOp, UnpackOp>(op)) // gradients live with the fields
    return success();
  SmallVector<Value> resultGrads =
      llvm::map_to_vector(op.getResults(), [&](Value result) { return gradients.lookup(result); });
  SmallVector<bool> needed =
      llvm::map_to_vector(op.getOperands(), [&](Value operand) { return isVaried(operand); });
  if (llvm::none_of(resultGrads, [](Value gradient) { return gradient != nullptr; }) ||
      !llvm::is_contained(needed, true))
    return success();
  if (auto call = dyn_cast<CallOp>(op)) {
    auto callee = symbols.lookup<FuncOp>(call.getCallee());
    auto derivative = derivatives.find(callee);
    return derivative == derivatives.end() ? success() : visitCall(call, callee, derivative->second);
  }
  auto differentiable = dyn_cast<DifferentiableOpInterface>(op);
  if (!differentiable)
    return op.emitError() << "'" << op.getName() << "' has no gradient, and the loss depends on it";
  SmallVector<Value> operands, results, operandGrads(op.getNumOperands());
  for (Value operand : op.getOperands())
    operands.push_back(values.at(operand));
  for (Value result : op.getResults())
    results.push_back(values.at(result));
  if (failed(differentiable.buildGradients(builder, operands, results, resultGrads, needed, operandGrads)))
    return failure();
  for (auto [operand, gradient] : llvm::zip(op.getOperands(), operandGrads))
    accumulate(&op, operand, gradient);
  return success();
}

LogicalResult Backward::visitCall(CallOp call, FuncOp callee, const Derivative &derivative) {
  SmallVector<Value> operands;
  for (unsigned index : derivative.neededArguments)
    operands.push_back(values.at(call.getOperand(index)));
  if (derivative.saved)
    operands.push_back(values.savedBy(call, derivative.saved));
  for (unsigned index : activity.activeResults(callee).set_bits())
    operands.push_back(gradientOrZeros(call.getResult(index)));

  // A field that is packed twice (a tied weight) lends its accumulator once.
  SmallVector<Value> tensors, fields;
  SmallVector<std::string> names, bundleNames;
  llvm::DenseSet<Value> lent;
  for (unsigned index : activity.variedArguments(callee).set_bits()) {
    Value operand = call.getOperand(index);
    auto bundle = dyn_cast<BundleType>(operand.getType());
    if (!bundle) {
      tensors.push_back(operand);
      names.push_back(gradientName(call, operand));
      continue;
    }
    FailureOr<SmallVector<Value>> packed = fieldsOf(operand, call);
    if (failed(packed))
      return failure();
    SmallVector<Value> accumulators;
    for (Value field : *packed)
      if (carriesGradient(field.getType())) {
        bool lends = isVaried(field) && lent.insert(field).second;
        accumulators.push_back(lends ? gradientOrZeros(field) : zeros(field));
        fields.push_back(field);
      }
    operands.push_back(builder.create<PackOp>(gradientsLoc(operand), gradientsType(bundle), accumulators));
    bundleNames.push_back(gradientsName(operand));
  }

  llvm::append_range(names, bundleNames);
  auto backward = builder.create<CallOp>(namedAll(call.getLoc(), names), derivative.backward, operands);
  SmallVector<Value> fieldGradients;
  for (Value result : backward.getResults().drop_front(tensors.size()))
    llvm::append_range(fieldGradients, builder.create<UnpackOp>(call.getLoc(), result).getResults());
  for (auto [tensor, gradient] : llvm::zip(tensors, backward.getResults()))
    accumulate(call, tensor, gradient);
  for (auto [field, gradient] : llvm::zip(fields, fieldGradients)) {
    if (lent.erase(field))
      gradients[field] = gradient;
    else
      accumulate(call, field, gradient);
  }
  return success();
}

void Backward::returnGradients() {
  SmallVector<Value> returned;
  SmallVector<Value> accumulators;
  const llvm::BitVector &varied = activity.variedArguments(primal);
  for (BlockArgument argument : primal.getArguments()) {
    if (!varied[argument.getArgNumber()])
      continue;
    auto bundle = dyn_cast<BundleType>(argument.getType());
    if (!bundle) {
      returned.push_back(gradientOrZeros(argument));
      continue;
    }
    SmallVector<Value> fields;
    for (Value field : unpackOf(argument).getResults())
      if (carriesGradient(field.getType()))
        fields.push_back(gradients.lookup(field));
    accumulators.push_back(builder.create<PackOp>(gradientsLoc(argument), gradientsType(bundle), fields));
  }
  llvm::append_range(returned, accumulators);
  builder.create<ReturnOp>(primal.getReturn().getLoc(), returned);
}

BundleType Backward::describeSaved(ArrayRef<PrimalValues::Kept> saved) {
  if (saved.empty())
    return {};
  SmallVector<std::string> names;
  SmallVector<Type> types;
  for (const PrimalValues::Kept &kept : saved) {
    bool isBundle = kept.index == kept.op->getNumResults();
    StringRef base = nameOf(isBundle ? kept.op->getResult(0) : kept.op->getResult(kept.index));
    std::string stem = base.empty() ? kept.op->getName().stripDialect().str() : base.str();
    names.push_back(isBundle ? stem + "_saved" : stem);
    types.push_back(kept.standIn.getType());
  }
  return bundleOf((primal.getSymName() + "_saved").str(), names, types);
}

FuncOp Backward::writeForward(ArrayRef<PrimalValues::Kept> saved, BundleType type) {
  IRMapping copies;
  auto forward = cast<FuncOp>(primal->clone(copies));
  forward.setSymName((primal.getSymName() + "_forward").str());
  symbols.insert(forward, std::next(primal->getIterator()));
  llvm::DenseMap<Operation *, Value> bundles; // what each call saves
  for (const PrimalValues::Kept &kept : saved) {
    if (kept.index < kept.op->getNumResults())
      continue;
    Operation *call = copies.lookup(kept.op);
    OpBuilder at(call);
    FuncOp callee =
        derivatives.find(symbols.lookup<FuncOp>(cast<CallOp>(kept.op).getCallee()))->second.forward;
    auto names = llvm::map_to_vector(call->getResults(), [](Value v) { return nameOf(v).str(); });
    names.push_back(names[0] + "_saved");
    bool isNamed = !names[0].empty();
    Location loc = isNamed ? namedAll(call->getLoc(), names) : call->getLoc();
    auto saving = at.create<CallOp>(loc, callee, call->getOperands());
    for (auto [index, result] : llvm::enumerate(call->getResults())) {
      result.replaceAllUsesWith(saving.getResult(index));
      copies.map(kept.op->getResult(index), saving.getResult(index));
    }
    call->erase();
    bundles[kept.op] = saving->getResults().back();
  }
  auto fields = llvm::map_to_vector(saved, [&](const PrimalValues::Kept &kept) {
    bool isBundle = kept.index == kept.op->getNumResults();
    return isBundle ? bundles.lookup(kept.op) : copies.lookup(kept.op->getResult(kept.index));
  });
  ReturnOp ret = forward.getReturn();
  OpBuilder at(ret);
  ret->insertOperands(ret->getNumOperands(),
                      Value(at.create<PackOp>(named(ret.getLoc(), "saved"), type, fields)));
  forward.insertResult(forward.getNumResults(), type, DictionaryAttr());
  cleanUp(forward);
  return forward;
}

Derivative Backward::finish(const SavedPolicy &policy) {
  cleanUp(func);
  PrimalValues::Settled settled = values.settle(primal, policy);
  Derivative derivative;
  derivative.backward = func;
  derivative.saved = describeSaved(settled.saved);
  unsigned position = 0;
  for (PrimalValues::Kept &argument : settled.arguments) {
    derivative.neededArguments.push_back(argument.index);
    Location loc = primal.getArgument(argument.index).getLoc();
    Value value = block.insertArgument(position++, argument.standIn.getType(), loc);
    argument.standIn.replaceAllUsesWith(value);
  }
  if (derivative.saved) {
    Value bundle = block.insertArgument(position++, derivative.saved, named(primal.getLoc(), "saved"));
    auto unpack = OpBuilder::atBlockBegin(&block).create<UnpackOp>(bundle.getLoc(), bundle);
    for (auto [kept, value] : llvm::zip(settled.saved, unpack.getResults()))
      kept.standIn.replaceAllUsesWith(value);
  }
  cleanUp(func);

  func.setType(
      FunctionType::get(func.getContext(), block.getArgumentTypes(), func.getReturn()->getOperandTypes()));
  for (auto [index, argument] : llvm::enumerate(derivative.neededArguments))
    if (Attribute kind = primal.getArgAttr(argument, kindAttrName))
      func.setArgAttr(index, kindAttrName, kind);
  func->setAttr(neededArgumentsAttrName,
                Builder(func.getContext())
                    .getDenseI64ArrayAttr(llvm::to_vector(llvm::map_range(
                        derivative.neededArguments, [](unsigned index) { return int64_t(index); }))));
  auto kindOfGradients = StringAttr::get(func.getContext(), kindGradient);
  for (unsigned index = position; index < func.getNumArguments(); ++index)
    if (isa<BundleType>(func.getArgumentTypes()[index]))
      func.setArgAttr(index, kindAttrName, kindOfGradients);
  for (auto [index, type] : llvm::enumerate(func.getResultTypes()))
    if (isa<BundleType>(type))
      func.setResultAttr(index, kindAttrName, kindOfGradients);
  derivative.forward = derivative.saved ? writeForward(settled.saved, derivative.saved) : primal;
  return derivative;
}

} // namespace

FailureOr<Derivative> nn::differentiate(FuncOp primal, const Activity &activity, const SavedPolicy &policy,
                                        const Derivatives &derivatives, SymbolTable &symbols) {
  Backward backward(primal, activity, derivatives, symbols);
  if (failed(backward.write()))
    return failure();
  return backward.finish(policy);
}
