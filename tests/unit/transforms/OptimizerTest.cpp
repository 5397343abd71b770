//===- OptimizerTest.cpp - several steps against PyTorch's rules ------------===//
//
// What torch.optim.SGD and torch.optim.swa_utils.AveragedModel say of themselves, written here element by
// element and fed with the interpreter's gradients. All steps see one batch, so that each gradient can be
// asked for. Numbers of the recipe are exact in f32: what is left is the rounding of f64.
//
//===----------------------------------------------------------------------===//

#include "tests/unit/transforms/SmallJob.h"

using namespace mlir;
using namespace shardc::interpreter;

namespace {

constexpr double lr = 1.0 / 64, momentum = 0.875, decay = 0.125, emaDecay = 0.75, bar = 1e-14;
constexpr int steps = 4;

double inputValue(StringRef name, int64_t, int64_t index) {
  return static_cast<double>((index * 91 + (name == "labels")) % 256);
}

using Values = std::vector<std::vector<double>>; // of each tensor

Values valuesOf(const NamedValues &values) {
  Values copies;
  for (const NamedValue &each : values)
    copies.push_back(*each.value.values);
  return copies;
}

/// The states called `which` of all weights, in their order.
Values statesOf(Training &training, const Data &state, StringRef which) {
  NamedValues wanted;
  for (const NamedValue &each : training.namesOf(state, "optimizer_state"))
    if (StringRef(each.name).starts_with((which + " of ").str()))
      wanted.push_back(each);
  return valuesOf(wanted);
}

void expectNear(const Values &values, const Values &expected, const std::string &what) {
  ASSERT_EQ(values.size(), expected.size()) << what;
  for (size_t tensor = 0; tensor < values.size(); ++tensor)
    for (size_t i = 0; i < values[tensor].size(); ++i)
      ASSERT_NEAR(values[tensor][i], expected[tensor][i], bar) << what << " " << tensor << " at " << i;
}

std::vector<std::string> sets(const std::string &optimizer) {
  return {"train.lr_schedule={name: constant}", "train.optimizer=" + optimizer};
}

/// Biases and norms of the small Llama are not decayed.
bool decays(StringRef name) {
  return !name.ends_with("bias") && !name.contains("norm");
}

TEST(Optimizer, sgdIsPyTorchs) {
  SmallJob job("llama", inputValue, sets("{name: sgd, lr: 0.015625, momentum: 0.875, weight_decay: 0.125}"));
  Training training = job.training();
  Data state = startState(training);
  NamedValues names = training.namesOf(state, "parameter");
  Values weights = valuesOf(names), buffers;
  for (int step = 0; step < steps; ++step) {
    NamedValues gradients = *training.gradients(state), scalars;
    const double count = gradients.back().value.values->front();
    state = *training.step(step, state, scalars);
    for (size_t tensor = 0; tensor < weights.size(); ++tensor) {
      std::vector<double> g = *gradients[tensor].value.values;
      for (size_t i = 0; i < g.size(); ++i)
        g[i] = g[i] / count + (decays(names[tensor].name) ? decay : 0) * weights[tensor][i];
      if (step == 0)
        buffers.push_back(g);
      else
        for (size_t i = 0; i < g.size(); ++i)
          buffers[tensor][i] = momentum * buffers[tensor][i] + g[i];
      for (size_t i = 0; i < g.size(); ++i)
        weights[tensor][i] -= lr * buffers[tensor][i];
    }
    expectNear(valuesOf(training.namesOf(state, "parameter")), weights, "weight");
    expectNear(statesOf(training, state, "momentum"), buffers, "momentum");
  }
}

struct Average : testing::TestWithParam<std::pair<const char *, const char *>> {};

TEST_P(Average, isAveragedModels) {
  auto overrides = sets(GetParam().second);
  overrides.push_back("train.ema={decay: 0.75}");
  SmallJob job("llama", inputValue, overrides);
  Training training = job.training();
  Data state = startState(training);
  Values average;
  for (int step = 0; step < steps; ++step) {
    NamedValues scalars;
    state = *training.step(step, state, scalars);
    Values weights = valuesOf(training.namesOf(state, "parameter"));
    if (step == 0)
      average = weights;
    for (size_t tensor = 0; tensor < weights.size(); ++tensor)
      for (size_t i = 0; i < weights[tensor].size(); ++i)
        average[tensor][i] = emaDecay * average[tensor][i] + (1 - emaDecay) * weights[tensor][i];
    expectNear(statesOf(training, state, "ema"), average, "average");
  }
}

INSTANTIATE_TEST_SUITE_P(Of, Average,
                         testing::Values(std::pair("sgd", "{name: sgd, lr: 0.015625}"),
                                         std::pair("momentum", "{name: sgd, lr: 0.015625, momentum: 0.875}"),
                                         std::pair("adamw", "{name: adamw, lr: 0.015625}")),
                         [](const auto &info) { return std::string(info.param.first); });

} // namespace
