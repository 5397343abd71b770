//===- ProgramTest.cpp - the whole program of the dialect's page ----------===//
//
// tests/lit/exec/program.mlir on dp=2, tp=2 with two micro-batches, against its formulas on whole tensors.
//
//===----------------------------------------------------------------------===//

#include "tests/unit/exec_interpreter/Support.h"

#include <fstream>
#include <sstream>

using namespace shardc::interpreter;
using namespace shardc::interpreter::test;

using Matrix = std::vector<std::vector<double>>;

namespace {

constexpr uint64_t seed = 11;
constexpr int samples = 8, length = 4, embed = 8, mlp = 6, vocab = 10;

double token(int64_t sample, int64_t position) {
  return double((sample * 7 + position * 3) % vocab);
}

Matrix zeros(int rows, int columns) {
  return Matrix(rows, std::vector<double>(columns, 0));
}

Matrix initial(int rows, int columns, int rowStride, int columnStride, uint32_t site) {
  Matrix weight = zeros(rows, columns);
  for (int i = 0; i < rows; ++i)
    for (int j = 0; j < columns; ++j)
      weight[i][j] =
          static_cast<float>(2.0e-2 * rt::normal(seed, {}, site, i * rowStride + j * columnStride));
  return weight;
}

/// One step on whole tensors, token by token.
struct Reference {
  Matrix wte = initial(vocab, embed, embed, 1, 0), up = initial(mlp, embed, 1, mlp, 1),
         down = initial(mlp, embed, embed, 1, 2);
  Matrix dWte = zeros(vocab, embed), dUp = zeros(mlp, embed), dDown = zeros(mlp, embed);
  double loss = 0;

  void step() {
    for (int sample = 0; sample < samples; ++sample)
      for (int position = 0; position < length; ++position)
        add(sample, position);
    for (int i = 0; i < mlp; ++i)
      for (int j = 0; j < embed; ++j)
        up[i][j] -= 1.0e-2f / double(samples * length) * dUp[i][j];
  }

  void add(int sample, int position) {
    rt::Key key = rt::child({0, uint64_t(sample / 4 * 4), 0}, 0);
    const std::vector<double> &x = wte[int(token(sample, position))];
    std::vector<double> mask(embed), dropped(embed), y = x, u(mlp), dU(mlp);
    for (int j = 0; j < embed; ++j) {
      mask[j] = rt::uniform(seed, key, 0, sample, position * embed + j) >= 0.1 ? 1 / 0.9 : 0.0;
      dropped[j] = x[j] * mask[j];
    }
    for (int i = 0; i < mlp; ++i)
      for (int j = 0; j < embed; ++j)
        u[i] += dropped[j] * up[i][j];
    for (int i = 0; i < mlp; ++i)
      for (int j = 0; j < embed; ++j)
        y[j] += std::max(u[i], 0.0) * down[i][j];
    for (int j = 0; j < embed; ++j)
      loss += y[j] * y[j];
    for (int i = 0; i < mlp; ++i)
      for (int j = 0; j < embed; ++j) {
        dDown[i][j] += std::max(u[i], 0.0) * y[j];
        dU[i] += u[i] > 0 ? y[j] * down[i][j] : 0;
      }
    for (int j = 0; j < embed; ++j) {
      double dDropped = 0;
      for (int i = 0; i < mlp; ++i) {
        dUp[i][j] += dU[i] * dropped[j];
        dDropped += dU[i] * up[i][j];
      }
      dWte[int(token(sample, position))][j] += y[j] + dDropped * mask[j];
    }
  }
};

std::string programText() {
  std::ifstream file(EXEC_PROGRAM);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

void expectNear(const nn::Shard &actual, const Matrix &expected) {
  size_t element = 0;
  for (const std::vector<double> &row : expected)
    for (double value : row)
      EXPECT_NEAR((*actual.values)[element++], value, 1e-14);
}

TEST(ExecWholeProgram, isItsFormulas) {
  ExecProgram program(programText(), seed);
  program.interpreter().setInputs(
      [](llvm::StringRef, int64_t sample, int64_t index) { return token(sample, index); });
  ASSERT_TRUE(program.run("init")) << program.errors;
  ASSERT_TRUE(program.run("step")) << program.errors;
  Reference reference;
  reference.step();
  mlir::FailureOr<NamedValues> weights = program.interpreter().tensors("parameter");
  ASSERT_TRUE(succeeded(weights)) << program.errors;
  ASSERT_EQ(weights->size(), 3u);
  EXPECT_EQ((*weights)[1].name, "mlp.up");
  expectNear((*weights)[0].value, reference.wte);
  expectNear((*weights)[1].value, reference.up);
  expectNear((*weights)[2].value, reference.down);
  EXPECT_NEAR(*program.interpreter().scalar("loss"), reference.loss, 1e-14);
  EXPECT_EQ(*program.interpreter().scalar("count"), 32);
  // Rank 3 has the second half of the rows of d_up behind its part of d_embed.
  std::vector<double> dUp = program.get("gradients.mlp.up", 3);
  for (int i = 0; i < 3; ++i)
    for (int j = 0; j < embed; ++j)
      EXPECT_NEAR(dUp[i * embed + j], reference.dUp[i + 3][j], 1e-14);
}

/// Runs the program after one change of its text: it must fail, or end with another loss, gradient or weight.
std::string after(const std::string &from, const std::string &to) {
  std::string text = programText();
  size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  text.replace(at, from.size(), to);
  ExecProgram program(text, seed);
  program.interpreter().setInputs(
      [](llvm::StringRef, int64_t sample, int64_t index) { return token(sample, index); });
  if (!program.run("init") || !program.run("step"))
    return program.errors;
  mlir::FailureOr<NamedValues> weights = program.interpreter().tensors("parameter");
  if (failed(weights))
    return program.errors;
  Reference reference;
  reference.step();
  return std::abs((*(*weights)[1].value.values)[0] - reference.up[0][0]) > 1e-14 ? "another weight" : "";
}

TEST(ExecWholeProgram, plantedFaultsAreFound) {
  // A gradient's sum over data is forgotten: the replicas of the weight come apart.
  EXPECT_NE(after("exec.collective all_reduce [dp] %d_up -> %d_up",
                  "exec.collective all_reduce [tp] %d_up -> %d_up"),
            "");
  // Saved values on top of an activation that is still needed.
  EXPECT_NE(after("%saved = exec.buffer frame[512]", "%saved = exec.buffer frame[448]").find("is still used"),
            std::string::npos);
  // A callee's frame inside what is saved.
  EXPECT_NE(after("%y, %saved) frame[1088]", "%y, %saved) frame[960]").find("is still used"),
            std::string::npos);
  // The rows of another rank.
  EXPECT_NE(after("start [tp * 5]", "start [tp * 4]"), "");
  // An accumulator that starts from what the last step left, here from nothing.
  EXPECT_NE(after("(write %d_up, write %d_down)", "(write %d_down, write %d_down)"), "");
  // The gradient of a saved value that is written too early.
  EXPECT_NE(after("k [batch*seq=8: 3, 8, 0] beta 1", "k [batch*seq=8: 3, 8, 0] beta 0"), "");
}

} // namespace
