//===- LoadWeightsTest.cpp - runs that start from a file --------------------===//
#include "runtime/checkpoint/Safetensors.h"
#include "tests/unit/runtime/Launch.h"
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <numeric>
#include <sstream>
#include <unistd.h>

namespace rt::test {
namespace {

namespace fs = std::filesystem;

/// A tensor as a test writes it: `first`, `first` + 1, ...
struct Tensor {
  std::string name;
  std::vector<int64_t> shape;
  float first = 0;
  DType dtype = DType::F32;
};

// What TrainWorker's model has: 66 numbers, and 48 that are three parameters.
const Tensor embed{"model.embed.weight", {11, 6}, 1000}, qkv{"model.qkv.weight", {12, 4}, -200};

Tensor named(Tensor tensor, const std::string &name) {
  tensor.name = name;
  return tensor;
}

class LoadWeightsTest : public testing::Test {
protected:
  void SetUp() override {
    dir = fs::temp_directory_path() / ("shardc-load-" + std::to_string(getpid()));
    fs::create_directories(dir);
    std::ofstream text(dir / "text.txt");
    for (int i = 0; i < 500; ++i)
      text << "line " << i << "\n";
  }
  void TearDown() override { fs::remove_all(dir); }

  std::string path(const std::string &name) { return (dir / name).string(); }

  void write(const std::vector<Tensor> &tensors) {
    SafetensorsWriter writer(path("start"));
    for (const Tensor &tensor : tensors)
      writer.declare(tensor.name, tensor.dtype, tensor.shape);
    writer.create();
    for (const Tensor &tensor : tensors) {
      int64_t count = 1;
      for (int64_t size : tensor.shape)
        count *= size;
      std::vector<float> values(static_cast<size_t>(2 * count)); // room for F64
      std::iota(values.begin(), values.end(), tensor.first);
      writer.writeBlock(tensor.name, 0, values.data(), count);
    }
    writer.commit();
  }

  Outcome start(const std::string &mesh, int ranks, const std::string &environment = "", int steps = 0) {
    return runCommand(mpirun(ranks,
                             std::string(TRAIN_WORKER) + " --data " + path("text.txt") + " --quiet --steps " +
                                 std::to_string(steps) + " --output " + path("out") + " --init-from " +
                                 path("start"),
                             "MESH=" + mesh + " OMP_NUM_THREADS=1 " + environment));
  }

  /// The run's last weights are those of the file.
  void expectLoaded(const Outcome &outcome) {
    ASSERT_EQ(outcome.code, 0) << outcome.text;
    SafetensorsReader reader(path("out") + "/model.safetensors");
    for (const Tensor &tensor : {embed, qkv}) {
      const TensorInfo *info = reader.find(tensor.name);
      ASSERT_NE(info, nullptr) << tensor.name;
      std::vector<float> values(static_cast<size_t>(info->elements())), expected(values.size());
      reader.readBlock(*info, 0, values.data(), info->elements());
      std::iota(expected.begin(), expected.end(), tensor.first);
      EXPECT_EQ(values, expected) << tensor.name;
    }
  }

  /// The text of the only error of a run under a plan, and of its notes: mpirun may put what was said to
  /// stdout behind them.
  std::string errorOf(const std::vector<Tensor> &tensors) {
    write(tensors);
    const Outcome outcome = start("2x2", 4);
    EXPECT_EQ(outcome.code, 1) << outcome.text;
    EXPECT_FALSE(fs::exists(dir / "out" / "model.safetensors"));
    std::string text = outcome.text;
    const std::string folder = dir.string() + "/";
    for (size_t at; (at = text.find(folder)) != std::string::npos;)
      text.erase(at, folder.size());
    EXPECT_EQ(text.find("error: "), text.rfind("error: ")) << text;
    std::istringstream lines(text);
    std::string said;
    for (std::string line; std::getline(lines, line);)
      if (line.starts_with("error: ") || line.starts_with("note: "))
        said += (said.empty() ? "" : "\n") + line;
    return said;
  }

  fs::path dir;
};

TEST_F(LoadWeightsTest, everyPlanStartsFromTheFile) {
  write({qkv, embed}); // in another order than the model's
  expectLoaded(start("1x1", 1));
  expectLoaded(start("2x2", 4));
  expectLoaded(start("1x2", 2, "SHARDC_FORCE_REMOTE=1"));
}

/// Each stage reads what it holds, copies too: in a step the worker compares them.
TEST_F(LoadWeightsTest, stagesStartFromTheFile) {
  write({embed, qkv});
  expectLoaded(start("1x2", 4, "STAGES=2"));
  const Outcome outcome = start("1x2", 4, "STAGES=2", 1);
  EXPECT_EQ(outcome.code, 0) << outcome.text;
}

TEST_F(LoadWeightsTest, namesMayLackThePrefixOrBeThoseOfTiedWeights) {
  write({named(embed, "embed.weight"), named(qkv, "qkv.weight")});
  expectLoaded(start("1x2", 2));
  write({named(embed, "head.weight"), qkv, {"model.h.0.attn.mask", {3}}});
  expectLoaded(start("1x2", 2));
  write({embed, named(embed, "head.weight"), qkv});
  expectLoaded(start("1x2", 2));
}

TEST_F(LoadWeightsTest, filesThatDoNotFitAreErrors) {
  EXPECT_EQ(errorOf({embed}), "error: weights 'start' have no tensor 'model.qkv.weight'");
  EXPECT_EQ(errorOf({{"model.attn.mask", {3}}}),
            "error: weights 'start' have no tensor 'model.embed.weight', nor 1 more");
  EXPECT_EQ(errorOf({embed, named(qkv, "model.kqv.weight")}),
            "error: weights 'start' have no tensor 'model.qkv.weight'\n"
            "note: they have 'model.kqv.weight', which is no weight of this model");
  EXPECT_EQ(errorOf({embed, qkv, {"wattn.mask", {3}}}),
            "error: weights 'start' have a tensor 'wattn.mask', which is no weight of this model\n"
            "note: those of the model are all there");
  EXPECT_EQ(errorOf({{embed.name, {6, 11}}, qkv}),
            "error: weights 'start' have 'model.embed.weight' as [6, 11], the model as [11, 6]");
  EXPECT_EQ(errorOf({{embed.name, {11, 6}, 0, DType::F64}, qkv}),
            "error: weights 'start' have 'model.embed.weight' in F64\nnote: weights are read in F32");
  EXPECT_EQ(errorOf({embed, {"head.weight", {11, 6}, 1001}, qkv}),
            "error: weights 'start' have unlike values in 'model.embed.weight' and 'head.weight'\n"
            "note: the model ties them: one of them is enough");
}

TEST_F(LoadWeightsTest, filesThatCannotBeReadAreErrors) {
  EXPECT_NE(start("2x1", 2).text.find("start': cannot be read: No such file or directory"),
            std::string::npos);
  std::ofstream(dir / "start") << "no tensors";
  EXPECT_NE(start("2x1", 2).text.find("start': is damaged: "), std::string::npos);
}

} // namespace
} // namespace rt::test
