//===- Step.cpp - the training step, written out --------------------------===//
//
// In:  @main, its forward and its backward (Differentiate); the module attribute nn.recipe.
// Out: @micro, @step, @eval, @init and, for each distinct bundle of parameters, its update, squared norm and
//      first values. @main and what none of these reach are gone.
// Not here: where anything lies, which micro-batch runs when (pipe).
//
//   @micro(inputs, weights.., gradients.., loss, count, key) -> gradients.., loss, count     += one
//   micro-batch
//   @step(step, weights.., m.., v..) -> weights.., m.., v.., loss, grad_norm, lr    or other states than m, v
//   @eval(first_sample, weights..) -> sum of the loss, count of labels
//   @init() -> weights.., m.., v..
//
// The gradients that @micro adds up are of the sum of the loss. They are divided by the count of labels of
// the whole step, so that uneven masks weigh every label alike.
//
//===----------------------------------------------------------------------===//

#include "compiler/transforms/nn/CallOrder.h"
#include "compiler/transforms/nn/Cleanup.h"
#include "compiler/transforms/nn/Derivative.h"
#include "compiler/transforms/nn/Evaluation.h"
#include "compiler/transforms/nn/MainSignature.h"
#include "compiler/transforms/nn/Passes.h"
#include "compiler/transforms/nn/ScalarMath.h"
#include "compiler/transforms/nn/StepScalars.h"
#include "dialects/nn/Build.h"

namespace nn {
#define GEN_PASS_DEF_NNSTEP
#include "compiler/transforms/nn/Passes.h.inc"
} // namespace nn

using namespace mlir;
using namespace nn;

namespace {

class StepWriter {
public:
  StepWriter(ModuleOp module, FuncOp main, const Recipe &recipe)
      : module(module), symbols(module), main(main), loc(main.getLoc()), context(module.getContext()),
        recipe(recipe), signature(main, symbols, recipe) {}

  LogicalResult write() {
    if (!symbols.lookup("main_backward"))
      return main.emitOpError() << "has no gradient: run nn-differentiate first";
    if (failed(signature.read()))
      return failure();
    writeMicro();
    if (failed(writeEval()))
      return failure();
    writeStep();
    writeInit();
    return removeUnreached();
  }

private:
  void writeMicro();
  LogicalResult writeEval();
  void writeStep();
  void writeInit();
  LogicalResult removeUnreached();

  LoopOp writeLoop(OpBuilder &builder, Value step, ValueRange weights);
  Value writeSquare(OpBuilder &builder, ValueRange gradients);

  Location nameLoc(const Twine &name) const { return named(loc, name.str()); }
  /// A bundle of zeros for each of `types`; equal types share one.
  SmallVector<Value> zeros(OpBuilder &builder, ArrayRef<BundleType> types);
  Value scalar(OpBuilder &builder, StringRef name, ValueRange operands,
               function_ref<Value(ScalarMath, ValueRange)> write);
  /// The sum over all elements, and the number of labels that are not ignored.
  Value sumOf(OpBuilder &builder, Value loss);
  Value countOf(OpBuilder &builder, Value labels);

