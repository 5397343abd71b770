// Thousands of mutated files: each is either read or refused with an error, and nothing crashes.
#include "compiler/frontend/HfConfig.h"
#include "tests/unit/frontend/Frontend.h"
#include <ctime>
#include <random>

namespace shardc::frontend {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> seedTexts() {
  std::vector<std::string> texts;
  for (const auto &entry : fs::recursive_directory_iterator(PLANS_DIR))
    if (entry.path().extension() == ".yaml") {
      std::ifstream stream(entry.path(), std::ios::binary);
      texts.emplace_back(std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>());
    }
  std::sort(texts.begin(), texts.end());
  return texts;
}

/// What breaks readers: their own punctuation, numbers at the edges, bytes that are no text.
constexpr std::string_view poison[] = {"[",          "]",
                                       "{",          "}",
                                       ":",          ",",
                                       "\n",         "  ",
                                       "\t",         "|",
                                       ">",          "\"",
                                       "'",          "#",
                                       "&a ",        "*a",
                                       "!!x ",       "? ",
                                       "- ",         "---\n",
                                       "(",          ")",
                                       "**",         "@",
                                       "=",          "-",
                                       "not ",       " if ",
                                       " else ",     ".",
                                       "0",          "1e999",
                                       "-1",         "99999999999999999999",
                                       "null",       "\xff",
                                       "\xc3\xa9",   "\x04",
                                       "layer",      "batch",
                                       "heads",      "forward(",
                                       "when: ",     "repeat: ",
                                       "[[[[[[[[[[", "((((((((((("};

class Mutator {
public:
  explicit Mutator(unsigned seed) : random(seed) {}

  size_t below(size_t bound) { return bound == 0 ? 0 : random() % bound; }

  std::string mutate(std::string text) {
    for (size_t n = 1 + below(4); n > 0 && !text.empty(); --n) {
      const size_t at = below(text.size()), length = std::min(1 + below(40), text.size() - at);
      switch (below(5)) {
      case 0:
        text.erase(at, length);
        break;
      case 1:
        text.insert(at, text.substr(below(text.size()), length));
        break;
      case 2:
        text[at] = static_cast<char>(below(256));
        break;
      case 3:
        text.resize(at);
        break;
      default:
        text.insert(at, poison[below(std::size(poison))]);
      }
    }
    return text;
  }

private:
  std::mt19937 random;
};

TEST(Fuzz, ReadsOrRefusesEveryMutation) {
  constexpr int cases = 2000;
  constexpr double limit = 5; // seconds of this process, however busy the machine is
  const std::vector<std::string> seeds = seedTexts();
  TestFolder folder;
  Mutator mutator(20240229);
  // a small model beside the mutated plans and jobs, so that the time goes into them
  folder.write("small/functions.yaml", "functions: {}\n");
  folder.write("small/tiny.yaml",
               "model: tiny\nconfig: {width: 8}\naxes: {embed: width, heads: 2, vocab: 4, mlp: 4 * embed}\n"
               "inputs: {tokens: {axes: [batch, seq]}}\nmodules:\n  main:\n    weights: {w: {axes: [embed], "
               "init: ones}}\n"
               "    forward(tokens): |\n      return tokens * w\n");
  const std::string recipe = "train: {seq_len: 64, global_batch_size: 16, steps: 10}\n";
  const std::string job = folder.write("job.yaml", "model: mutated.yaml\nplan: dp_tp_sp\n" + recipe);
  const std::clock_t start = std::clock();
  int accepted = 0;
  for (int i = 0; i < cases; ++i) {
    const std::string text = mutator.mutate(seeds[mutator.below(seeds.size())]);
    folder.write(i % 3 == 0 ? "mutated.yaml" : "small/mutated.yaml", text);
    // as a model, as a plan, and as a job of its own
    std::string path = job;
    if (i % 3 == 1)
      path = folder.write("small/planned.yaml", "model: tiny\nplan: mutated.yaml\n" + recipe);
    if (i % 3 == 2)
      path = folder.write("small/whole.yaml",
                          mutator.mutate("model: tiny\nplan: {mesh: {dp: 2}, shard: [{batch: dp}]}\n"
                                         "config: {width: 4 * 16}\n" +
                                         recipe));
    Diagnostics diags;
    const bool loaded = loadJob(path, withPlans(), diags).has_value();
    accepted += loaded;
    ASSERT_EQ(loaded, diags.empty()) << text << diags.str();
  }
  EXPECT_GT(accepted, 0); // else the mutations are so coarse that nothing behind the reader is tried
  EXPECT_LT(accepted, cases);
  EXPECT_LT(static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC, limit);
}

TEST(Fuzz, ReadsOrRefusesEveryConfigJson) {
  const std::string seed =
      R"({"model_type": "llama", "hidden_size": 64, "rope_scaling": {"type": "linear", "factor": 2.0},
    "eos_token_id": [1, 2], "rms_norm_eps": 1e-5, "attention_bias": false, "num_attention_heads": 4, "a\"b": "\u00e9"})";
  Mutator mutator(7);
  for (int i = 0; i < 2000; ++i) {
    SourceRef file = sourceOf(mutator.mutate(seed), "config.json");
    Diagnostics diags;
    if (!checkText(file, diags))
      continue;
    const bool parsed = parseJson(file, diags).has_value();
    ASSERT_EQ(parsed, diags.empty()) << file->text;
  }
}

} // namespace
} // namespace shardc::frontend
