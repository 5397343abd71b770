//===- Training.cpp - the training step of a program, run in the interpreter ===//

#include "compiler/interpreter/Training.h"

#include "compiler/interpreter/DistHandlers.h"
#include "compiler/interpreter/Distribute.h"

#include "dialects/nn/EvaluateLoops.h"
#include "dialects/pipe/Pipe.h"

using namespace mlir;
using namespace nn;
using namespace shardc;
using namespace shardc::interpreter;

//===-- arguments of functions ---------------------------------------------===//

/// Numbers of the arguments of one of these kinds.
static SmallVector<unsigned> argumentsOf(FuncOp function, ArrayRef<StringRef> kinds) {
  SmallVector<unsigned> found;
  for (unsigned i = 0; i < function.getNumArguments(); ++i)
    if (llvm::is_contained(kinds, kindOfArgument(function, i)))
      found.push_back(i);
  return found;
}

/// What a user calls an argument: its path in the model, else its name.
static std::string nameOfArgument(FuncOp function, unsigned index) {
  if (auto path = function.getArgAttrOfType<StringAttr>(index, pathAttrName))
    return path.getValue().str();
  return nameOf(function.getArgument(index).getLoc()).str();
}

static void flatten(const std::string &name, Location place, const Datum &datum, Type type,
                    NamedValues &values) {
  if (isa<NamedTensorType>(type)) {
    values.push_back({name, place, datum.shards->front()});
    return;
  }
  auto bundle = dyn_cast<BundleType>(type);
  if (!bundle)
    return;
  for (auto [field, fieldName, fieldType] : llvm::zip(datum.fields, bundle.getFields(), bundle.getTypes()))
    flatten(name.empty() ? fieldName.str() : name + "." + fieldName.str(), place, field, fieldType, values);
}

/// A whole value of `type`, each number given by the tensor and its place in it.
static Datum filled(Type type, function_ref<double(int64_t index)> number) {
  if (auto bundle = dyn_cast<BundleType>(type)) {
    Data fields;
    for (Type field : bundle.getTypes())
      fields.push_back(filled(field, number));
    return Datum::bundle(std::move(fields));
  }
  Shard shard = Mesh().shardFor(cast<NamedTensorType>(type).stripped(), 0);
  std::vector<double> values(shard.numElements());
  for (auto [index, value] : llvm::enumerate(values))
    value = number(static_cast<int64_t>(index));
  shard.set(std::move(values));
  return Datum::tensor({shard});
}

static Datum scalar(double value) {
  return scalarDatum(Mesh(), value);
}

//===-- Training -----------------------------------------------------------===//

Training::Training(ModuleOp module, Mesh mesh, Options options) : module(module), options(options) {
  for (ModuleOp stage : pipes::stagesOf(module)) {
    Mesh own = stage == module || mesh.getAxes().empty() ? mesh : meshOf(dist::planOf(stage));
    stages.push_back({stage, std::make_unique<Interpreter>(stage, std::move(own), options)});
  }
  if (auto recipe = module->getAttrOfType<DictionaryAttr>("nn.recipe")) {
    if (auto value = recipe.getAs<IntegerAttr>("microbatches"))
      microbatches = value.getInt();
    if (auto value = recipe.getAs<IntegerAttr>("global_batch_size"))
      globalBatchSize = value.getInt();
  }
}

/// Calls the function of this name in each stage, with and to whole values.
FailureOr<std::vector<Data>> Training::call(StringRef name, const std::vector<Data> &whole) {
  Messages<Datum> messages;
  for (auto [stage, own] : llvm::zip_equal(stages, whole)) {
    FuncOp called = stage.function(name);
    if (!called)
      return stage.module.emitError() << "the program has no function @" << name;
    if (called.getNumArguments() != own.size())
      return called.emitError() << "@" << name << " takes " << called.getNumArguments() << " arguments, not "
                                << own.size();
    Data arguments;
    for (auto [datum, type] : llvm::zip(own, called.getArgumentTypes()))
      arguments.push_back(scatter(stage.mesh(), datum, type));
    if (failed(stage.interpreter->begin(name, arguments, messages)))
      return failure();
  }
  if (failed(runInTurn(stages.size(), [&](size_t stage) { return stages[stage].interpreter->resume(); })))
    return failure();
  std::vector<Data> results;
  for (Stage &stage : stages) {
    Data &own = results.emplace_back(stage.interpreter->results());
    for (auto [datum, type] : llvm::zip(own, stage.function(name).getResultTypes()))
      datum = gather(stage.mesh(), datum, type);
  }
  return results;
}

