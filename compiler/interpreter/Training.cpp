//===- Training.cpp - the training step of a program, run in the interpreter ===//

#include "compiler/interpreter/Training.h"

#include "compiler/interpreter/Distribute.h"

#include "dialects/nn/EvaluateLoops.h"

using namespace mlir;
using namespace nn;
using namespace shardc;
using namespace shardc::interpreter;

//===-- arguments of functions ---------------------------------------------===//

static StringRef kindOf(FuncOp function, unsigned index) {
  auto kind = function.getArgAttrOfType<StringAttr>(index, kindAttrName);
  return kind ? kind.getValue() : StringRef();
}

/// Numbers of the arguments of one of these kinds.
static SmallVector<unsigned> argumentsOf(FuncOp function, ArrayRef<StringRef> kinds) {
  SmallVector<unsigned> found;
  for (unsigned i = 0; i < function.getNumArguments(); ++i)
    if (llvm::is_contained(kinds, kindOf(function, i)))
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

Training::Training(ModuleOp module, Mesh mesh, Options options)
    : module(module), options(options), interpreter(module, std::move(mesh), std::move(options)) {
  if (auto recipe = module->getAttrOfType<DictionaryAttr>("nn.recipe")) {
    if (auto value = recipe.getAs<IntegerAttr>("microbatches"))
      microbatches = value.getInt();
    if (auto value = recipe.getAs<IntegerAttr>("global_batch_size"))
      globalBatchSize = value.getInt();
  }
}

FailureOr<Data> Training::call(StringRef name, const Data &whole) {
  FuncOp called = function(name);
  if (!called)
    return module.emitError() << "the program has no function @" << name;
  if (called.getNumArguments() != whole.size())
    return called.emitError() << "@" << name << " takes " << called.getNumArguments() << " arguments, not "
                              << whole.size();
  const Mesh &mesh = interpreter.getMesh();
  Data arguments;
  for (auto [datum, type] : llvm::zip(whole, called.getArgumentTypes()))
    arguments.push_back(scatter(mesh, datum, type));
  FailureOr<Data> results = interpreter.run(name, arguments);
  if (failed(results))
    return failure();
  for (auto [datum, type] : llvm::zip(*results, called.getResultTypes()))
    datum = gather(mesh, datum, type);
  return results;
}

FailureOr<Data> Training::init() {
  return call("init", {});
}

FailureOr<Data> Training::step(int64_t step, const Data &state, NamedValues &scalars) {
  Data arguments = {scalar(static_cast<double>(step))};
  llvm::append_range(arguments, state);
  FailureOr<Data> results = call("step", arguments);
  if (failed(results))
    return failure();
  FuncOp called = function("step");
  const StringRef whats[] = {"loss", "grad_norm", "lr"};
  for (auto [index, what] : llvm::enumerate(whats)) {
    size_t position = state.size() + index;
    flatten((what + " of step " + Twine(step)).str(), called.getLoc(), (*results)[position],
            called.getResultTypes()[position], scalars);
  }
  results->resize(state.size());
  return results;
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
    } else if (kindOf(micro, i) == kindParameter) {
      arguments.push_back(state[nextWeight++]);
    } else {
      arguments.push_back(filled(type, [](int64_t) { return 0.0; }));
    }
  }
  return arguments;
}

FailureOr<NamedValues> Training::gradients(const Data &state) {
  FuncOp micro = function("micro");
  if (!micro)
    return module.emitError() << "the program has no function @micro";
  SmallVector<unsigned> accumulators = argumentsOf(micro, {kindGradient, kindAccumulator});
  SmallVector<unsigned> weights = argumentsOf(micro, {kindParameter});
  const Mesh &mesh = interpreter.getMesh();
  Data carried; // as the types say: partial, where the program leaves accumulators partial
  for (int64_t i = 0; i < microbatches; ++i) {
    Data whole = inputsAndZeros(micro, state, i * (globalBatchSize / microbatches)), arguments;
    for (auto [datum, type] : llvm::zip(whole, micro.getArgumentTypes()))
      arguments.push_back(scatter(mesh, datum, type));
    for (auto [index, datum] : llvm::zip(accumulators, carried))
      arguments[index] = datum;
    FailureOr<Data> results = interpreter.run("micro", arguments);
    if (failed(results))
      return failure();
    carried = std::move(*results);
  }
  NamedValues values;
  for (auto [position, index] : llvm::enumerate(accumulators)) {
    bool isGradient = kindOf(micro, index) == kindGradient;
    unsigned named = isGradient && position < weights.size() ? weights[position] : index;
    Type type = micro.getResultTypes()[position];
    flatten(nameOfArgument(micro, named), micro.getArgument(named).getLoc(),
            gather(mesh, carried[position], type), type, values);
  }
  return values;
}

FailureOr<NamedValues> Training::evaluate(const Data &state) {
  FuncOp eval = function("eval");
  if (!eval)
    return module.emitError() << "the program has no function @eval";
  Data arguments = {scalar(0)};
  SmallVector<unsigned> weights = argumentsOf(eval, {kindParameter});
  arguments.insert(arguments.end(), state.begin(), state.begin() + weights.size());
  FailureOr<Data> results = call("eval", arguments);
  if (failed(results))
    return failure();
  NamedValues values;
  const std::string names[] = {"eval loss", "eval count"};
  for (auto [datum, type, what] : llvm::zip(*results, eval.getResultTypes(), names))
    flatten(what, eval.getLoc(), datum, type, values);
  return values;
}

NamedValues Training::namesOf(const Data &state, StringRef kind) {
  NamedValues values;
  FuncOp called = function("step");
  SmallVector<unsigned> weights = argumentsOf(called, {kindParameter});
  SmallVector<unsigned> wanted = argumentsOf(called, {kind});
  for (auto [position, index] : llvm::enumerate(wanted)) {
    std::string name = nameOfArgument(called, weights[position % weights.size()]);
    if (auto state = called.getArgAttrOfType<StringAttr>(index, stateAttrName))
      name = state.str() + " of " + name;
    flatten(name, called.getArgument(index).getLoc(), state[index - 1], called.getArgumentTypes()[index],
            values);
  }
  return values;
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
  for (unsigned index : argumentsOf(function("step"), {kindParameter}))
    moved[index - 1] = perturb(state[index - 1], seed);
  return moved;
}
