//===- Reference.cpp - the training run that all others are judged by -----===//
#include "tests/parity/plans/Reference.h"

#include "compiler/Pipelines.h"
#include "compiler/frontend/Diagnostics.h"
#include "compiler/frontend/build/BuildModule.h"
#include "compiler/interpreter/Training.h"
#include "dialects/dist/Dist.h"
#include "dialects/nn/FileNames.h"
#include "runtime/data/Batches.h"

#include <cmath>

using namespace mlir;
using namespace shardc;
using namespace shardc::parity;
using interpreter::Data;
using interpreter::Datum;
using interpreter::NamedValues;

/// The names in files of all weights, in the order of @step's arguments.
static std::vector<std::string> fileNames(ModuleOp module) {
  std::vector<std::string> names;
  auto step = module.lookupSymbol<nn::FuncOp>("step");
  for (unsigned i = 0; i < step.getNumArguments(); ++i) {
    if (kindOfArgument(step, i) != nn::kindParameter)
      continue;
    auto prefix = step.getArgAttrOfType<StringAttr>(i, nn::filePrefixAttrName);
    for (auto parameter :
         step.getArgAttrOfType<ArrayAttr>(i, nn::parametersAttrName).getAsRange<nn::ParameterAttr>())
      names.push_back(nn::fileNameOf(parameter.getFile(), prefix ? prefix.getValue() : ""));
  }
  return names;
}

static Tensors named(const std::vector<std::string> &names, const NamedValues &values) {
  Tensors tensors;
  for (auto [name, value] : llvm::zip_equal(names, values))
    tensors[name] = *value.value.values;
  return tensors;
}

/// The tensors below `datum`, in order, replaced by those that `next` names.
static Datum replaced(const Datum &datum, function_ref<const std::vector<double> &()> next) {
  if (datum.shards) {
    nn::Shard shard = datum.shards->front();
    shard.set(next());
    return Datum::tensor({shard});
  }
  std::vector<Datum> fields;
  for (const Datum &field : datum.fields)
    fields.push_back(replaced(field, next));
  return Datum::bundle(std::move(fields));
}

/// The inputs of a sample, as the trainers read them.
static interpreter::Inputs inputsOf(const frontend::Job &job) {
  std::string text = (job.folder / job.train.data->text->value).string();
  auto batches = std::make_shared<rt::Batches>(rt::Dataset::text(text), job.train.seqLen.value, 1 << 20,
                                               uint64_t(job.train.seed.value));
  int64_t length = job.train.seqLen.value;
  auto tokens = std::make_shared<std::vector<int32_t>>(length);
  auto labels = std::make_shared<std::vector<int32_t>>(length);
  return [=, held = int64_t(-1)](StringRef name, int64_t sample, int64_t index) mutable {
    if (sample != held)
      batches->fill({sample, 0, 1, 0, length, length, 1}, tokens->data(), labels->data());
    held = sample;
    return double((name == "tokens" ? *tokens : *labels)[index]);
  };
}

/// "m of x" and "v of x" apart, each under the names of the weights, whose order they have.
static std::map<std::string, Tensors> statesOf(const std::vector<std::string> &names,
                                               const NamedValues &all) {
  std::map<std::string, Tensors> states;
  for (auto [index, value] : llvm::enumerate(all))
    states[StringRef(value.name).split(" of ").first.str()][names[index % names.size()]] =
        *value.value.values;
  return states;
}