/// What each stage has of a state.
std::vector<Data> Training::byStage(const Data &state) {
  std::vector<Data> parts;
  size_t next = 0;
  for (Stage &stage : stages) {
    FuncOp step = stage.function("step");
    size_t count = stages.size() == 1 ? state.size() : step ? step.getNumArguments() - 1 : 0;
    parts.emplace_back(state.begin() + next, state.begin() + next + count);
    next += count;
  }
  return parts;
}

/// The weights and states among what an entry of a stage returns, in the order in which @step takes them:
/// what bears the same attributes is the same. The numbers of the rest go to `others`.
Data Training::stateAmong(Stage &stage, StringRef entry, const Data &results,
                          SmallVectorImpl<unsigned> &others) {
  FuncOp returning = stage.function(entry), step = stage.function("step");
  llvm::DenseMap<Attribute, unsigned> numbers;
  for (unsigned i = 0; i < returning.getNumResults(); ++i) {
    DictionaryAttr attributes = returning.getResultAttrDict(i);
    if (attributes && attributes.get(kindAttrName))
      numbers[attributes] = i;
    else
      others.push_back(i);
  }
  Data state;
  for (unsigned i = 1; i < step.getNumArguments(); ++i)
    if (auto found = numbers.find(step.getArgAttrDict(i)); found != numbers.end())
      state.push_back(results[found->second]);
  return state;
}

FailureOr<Data> Training::init() {
  FailureOr<std::vector<Data>> results = call("init", std::vector<Data>(stages.size()));
  if (failed(results))
    return failure();
  Data state;
  for (auto [stage, own] : llvm::zip(stages, *results)) {
    SmallVector<unsigned> others;
    llvm::append_range(state, stateAmong(stage, "init", own, others));
  }
  return state;
}

FailureOr<std::vector<Data>> Training::callStep(int64_t step, const Data &state) {
  std::vector<Data> arguments = byStage(state);
  for (Data &own : arguments)
    own.insert(own.begin(), scalar(static_cast<double>(step)));
  return call("step", arguments);
}

FailureOr<Data> Training::step(int64_t step, const Data &state, NamedValues &scalars) {
  FailureOr<std::vector<Data>> results = callStep(step, state);
  if (failed(results))
    return failure();
  Data after;
  const StringRef whats[] = {"loss", "grad_norm", "lr"};
  for (auto [stage, own] : llvm::zip(stages, *results)) {
    FuncOp called = stage.function("step");
    SmallVector<unsigned> numbers;
    llvm::append_range(after, stateAmong(stage, "step", own, numbers));
    for (auto [what, number] : llvm::zip(whats, numbers))
      flatten((what + " of step " + Twine(step)).str(), called.getLoc(), own[number],
              called.getResultTypes()[number], scalars);
  }
  return after;
}

/// Arguments of @micro with zero accumulators: what is not a weight, an input or a key starts at zero.
Data Training::inputsAndZeros(FuncOp micro, const Data &state, int64_t firstSample) {
  Data arguments;
  size_t nextWeight = 0;
  for (unsigned i = 0; i < micro.getNumArguments(); ++i) {
    Type type = micro.getArgumentTypes()[i];
    if (isa<KeyType>(type)) {
      arguments.push_back(Datum::ofKey({0, static_cast<uint64_t>(firstSample), 0}));
    } else if (auto input = micro.getArgAttrOfType<StringAttr>(i, "nn.input")) {
      Datum datum = filled(type, [](int64_t) { return 0.0; });
      Shard shard = datum.shards->front();
      std::vector<double> values;
      forEachGlobal(shard, [&](int64_t element, int64_t batch) {
        values.push_back(options.inputs(input.getValue(), firstSample + batch, element));
      });
      shard.set(std::move(values));
      arguments.push_back(Datum::tensor({shard}));
    } else if (kindOfArgument(micro, i) == kindParameter) {
      arguments.push_back(state[nextWeight++]);
    } else {
      arguments.push_back(filled(type, [](int64_t) { return 0.0; }));
    }
  }
  return arguments;
}

