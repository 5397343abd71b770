// The programs compute what the models mean: losses in f64 against those of reference.py, which knows nothing
// of shardc.
#include "compiler/frontend/build/BuildModule.h"
#include "compiler/interpreter/Interpreter.h"
#include "tests/unit/frontend/Frontend.h"

#include "dialects/nn/FileNames.h"
#include "dialects/nn/Nn.h"

#include "mlir/Interfaces/FunctionImplementation.h"

#include <cmath>
#include <numeric>

namespace shardc::frontend {
namespace {

using interpreter::Datum;

constexpr int64_t vocabulary = 11, sequence = 5;

int64_t token(int64_t sample, int64_t index) {
  return (sample * 7 + index * 3) % vocabulary;
}

Datum filled(nn::NamedTensorType type, const std::function<double(int64_t)> &value) {
  nn::Shard shard = interpreter::Mesh().shardFor(type, 0);
  std::vector<double> values;
  for (int64_t i = 0; i < type.getNumElements(); ++i)
    values.push_back(value(i));
  shard.set(std::move(values));
  return Datum::tensor({shard});
}

/// A weight is a function of its name in files and the place in its tensor, whose axes are in the file's
/// order.
Datum weight(nn::NamedTensorType type, const std::string &file) {
  const double phase = std::accumulate(file.begin(), file.end(), 0) % 97;
  return filled(type, [&](int64_t i) { return 0.5 * std::sin(0.7 * static_cast<double>(i) + phase); });
}

Datum weights(nn::BundleType bundle, mlir::DictionaryAttr attrs) {
  const std::string prefix = attrs.getAs<mlir::StringAttr>(nn::filePrefixAttrName).str();
  std::vector<Datum> fields;
  for (auto [type, parameter] :
       llvm::zip(bundle.getTypes(),
                 attrs.getAs<mlir::ArrayAttr>(nn::parametersAttrName).getAsRange<nn::ParameterAttr>())) {
    fields.push_back(
        weight(llvm::cast<nn::NamedTensorType>(type), nn::fileNameOf(parameter.getFile(), prefix)));
  }
  return Datum::bundle(std::move(fields));
}

std::vector<double> lossesOf(const std::string &model, const std::string &config) {
  TestFolder folder;
  Diagnostics diags;
  std::optional<Job> job = loadJob(
      folder.write("job.yaml", "model: " + model +
                                   "\nconfig: {hidden_size: 8, num_hidden_layers: 3, vocab_size: 11, "
                                   "intermediate_size: 12, num_attention_heads: 4" +
                                   config + "}\ntrain: {seq_len: 5, global_batch_size: 2, steps: 1}\n"),
      withPlans(), diags);
  EXPECT_TRUE(job) << diags.str();
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  mlir::OwningOpRef<mlir::ModuleOp> module = buildModule(context, *job, diags);
  EXPECT_TRUE(module) << diags.str();

  auto main = module->lookupSymbol<nn::FuncOp>("main");
  std::vector<Datum> arguments;
  for (unsigned i = 0; i < main.getNumArguments(); ++i) {
    auto attrs = mlir::function_interface_impl::getArgAttrDict(main, i);
    if (auto bundle = llvm::dyn_cast<nn::BundleType>(main.getArgument(i).getType())) {
      arguments.push_back(weights(bundle, attrs));
      continue;
    }
    const int64_t shift = attrs.getAs<mlir::StringAttr>("nn.input") == "labels" ? 1 : 0;
    arguments.push_back(
        filled(llvm::cast<nn::NamedTensorType>(main.getArgument(i).getType()), [&](int64_t i) {
          const int64_t sample = i / sequence, index = i % sequence;
          const bool ignored = shift && sample == 1 && index == 2;
          return ignored ? -100.0 : static_cast<double>(token(sample, index + shift));
        }));
  }
  interpreter::Interpreter one(*module, interpreter::Mesh(), {});
  llvm::FailureOr<interpreter::Data> results = one.run("main", arguments);
  EXPECT_TRUE(mlir::succeeded(results));
  return mlir::succeeded(results) ? *results->front().shards->front().values : std::vector<double>();
}

/// The expected losses have 12 places; constants in the program (0.044715, eps) are rounded to f32, which
/// moves a loss of this size by less than 1e-6.
void expectLosses(const std::vector<double> &found, const std::vector<double> &expected) {
  ASSERT_EQ(found.size(), expected.size());
  for (size_t i = 0; i < found.size(); ++i)
    EXPECT_NEAR(found[i], expected[i], 1e-6) << "element " << i;
}

TEST(Values, Gpt2) {
  expectLosses(
      lossesOf("gpt2", ", max_position_embeddings: 16, embd_pdrop: 0.0, attn_pdrop: 0.0, resid_pdrop: 0.0"),
      {2.725055143336, 1.574770537371, 3.187298538897, 3.447490760091, 2.039578110143, 3.521671769053,
       3.256762586794, 0.0, 2.568670068960, 3.239499396507});
}

TEST(Values, Llama) {
  expectLosses(lossesOf("llama", ", num_key_value_heads: 2, head_dim: 4, qkv_bias: true, sliding_window: 2, "
                                 "rope_scaling: {rope_type: linear, factor: 2.0}"),
               {2.278357172674, 2.943281572126, 2.368873028867, 2.339146714642, 2.459649158569,
                2.309907511897, 2.228111021410, 0.0, 2.553276533127, 2.472206346706});
}

TEST(Values, Qwen3) {
  expectLosses(lossesOf("qwen3", ", num_key_value_heads: 2, head_dim: 4"),
               {2.312790136774, 2.128686930579, 2.333306586588, 2.310970623670, 2.400164359257,
                2.431256382137, 2.399961974213, 0.0, 2.256125846612, 2.469305593591});
}

TEST(Values, Gemma2) {
  expectLosses(lossesOf("gemma", ", num_key_value_heads: 2, head_dim: 4, sliding_window: 2"),
               {4.651933916048, 3.145945885908, 4.640212191833, 1.664531435372, 3.988671096724,
                4.591517711411, 2.002127590870, 0.0, 4.224802863500, 1.640786151915});
}

} // namespace
} // namespace shardc::frontend