/// As if all operations below `function` stood in one chain: of each, the elements that it folds into one.
static double roundingsOf(nn::FuncOp function, llvm::StringMap<double> &known) {
  if (auto found = known.find(function.getName()); found != known.end())
    return found->second;
  double count = 0;
  function.walk([&](Operation *op) {
    if (auto call = dyn_cast<nn::CallOp>(op)) {
      auto callee = function->getParentOfType<ModuleOp>().lookupSymbol<nn::FuncOp>(call.getCallee());
      count += roundingsOf(callee, known);
      return;
    }
    if (llvm::none_of(op->getResultTypes(), llvm::IsaPred<nn::NamedTensorType>))
      return;
    llvm::SmallDenseSet<StringAttr> kept;
    for (Type type : op->getResultTypes())
      if (auto tensor = dyn_cast<nn::NamedTensorType>(type))
        for (nn::AxisAttr axis : tensor.getAxes())
          kept.insert(axis.getName());
    double folded = 1;
    for (Type type : op->getOperandTypes())
      if (auto tensor = dyn_cast<nn::NamedTensorType>(type))
        for (nn::AxisAttr axis : tensor.getAxes())
          if (kept.insert(axis.getName()).second)
            folded *= double(axis.getSize());
    count += folded;
  });
  return known[function.getName()] = count;
}

static FailureOr<Reference> train(ModuleOp module, const frontend::Job &job, const Tensors &start) {
  interpreter::Options options{.seed = uint64_t(job.train.seed.value), .inputs = inputsOf(job)};
  interpreter::Training training(module, interpreter::Mesh(), options);
  std::vector<std::string> names = fileNames(module);
  FailureOr<Data> state = training.init();
  if (failed(state))
    return failure();
  Reference reference;
  llvm::StringMap<double> known;
  reference.roundings = roundingsOf(module.lookupSymbol<nn::FuncOp>("micro"), known);
  reference.initial = named(names, training.namesOf(*state, nn::kindParameter));

  size_t nextName = 0;
  auto next = [&]() -> const std::vector<double> & {
    auto found = start.find(names[nextName++]);
    if (found == start.end() || found->second.size() != reference.initial.at(names[nextName - 1]).size())
      throw std::runtime_error("the initial weights lack " + names[nextName - 1] + ", or its size differs");
    return found->second;
  };
  for (Datum &datum : *state)
    if (nextName < names.size())
      datum = replaced(datum, next);

  FailureOr<NamedValues> gradients = training.gradients(*state);
  if (failed(gradients))
    return failure();
  gradients->erase(gradients->begin() + ptrdiff_t(names.size()), gradients->end()); // loss, count
  Record &record = reference.record;
  record.gradients = named(names, *gradients);

  for (int64_t step = 0; step < job.train.steps.value; ++step) {
    NamedValues scalars;
    state = training.step(step, *state, scalars);
    if (failed(state))
      return failure();
    record.losses.push_back(scalars.front().value.values->front());
  }
  record.states = statesOf(names, training.namesOf(*state, nn::kindOptimizerState));
  record.weights = named(names, training.namesOf(*state, nn::kindParameter));
  return reference;
}

/// The job on one device, after nn-step; null after an error that was printed.
static OwningOpRef<ModuleOp> stepOf(MLIRContext &context, const frontend::Job &job) {
  context.loadDialect<nn::NnDialect, dist::DistDialect>();
  frontend::Diagnostics diags;
  OwningOpRef<ModuleOp> module = frontend::buildModule(context, job, diags);
  llvm::errs() << diags.str();
  if (module && failed(runPipeline(*module, Stage::Step)))
    return nullptr;
  return module;
}

std::optional<Reference> shardc::parity::trainReference(const frontend::Job &job, const Tensors &start) {
  MLIRContext context(MLIRContext::Threading::DISABLED);
  OwningOpRef<ModuleOp> module = stepOf(context, job);
  FailureOr<Reference> reference = failure();
  if (module)
    reference = train(*module, job, start);
  if (failed(reference))
    return std::nullopt;
  return std::move(*reference);
}

std::optional<double> shardc::parity::roundingsOf(const frontend::Job &job) {
  MLIRContext context(MLIRContext::Threading::DISABLED);
  OwningOpRef<ModuleOp> module = stepOf(context, job);
  llvm::StringMap<double> known;
  return module ? std::optional(::roundingsOf(module->lookupSymbol<nn::FuncOp>("micro"), known))
                : std::nullopt;
}
