//===- Forward.cpp - the loss that any label would have ---------------------===//
#include "tests/parity/goldens/Forward.h"

#include "compiler/frontend/Diagnostics.h"
#include "compiler/frontend/build/BuildModule.h"
#include "compiler/interpreter/Interpreter.h"
#include "dialects/dist/Dist.h"
#include "dialects/nn/FileNames.h"
#include "dialects/nn/Nn.h"
#include "runtime/data/Dataset.h"

using namespace mlir;
using namespace shardc;
using interpreter::Data;
using interpreter::Datum;

static Datum tensorOf(Type type, std::vector<double> values) {
  nn::Shard shard = interpreter::Mesh().shardFor(cast<nn::NamedTensorType>(type), 0);
  shard.set(std::move(values));
  return Datum::tensor({shard});
}

/// The tensors of a bundle that is an argument of @main.
static Datum bundleOf(nn::FuncOp main, unsigned index, const parity::Tensors &weights) {
  StringRef prefix = main.getArgAttrOfType<StringAttr>(index, nn::filePrefixAttrName).getValue();
  auto parameters = main.getArgAttrOfType<ArrayAttr>(index, nn::parametersAttrName);
  auto types = cast<nn::BundleType>(main.getArgument(index).getType()).getTypes();
  Data fields;
  for (auto [type, parameter] : llvm::zip_equal(types, parameters.getAsRange<nn::ParameterAttr>()))
    fields.push_back(tensorOf(type, weights.at(nn::fileNameOf(parameter.getFile(), prefix))));
  return Datum::bundle(std::move(fields));
}

/// The windows of the job's tokens one after the other, without their last ones.
static std::vector<double> windowsOf(const frontend::Job &job) {
  int64_t length = job.train.seqLen.value, count = length * job.train.globalBatchSize.value;
  std::string path = (job.folder / job.train.data->text->value).string();
  std::vector<int32_t> tokens(static_cast<size_t>(count));
  rt::Dataset::text(path).read(0, count, 1 << 20, tokens.data());
  return {tokens.begin(), tokens.end()};
}

std::optional<std::vector<double>> parity::lossesOfLabels(const frontend::Job &job, const Tensors &weights,
                                                          int64_t labels) {
  MLIRContext context(MLIRContext::Threading::DISABLED);
  context.loadDialect<nn::NnDialect, dist::DistDialect>();
  frontend::Diagnostics diags;
  OwningOpRef<ModuleOp> module = frontend::buildModule(context, job, diags);
  llvm::errs() << diags.str();
  if (!module)
    return std::nullopt;
  auto main = module->lookupSymbol<nn::FuncOp>("main");
  std::vector<double> tokens = windowsOf(job), losses;
  interpreter::Interpreter one(*module, interpreter::Mesh(), {});
  for (int64_t label = 0; label < labels; ++label) {
    Data arguments;
    for (BlockArgument argument : main.getArguments()) {
      unsigned index = argument.getArgNumber();
      auto input = main.getArgAttrOfType<StringAttr>(index, "nn.input");
      arguments.push_back(
          !input ? bundleOf(main, index, weights)
          : input.getValue() == "tokens"
              ? tensorOf(argument.getType(), tokens)
              : tensorOf(argument.getType(), std::vector<double>(tokens.size(), double(label))));
    }
    FailureOr<Data> results = one.run("main", arguments);
    if (failed(results))
      return std::nullopt;
    llvm::append_range(losses, *results->front().shards->front().values);
  }
  return losses;
}
