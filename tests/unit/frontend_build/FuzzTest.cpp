// Whatever a model file says, there is a program that verifies, or an error; never a crash. The models that
// come with shardc, with words swapped, dropped and doubled.
#include "compiler/frontend/build/BuildModule.h"
#include "tests/unit/frontend/Frontend.h"

#include <random>

namespace shardc::frontend {
namespace {

/// Words and the space between them, in order.
std::vector<std::string> wordsOf(const std::string &text) {
  std::vector<std::string> words;
  auto isPartOfName = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '.';
  };
  for (size_t i = 0; i < text.size(); ++i)
    if (i > 0 && isPartOfName(text[i]) && isPartOfName(text[i - 1]))
      words.back() += text[i];
    else
      words.emplace_back(1, text[i]);
  return words;
}

/// Words of forward bodies: from `|` to the blank line after it.
std::vector<size_t> bodyOf(const std::vector<std::string> &words) {
  std::vector<size_t> body;
  bool inside = false;
  for (size_t i = 1; i < words.size(); ++i) {
    inside = (inside && !(words[i] == "\n" && words[i - 1] == "\n")) || words[i] == "|";
    if (inside && !std::isspace(static_cast<unsigned char>(words[i][0])))
      body.push_back(i);
  }
  return body;
}

bool isName(const std::string &word) {
  return std::isalnum(static_cast<unsigned char>(word[0]));
}

/// A few words changed: most often a name or an operator of a body into another one, so that much still
/// parses.
std::string mutated(const std::vector<std::string> &words, const std::vector<size_t> &body,
                    std::mt19937 &random) {
  static const std::vector<std::string> names{
      "0",      "1",         "0.5", "none", "x",    "embed", "seq",   "heads",   "batch",  "sum",   "weight",
      "labels", "attention", "mlp", "exp",  "mean", "norm",  "where", "unstack", "rename", "tokens"};
  static const std::vector<std::string> symbols{"-", "*",           "@",  "+",  "/", "<",
                                                "%", " if x else ", ", ", "**", "=="};
  std::vector<std::string> changed = words;
  const size_t count = 1 + random() % 2;
  for (size_t i = 0; i < count; ++i) {
    const size_t at = body[random() % body.size()], other = body[random() % body.size()];
    const size_t how = random() % 8;
    if (how == 0)
      changed[random() % changed.size()] = changed[other];
    else if (isName(words[at]) && how < 4)
      changed[at] = names[random() % names.size()];
    else if (isName(words[at]) == isName(words[other]))
      changed[at] = changed[other];
    else if (!isName(words[at]))
      changed[at] = symbols[random() % symbols.size()];
  }
  std::string text;
  for (const std::string &word : changed)
    text += word;
  return text;
}

class BuildFuzz : public testing::TestWithParam<const char *> {};

TEST_P(BuildFuzz, NeverCrashes) {
  std::ifstream stream(std::string(PLANS_DIR) + "/models/" + GetParam() + ".yaml", std::ios::binary);
  const std::vector<std::string> words = wordsOf({std::istreambuf_iterator<char>(stream), {}});
  const std::vector<size_t> body = bodyOf(words);
  const std::string train =
      "\nplan: {mesh: {dp: 2, tp: 2}, shard: [{batch: dp}, {heads: tp, mlp: tp}, {seq: tp}]}\n"
      "train: {seq_len: 8, global_batch_size: 4, steps: 1}\n";
  TestFolder folder;
  const std::string job =
      folder.write("job.yaml", "model: ./model.yaml\nconfig: {num_hidden_layers: 2}" + train);
  std::mt19937 random(7);
  const int cases = std::getenv("SHARDC_FUZZ_CASES") ? std::atoi(std::getenv("SHARDC_FUZZ_CASES")) : 100;
  int built = 0, refused = 0;
  for (int i = 0; i < cases; ++i) {
    folder.write("model.yaml", mutated(words, body, random));
    Diagnostics diags;
    std::optional<Job> loaded = loadJob(job, withPlans(), diags);
    if (!loaded)
      continue;
    mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
    mlir::OwningOpRef<mlir::ModuleOp> module = buildModule(context, *loaded, diags);
    EXPECT_EQ(static_cast<bool>(module), diags.empty()) << diags.str();
    EXPECT_EQ(diags.str().find("internal error"), std::string::npos) << diags.str();
    ++(module ? built : refused);
  }
  EXPECT_GT(built, 10);
  EXPECT_GT(refused, 10);
}

INSTANTIATE_TEST_SUITE_P(Models, BuildFuzz, testing::Values("gpt2", "llama", "qwen3", "gemma"));

} // namespace
} // namespace shardc::frontend