  ModuleOp module;
  SymbolTable symbols;
  FuncOp main;
  Location loc;
  MLIRContext *context;
  const Recipe &recipe;
  MainSignature signature;
};

//===-- pieces -------------------------------------------------------------===//

SmallVector<Value> StepWriter::zeros(OpBuilder &builder, ArrayRef<BundleType> types) {
  llvm::DenseMap<Type, Value> known;
  SmallVector<Value> bundles;
  for (BundleType type : types) {
    Value &zero = known[type];
    if (!zero) {
      SmallVector<Value> fields;
      for (auto [field, fieldType] : llvm::zip(type.getFields(), type.getTypes()))
        fields.push_back(buildFill(builder, nameLoc(field.getValue()), cast<NamedTensorType>(fieldType), 0));
      zero = builder.create<PackOp>(nameLoc("zero_" + type.getName().getValue()), type, fields);
    }
    bundles.push_back(zero);
  }
  return bundles;
}

Value StepWriter::scalar(OpBuilder &builder, StringRef name, ValueRange operands,
                         function_ref<Value(ScalarMath, ValueRange)> write) {
  return writeMap(builder, nameLoc(name), TypeRange(operands[0].getType()), operands,
                  [&](ScalarMath s, ValueRange in) -> SmallVector<Value> { return {write(s, in)}; })
      .getResult(0);
}

Value StepWriter::sumOf(OpBuilder &builder, Value loss) {
  return buildSumTo(builder, named(loc, "loss_sum"), loss, scalarF32(context));
}

Value StepWriter::countOf(OpBuilder &builder, Value labels) {
  auto type = cast<NamedTensorType>(labels.getType());
  Value counts = writeMap(builder, named(loc, "is_label"),
                          TypeRange(type.withElementType(Float32Type::get(context))), labels,
                          [](ScalarMath s, ValueRange in) -> SmallVector<Value> {
                            OpBuilder &b = s.builder;
                            Value zero = b.create<arith::ConstantOp>(s.loc, b.getZeroAttr(in[0].getType()));
                            Value counts =
                                b.create<arith::CmpIOp>(s.loc, arith::CmpIPredicate::sge, in[0], zero);
                            return {b.create<arith::SelectOp>(s.loc, counts, s.number(1), s.number(0))};
                          })
                     .getResult(0);
  return buildSumTo(builder, named(loc, "label_count"), counts, scalarF32(context));
}

//===-- @micro -------------------------------------------------------------===//

void StepWriter::writeMicro() {
  SmallVector<Slot> slots;
  signature.addInputs(slots);
  signature.addParameters(slots);
  signature.addGradients(slots);
  DictionaryAttr isAccumulator = kindAttrs(context, kindAccumulator);
  slots.push_back({scalarF32(context), "loss", isAccumulator});
  slots.push_back({scalarF32(context), "count", isAccumulator});
  if (signature.hasKey())
    slots.push_back({KeyType::get(context), "key", {}});
  FuncOp micro = startFunction(symbols, loc, "micro", slots);

  OpBuilder builder = OpBuilder::atBlockEnd(&micro.getBody().front());
  size_t count = signature.getInstances().size(), numInputs = signature.getInputs().size();
  auto arguments = llvm::to_vector_of<Value>(micro.getArguments());
  ArrayRef<Value> rest(arguments);
  ArrayRef<Value> inputValues = rest.take_front(numInputs);
  rest = rest.drop_front(numInputs);
  ArrayRef<Value> weights = rest.take_front(count), gradients = rest.slice(count, count);
  rest = rest.drop_front(2 * count);
  Value loss = rest[0], labelCount = rest[1], key = signature.hasKey() ? rest[2] : Value();

  SmallVector<Value> mainArguments = signature.arguments(inputValues, weights, key);
  auto forward = symbols.lookup<FuncOp>("main_forward");
  SmallVector<Value> forwardResults = inlineBody(builder, forward ? forward : main, mainArguments);
  Value losses = forwardResults[0];
  loss = buildSum(builder, named(loc, "loss"), loss, sumOf(builder, losses));
  labelCount = buildSum(builder, named(loc, "count"), labelCount,
                        countOf(builder, signature.labelsAmong(inputValues)));

  auto backward = symbols.lookup<FuncOp>("main_backward");
  SmallVector<Value> backwardArguments;
  for (int64_t index : backward->getAttrOfType<DenseI64ArrayAttr>(neededArgumentsAttrName).asArrayRef())
    backwardArguments.push_back(mainArguments[index]);
  if (forward)
    backwardArguments.push_back(forwardResults[1]);
  backwardArguments.push_back(
      buildFill(builder, named(loc, "d_loss"), cast<NamedTensorType>(losses.getType()), 1));
  llvm::append_range(backwardArguments, gradients);
  SmallVector<Value> results = inlineBody(builder, backward, backwardArguments);
  results.append({loss, labelCount});
  SmallVector<DictionaryAttr> attrs(count, kindAttrs(context, kindGradient));
  attrs.append(2, isAccumulator);
  finishFunction(micro, results, attrs);
  cleanUp(micro);
  shareEqualOps(micro);
}

//===-- @eval --------------------------------------------------------------===//

LogicalResult StepWriter::writeEval() {
  FailureOr<FuncOp> evaluated = writeEvaluation(main, symbols);
  if (failed(evaluated))
    return failure();
  SmallVector<Slot> slots = {{scalarI64(context), "first_sample", {}}};
  signature.addParameters(slots);
  FuncOp eval = startFunction(symbols, loc, "eval", slots);
  OpBuilder builder = OpBuilder::atBlockEnd(&eval.getBody().front());
  SmallVector<Value> inputValues = signature.readInputs(builder, eval.getArgument(0));
  auto weights = llvm::to_vector_of<Value>(eval.getArguments().drop_front());
  SmallVector<Value> arguments = signature.arguments(inputValues, weights, /*key=*/{});
  Value losses = inlineBody(builder, *evaluated, arguments)[0];
  SmallVector<Value> results = {sumOf(builder, losses), countOf(builder, signature.labelsAmong(inputValues))};
  DictionaryAttr isAccumulator = kindAttrs(context, kindAccumulator);
  finishFunction(eval, results, {isAccumulator, isAccumulator});
  cleanUp(eval);
  return success();
}

//===-- @step --------------------------------------------------------------===//

LoopOp StepWriter::writeLoop(OpBuilder &builder, Value step, ValueRange weights) {
  SmallVector<Slot> slots;
  signature.addGradients(slots);
  SmallVector<Value> accumulators = zeros(
      builder, llvm::map_to_vector(slots, [](const Slot &slot) { return cast<BundleType>(slot.type); }));
  for (StringRef name : {"loss", "count"}) {
    slots.push_back({scalarF32(context), name.str(), {}});
    accumulators.push_back(buildFill(builder, nameLoc("zero_" + name), scalarF32(context), 0));
  }
  Value firstOfStep = scalar(builder, "first_sample", step, [&](ScalarMath s, ValueRange in) {
    return s.op<arith::MulIOp>(in[0], s.integer(recipe.globalBatchSize));
  });
  auto names = llvm::map_to_vector(slots, [](const Slot &slot) { return slot.name; });
  auto loop = builder.create<LoopOp>(namedAll(loc, names), ValueRange(accumulators).getTypes(),
                                     builder.getI64IntegerAttr(recipe.microbatches), accumulators);

  Block &body = loop.getBody().emplaceBlock();
  OpBuilder inner = OpBuilder::atBlockEnd(&body);
  Value trip = body.addArgument(scalarI64(context), nameLoc("micro_batch"));
  for (const Slot &slot : slots)
    body.addArgument(slot.type, nameLoc(slot.name));
  Value first = scalar(inner, "first", {firstOfStep, trip}, [&](ScalarMath s, ValueRange in) {
    return s.op<arith::AddIOp>(in[0], s.op<arith::MulIOp>(in[1], s.integer(recipe.microBatchSize())));
  });
  SmallVector<Value> operands = signature.readInputs(inner, first);
  llvm::append_range(operands, weights);
  llvm::append_range(operands, body.getArguments().drop_front());
  if (signature.hasKey())
    operands.push_back(inner.create<KeyOp>(nameLoc("key"), KeyType::get(context), step, first));
  auto call = inner.create<CallOp>(namedAll(loc, names), symbols.lookup<FuncOp>("micro"), operands);
  inner.create<YieldOp>(loc, call.getResults());
  return loop;
}

/// The sum of all squares of the gradients.
Value StepWriter::writeSquare(OpBuilder &builder, ValueRange gradients) {
  SmallVector<Value> squares;
  for (auto [instance, gradient] : llvm::zip(signature.getInstances(), gradients))
    squares.push_back(builder
                          .create<CallOp>(nameLoc(instance.with("square")), instance.functions->squaredNorm,
                                          ValueRange(gradient))
                          .getResult(0));
  if (squares.size() == 1)
    return squares[0];
  return scalar(builder, "square", squares, [](ScalarMath s, ValueRange in) {
    Value sum = in[0];
    for (Value next : in.drop_front())
      sum = s.add(sum, next);
    return sum;
  });
}

void StepWriter::writeStep() {
  SmallVector<Slot> slots = {{scalarI64(context), "step", {}}};
  signature.addParameters(slots);
  signature.addStates(slots);
  FuncOp func = startFunction(symbols, loc, "step", slots);
  OpBuilder builder = OpBuilder::atBlockEnd(&func.getBody().front());
  size_t count = signature.getInstances().size();
  Value step = func.getArgument(0);
  auto state = llvm::to_vector_of<Value>(func.getArguments().drop_front());

  ValueRange sums = writeLoop(builder, step, ArrayRef<Value>(state).take_front(count)).getResults();
  ValueRange gradients = sums.take_front(count);
  Value loss = sums[count], labelCount = sums[count + 1];
  Value norm = writeNorm(builder, loc, writeSquare(builder, gradients), labelCount);
  Value scale = writeScale(builder, loc, recipe, norm, labelCount);
  Value lr = writeLearningRate(builder, loc, recipe, step);
  SmallVector<Value> scalars = {scale, lr};
  llvm::append_range(scalars, writeStateScalars(builder, loc, recipe, step));

  SmallVector<Value> results(state.size());
  for (auto [index, instance] : llvm::enumerate(signature.getInstances())) {
    SmallVector<Value> operands = {state[index], gradients[index]};
    SmallVector<std::string> names = {"new_" + instance.name};
    for (auto [part, name] : llvm::enumerate(recipe.states())) {
      operands.push_back(state[index + (part + 1) * count]);
      names.push_back("new_" + instance.with(name));
    }
    llvm::append_range(operands, scalars);
    auto call = builder.create<CallOp>(namedAll(loc, names), instance.functions->update, operands);
    for (auto [part, result] : llvm::enumerate(call.getResults()))
      results[index + part * count] = result;
  }
  Value meanLoss = scalar(builder, "mean_loss", {loss, labelCount}, [](ScalarMath s, ValueRange in) {
    return s.div(in[0], s.max(in[1], s.number(1)));
  });
  results.append({meanLoss, norm, lr});
  finishFunction(func, results, signature.stateAttrs());
}

//===-- @init --------------------------------------------------------------===//

void StepWriter::writeInit() {
  FuncOp func = startFunction(symbols, loc, "init", {});
  OpBuilder builder = OpBuilder::atBlockEnd(&func.getBody().front());
  // A step that never comes, so that no dropout mask draws what a weight drew.
  Value step =
      buildFill(builder, nameLoc("no_step"), scalarI64(context), std::numeric_limits<uint32_t>::max());
  Value sample = buildFill(builder, nameLoc("no_sample"), scalarI64(context), 0);
  Value key = builder.create<KeyOp>(nameLoc("key"), KeyType::get(context), step, sample);
  SmallVector<Value> results;
  for (auto [index, instance] : llvm::enumerate(signature.getInstances())) {
    Value child = builder.create<ChildKeyOp>(nameLoc(instance.with("key")), KeyType::get(context), key,
                                             builder.getI32IntegerAttr(int32_t(index)));
    results.push_back(
        builder.create<CallOp>(nameLoc(instance.name), instance.functions->init, child).getResult(0));
  }
  SmallVector<Slot> states;
  signature.addStates(states);
  llvm::append_range(results, zeros(builder, llvm::map_to_vector(states, [](const Slot &slot) {
                                      return cast<BundleType>(slot.type);
                                    })));
  finishFunction(func, results, signature.stateAttrs());
}

//===-- the rest -----------------------------------------------------------===//

LogicalResult StepWriter::removeUnreached() {
  llvm::DenseSet<Operation *> reached;
  for (StringRef entry : {"step", "micro", "eval", "init"}) {
    FailureOr<SmallVector<FuncOp>> order = calleesFirst(symbols.lookup<FuncOp>(entry), symbols);
    if (failed(order))
      return failure();
    for (FuncOp func : *order)
      reached.insert(func);
  }
  for (auto func : llvm::make_early_inc_range(module.getOps<FuncOp>())) {
    func->removeAttr(neededArgumentsAttrName);
    if (!reached.contains(func))
      func.erase();
  }
  return success();
}

struct StepPass : nn::impl::NnStepBase<StepPass> {
  void runOnOperation() override {
    auto main = getOperation().lookupSymbol<FuncOp>("main");
    if (!main) {
      getOperation().emitError("the module has no function @main");
      return signalPassFailure();
    }
    FailureOr<Recipe> recipe = Recipe::read(getOperation());
    if (failed(recipe) || failed(StepWriter(getOperation(), main, *recipe).write()))
      return signalPassFailure();
  }
};
} // namespace