FailureOr<NamedValues> Training::gradients(const Data &state) {
  if (stages.size() == 1)
    return gradientsOfMicro(state);
  if (failed(callStep(0, state)))
    return failure();
  NamedValues values;
  for (Stage &stage : stages)
    llvm::append_range(values, gradientsOfUpdates(stage));
  return values;
}

/// The argument that a value is, perhaps moved between ranks; null where it is something else.
static BlockArgument argumentBehind(Value value) {
  while (Operation *op = value.getDefiningOp()) {
    if (op->getNumOperands() != 1)
      return {};
    value = op->getOperand(0);
  }
  return cast<BlockArgument>(value);
}

/// Of the step that the stage has run.
NamedValues Training::gradientsOfUpdates(Stage &stage) {
  NamedValues values;
  FuncOp step = stage.function("step");
  for (CallOp call : step.getBody().getOps<CallOp>()) {
    FuncOp callee = stage.function(call.getCallee());
    SmallVector<unsigned> gradients = argumentsOf(callee, {kindGradient}),
                          weights = argumentsOf(callee, {kindParameter});
    if (gradients.size() != 1 || weights.size() != 1 || callee.getNumResults() == 0 ||
        kindOfResult(callee, 0) != kindParameter)
      continue;
    BlockArgument owner = argumentBehind(call.getOperand(weights[0]));
    Value gradient = call.getOperand(gradients[0]);
    if (owner)
      flatten(nameOfArgument(step, owner.getArgNumber()), owner.getLoc(),
              gather(stage.mesh(), stage.interpreter->valueOf(gradient), gradient.getType()),
              gradient.getType(), values);
  }
  return values;
}

FailureOr<NamedValues> Training::gradientsOfMicro(const Data &state) {
  Stage &only = stages.front();
  FuncOp micro = only.function("micro");
  if (!micro)
    return module.emitError() << "the program has no function @micro";
  SmallVector<unsigned> accumulators = argumentsOf(micro, {kindGradient, kindAccumulator});
  SmallVector<unsigned> weights = argumentsOf(micro, {kindParameter});
  const Mesh &mesh = only.mesh();
  Data carried; // as the types say: partial, where the program leaves accumulators partial
  for (int64_t i = 0; i < microbatches; ++i) {
    Data whole = inputsAndZeros(micro, state, i * (globalBatchSize / microbatches)), arguments;
    for (auto [datum, type] : llvm::zip(whole, micro.getArgumentTypes()))
      arguments.push_back(scatter(mesh, datum, type));
    for (auto [index, datum] : llvm::zip(accumulators, carried))
      arguments[index] = datum;
    FailureOr<Data> results = only.interpreter->run("micro", arguments);
    if (failed(results))
      return failure();
    carried = std::move(*results);
  }
  NamedValues values;
  for (auto [position, index] : llvm::enumerate(accumulators)) {
    bool isGradient = kindOfArgument(micro, index) == kindGradient;
    unsigned named = isGradient && position < weights.size() ? weights[position] : index;
    Type type = micro.getResultTypes()[position];
    flatten(nameOfArgument(micro, named), micro.getArgument(named).getLoc(),
            gather(mesh, carried[position], type), type, values);
  }
  return values;
}

