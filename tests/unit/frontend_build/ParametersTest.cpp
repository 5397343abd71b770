// Published models: how many parameters they have, and what their files call them.
#include "compiler/frontend/build/BuildModule.h"
#include "tests/unit/frontend/Frontend.h"

#include "dialects/nn/FileNames.h"
#include "dialects/nn/Nn.h"

#include <chrono>
#include <fmt/format.h>

namespace shardc::frontend {
namespace {

std::string contentsOf(const std::filesystem::path &path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

class Parameters : public testing::Test {
protected:
  /// The program of a Hugging Face folder with this config.json.
  mlir::ModuleOp build(const std::string &config) {
    folder.write("hub/config.json", contentsOf(std::filesystem::path(CONFIGS_DIR) / config));
    Diagnostics diags;
    std::optional<Job> job = loadJob(
        folder.write("job.yaml", "model: ./hub\ntrain: {seq_len: 1024, global_batch_size: 8, steps: 1}\n"),
        withPlans(), diags);
    EXPECT_TRUE(job) << diags.str();
    const auto start = std::chrono::steady_clock::now();
    module = buildModule(context, *job, diags);
    seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    EXPECT_TRUE(module) << diags.str();
    return *module;
  }

  template <typename Visit> static void eachBundle(mlir::ModuleOp module, Visit visit) {
    auto main = module.lookupSymbol<nn::FuncOp>("main");
    for (unsigned i = 0; i < main.getNumArguments(); ++i)
      if (auto bundle = llvm::dyn_cast<nn::BundleType>(main.getArgument(i).getType()))
        visit(bundle, mlir::function_interface_impl::getArgAttrDict(main, i));
  }

  int64_t count(const std::string &config) {
    int64_t total = 0;
    eachBundle(build(config), [&](nn::BundleType bundle, mlir::DictionaryAttr) {
      for (mlir::Type field : bundle.getTypes())
        total += llvm::cast<nn::NamedTensorType>(field).getNumElements();
    });
    return total;
  }

  /// Name and dimensions of each tensor of the file, in order.
  std::vector<std::string> files(const std::string &config) {
    std::vector<std::string> lines;
    eachBundle(build(config), [&](nn::BundleType bundle, mlir::DictionaryAttr attrs) {
      const std::string prefix = attrs.getAs<mlir::StringAttr>(nn::filePrefixAttrName).str();
      auto parameters = attrs.getAs<mlir::ArrayAttr>(nn::parametersAttrName).getAsRange<nn::ParameterAttr>();
      for (auto [type, parameter] : llvm::zip(bundle.getTypes(), parameters))
        lines.push_back(fileLine(prefix, llvm::cast<nn::NamedTensorType>(type), parameter));
    });
    return lines;
  }

  static std::string fileLine(const std::string &prefix, nn::NamedTensorType type,
                              nn::ParameterAttr parameter) {
    std::string line = nn::fileNameOf(parameter.getFile(), prefix) + " [";
    bool first = true;
    for (auto dimension : parameter.getStorage().getAsRange<mlir::ArrayAttr>()) {
      int64_t size = 1;
      for (auto axis : dimension.getAsRange<mlir::StringAttr>())
        size *= type.find(axis).getSize();
      line += fmt::format("{}{}", first ? "" : ", ", size);
      first = false;
    }
    return line + "]";
  }

  TestFolder folder;
  mlir::MLIRContext context{mlir::MLIRContext::Threading::DISABLED};
  mlir::OwningOpRef<mlir::ModuleOp> module;
  double seconds = 0;
};

TEST_F(Parameters, CountsAreThePublishedOnes) {
  EXPECT_EQ(count("gpt2.json"), 124'439'808);
  EXPECT_EQ(count("llama3-8b.json"), 8'030'261'248);
  EXPECT_EQ(count("mistral-7b-v0.1.json"), 7'241'732'096);
  EXPECT_EQ(count("qwen2-7b.json"), 7'615'616'512);
  EXPECT_EQ(count("qwen3-8b.json"), 8'190'735'360);
  EXPECT_EQ(count("gemma2-2b.json"), 2'614'341'888);
}

/// One function for all layers: the time does not depend on how large they are. Measured 0.02 s unoptimised.
TEST_F(Parameters, TheLargestTakesNoTime) {
  EXPECT_EQ(count("llama3.1-405b.json"), 405'853'388'800);
  EXPECT_LT(seconds, 0.3);
  EXPECT_EQ(std::distance(module->getOps<nn::FuncOp>().begin(), module->getOps<nn::FuncOp>().end()), 5);
}

TEST_F(Parameters, FilesOfGpt2) {
  std::vector<std::string> expected{"transformer.wte.weight [50257, 768]",
                                    "transformer.wpe.weight [1024, 768]", "transformer.ln_f.weight [768]",
                                    "transformer.ln_f.bias [768]"};
  for (int layer = 0; layer < 12; ++layer)
    for (const char *line :
         {"ln_1.weight [768]", "ln_1.bias [768]", "attn.c_attn.weight [768, 2304]", "attn.c_attn.bias [2304]",
          "attn.c_proj.weight [768, 768]", "attn.c_proj.bias [768]", "ln_2.weight [768]", "ln_2.bias [768]",
          "mlp.c_fc.weight [768, 3072]", "mlp.c_fc.bias [3072]", "mlp.c_proj.weight [3072, 768]",
          "mlp.c_proj.bias [768]"})
      expected.push_back(fmt::format("transformer.h.{}.{}", layer, line));
  EXPECT_EQ(files("gpt2.json"), expected);
}

TEST_F(Parameters, FilesOfLlama3) {
  std::vector<std::string> expected{"model.embed_tokens.weight [128256, 4096]",
                                    "lm_head.weight [128256, 4096]", "model.norm.weight [4096]"};
  for (int layer = 0; layer < 32; ++layer)
    for (const char *line : {"input_layernorm.weight [4096]", "self_attn.q_proj.weight [4096, 4096]",
                             "self_attn.k_proj.weight [1024, 4096]", "self_attn.v_proj.weight [1024, 4096]",
                             "self_attn.o_proj.weight [4096, 4096]", "post_attention_layernorm.weight [4096]",
                             "mlp.gate_proj.weight [14336, 4096]", "mlp.up_proj.weight [14336, 4096]",
                             "mlp.down_proj.weight [4096, 14336]"})
      expected.push_back(fmt::format("model.layers.{}.{}", layer, line));
  EXPECT_EQ(files("llama3-8b.json"), expected);
}

} // namespace
} // namespace shardc::frontend