FailureOr<NamedValues> Training::evaluate(const Data &state) {
  std::vector<Data> arguments = byStage(state);
  for (auto [stage, own] : llvm::zip(stages, arguments)) {
    FuncOp eval = stage.function("eval");
    if (!eval)
      return stage.module.emitError() << "the program has no function @eval";
    own.resize(argumentsOf(eval, {kindParameter}).size()); // weights come first
    own.insert(own.begin(), scalar(0));
  }
  FailureOr<std::vector<Data>> results = call("eval", arguments);
  if (failed(results))
    return failure();
  NamedValues values;
  const std::string names[] = {"eval loss", "eval count"};
  for (auto [stage, own] : llvm::zip(stages, *results)) {
    FuncOp eval = stage.function("eval");
    for (auto [datum, type, what] : llvm::zip(own, eval.getResultTypes(), names))
      flatten(what, eval.getLoc(), datum, type, values);
  }
  return values;
}

//===-- states by name -----------------------------------------------------===//

/// `m of h.0`, or for a weight its path.
static std::string nameInState(FuncOp step, unsigned index) {
  std::string name = nameOfArgument(step, index);
  auto state = step.getArgAttrOfType<StringAttr>(index, stateAttrName);
  return state ? state.str() + " of " + name : name;
}

NamedValues Training::namesOf(const Data &state, StringRef kind) {
  NamedValues values;
  for (auto [stage, own] : llvm::zip(stages, byStage(state))) {
    FuncOp step = stage.function("step");
    for (unsigned index : argumentsOf(step, {kind}))
      flatten(nameInState(step, index), step.getArgument(index).getLoc(), own[index - 1],
              step.getArgumentTypes()[index], values);
  }
  return values;
}

/// The value of `type` whose tensors bear these names; nothing where one is missing.
static std::optional<Datum> named(const std::string &name, Type type,
                                  const llvm::StringMap<const Shard *> &byName, std::string &missing) {
  if (isa<NamedTensorType>(type)) {
    if (const Shard *shard = byName.lookup(name))
      return Datum::tensor({*shard});
    missing = name;
    return std::nullopt;
  }
  Data fields;
  auto bundle = cast<BundleType>(type);
  for (auto [fieldName, fieldType] : llvm::zip(bundle.getFields(), bundle.getTypes())) {
    std::optional<Datum> field =
        named(name.empty() ? fieldName.str() : name + "." + fieldName.str(), fieldType, byName, missing);
    if (!field)
      return std::nullopt;
    fields.push_back(std::move(*field));
  }
  return Datum::bundle(std::move(fields));
}

FailureOr<Data> Training::stateOf(ArrayRef<NamedValues> values) {
  llvm::StringMap<const Shard *> byName;
  for (const NamedValues &list : values)
    for (const NamedValue &value : list)
      byName[value.name] = &value.value;
  Data state;
  for (Stage &stage : stages) {
    FuncOp step = stage.function("step");
    if (!step)
      return stage.module.emitError() << "the program has no function @step";
    for (unsigned index = 1; index < step.getNumArguments(); ++index) {
      std::string missing;
      std::optional<Datum> datum =
          named(nameInState(step, index), step.getArgumentTypes()[index], byName, missing);
      if (!datum)
        return step.emitError() << "there is no value for '" << missing << "'";
      state.push_back(std::move(*datum));
    }
  }
  return state;
}

/// Multiplies by 0.8 .. 1.2 and adds up to 0.1 either way.
static Datum perturb(const Datum &datum, uint64_t &seed) {
  if (!datum.fields.empty()) {
    Data fields;
    for (const Datum &field : datum.fields)
      fields.push_back(perturb(field, seed));
    return Datum::bundle(std::move(fields));
  }
  Shard shard = datum.shards->front();
  std::vector<double> values = *shard.values;
  ++seed;
  for (auto [index, value] : llvm::enumerate(values)) {
    value *= 0.8 + 0.4 * rt::uniform(seed, {}, 0, 0, index);
    value += 0.2 * rt::uniform(seed, {}, 1, 0, index) - 0.1;
  }
  shard.set(std::move(values));
  return Datum::tensor({shard});
}

Data Training::perturbed(const Data &state, uint64_t seed) {
  Data moved = state;
  size_t first = 0;
  for (Stage &stage : stages) {
    FuncOp step = stage.function("step");
    for (unsigned index : argumentsOf(step, {kindParameter}))
      moved[first + index - 1] = perturb(state[first + index - 1], seed);
    first += step.getNumArguments() - 1;
  }
  return moved;
}
