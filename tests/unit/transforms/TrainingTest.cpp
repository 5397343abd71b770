//===- TrainingTest.cpp - whole training steps against finite differences ===//
//
// Small jobs of every starting model go through the frontend and the nn passes, then run in the interpreter:
//
// * each weight's gradient from @micro, against central differences of the loss along a random direction,
// * @step, against the optimizer written here in a few lines, fed with those gradients.
//
// The interpreter computes in f64; only constants are f32. The difference quotient errs by h^2 |f'''| + 1e-16
// / h, both far below 1e-7 at h = 1e-5; the bar is 1e-6 relative to the largest gradient of the model.
//
//===----------------------------------------------------------------------===//

#include "tests/unit/transforms/SmallJob.h"

#include <cmath>

using namespace mlir;
using namespace shardc::interpreter;

namespace {

/// Tokens, and labels of which every fifth is to be ignored.
double inputValue(StringRef name, int64_t sample, int64_t index) {
  int64_t place = sample * 31 + index * 7;
  if (name == "labels" && place % 5 == 0)
    return -100;
  return static_cast<double>((place * 13 + (name == "labels")) % 256);
}

double lossOf(Training &training, const Data &state) {
  return training.gradients(state)->end()[-2].value.values->front();
}

double direction(size_t tensor, size_t index) {
  return std::sin(static_cast<double>(17 * tensor + 3 * index) + 1);
}

/// `state` with tensor number `tensor` moved by `step` along its direction.
Data moved(const Data &state, size_t tensor, double step) {
  Data copy = state;
  size_t number = 0;
  std::function<Datum(const Datum &)> move = [&](const Datum &datum) -> Datum {
    if (!datum.fields.empty()) {
      Data fields;
      for (const Datum &field : datum.fields)
        fields.push_back(move(field));
      return Datum::bundle(std::move(fields));
    }
    nn::Shard shard = datum.shards->front();
    if (number++ == tensor) {
      std::vector<double> values = *shard.values;
      for (size_t i = 0; i < values.size(); ++i)
        values[i] += step * direction(tensor, i);
      shard.set(std::move(values));
    }
    return Datum::tensor({shard});
  };
  for (Datum &datum : copy)
    datum = move(datum);
  return copy;
}

class TrainingTest : public ::testing::TestWithParam<const char *> {};

TEST_P(TrainingTest, GradientsAreFiniteDifferences) {
  SmallJob job(GetParam(), inputValue);
  Training training = job.training();
  Data state = startState(training);
  FailureOr<NamedValues> gradients = training.gradients(state);
  ASSERT_TRUE(succeeded(gradients));
  size_t numWeights = training.namesOf(state, "parameter").size();
  ASSERT_EQ(gradients->size(), numWeights + 2);
  std::vector<double> expected, actual;
  double largest = 0;
  for (size_t tensor = 0; tensor < numWeights; ++tensor) {
    const std::vector<double> &gradient = *(*gradients)[tensor].value.values;
    double along = 0, h = 1e-5;
    for (size_t i = 0; i < gradient.size(); ++i)
      along += gradient[i] * direction(tensor, i);
    double difference =
        (lossOf(training, moved(state, tensor, h)) - lossOf(training, moved(state, tensor, -h))) / (2 * h);
    actual.push_back(along);
    expected.push_back(difference);
    largest = std::max(largest, std::abs(difference));
  }
  EXPECT_GT(largest, 0);
  for (size_t tensor = 0; tensor < numWeights; ++tensor)
    EXPECT_NEAR(actual[tensor], expected[tensor], 1e-6 * largest) << (*gradients)[tensor].name;
}

double lrOf(DictionaryAttr recipe, int64_t step) {
  auto optimizer = recipe.getAs<DictionaryAttr>("optimizer"),
       schedule = recipe.getAs<DictionaryAttr>("lr_schedule");
  double lr = optimizer.getAs<FloatAttr>("lr").getValueAsDouble();
  double least = schedule.getAs<FloatAttr>("min_lr").getValueAsDouble();
  auto warmup = static_cast<double>(schedule.getAs<IntegerAttr>("warmup_steps").getInt());
  auto steps = static_cast<double>(recipe.getAs<IntegerAttr>("steps").getInt());
  auto now = static_cast<double>(step);
  if (now < warmup)
    return lr * (now + 1) / warmup;
  return least + (lr - least) * 0.5 * (1 + std::cos(M_PI * (now - warmup) / (steps - warmup)));
}

/// The starting models decay matrices and embeddings, not biases and norms.
bool decays(StringRef name) {
  return !name.ends_with("bias") && !name.contains("norm") && !name.contains("ln_");
}

TEST_P(TrainingTest, StepIsTheOptimizer) {
  SmallJob job(GetParam(), inputValue);
  Training training = job.training();
  Data state = startState(training);
  NamedValues gradients = *training.gradients(state), scalars;
  NamedValues before = training.namesOf(state, "parameter");
  FailureOr<Data> stepped = training.step(0, state, scalars);
  ASSERT_TRUE(succeeded(stepped));
  NamedValues after = training.namesOf(*stepped, "parameter");

  double count = gradients.back().value.values->front(), square = 0;
  gradients.erase(gradients.begin() + before.size(), gradients.end()); // loss and count
  for (const NamedValue &gradient : gradients)
    for (double value : *gradient.value.values)
      square += value * value;
  double norm = std::sqrt(square) / count, lr = lrOf(job.recipe(), 0);
  EXPECT_NEAR(scalars[1].value.values->front(), norm, 1e-6 * norm);
  EXPECT_NEAR(scalars[2].value.values->front(), lr, 1e-6 * lr);

  double largestNorm = job.recipe().getAs<FloatAttr>("max_grad_norm").getValueAsDouble();
  double scale = (largestNorm > 0 ? std::min(1.0, largestNorm / (norm + 1e-6)) : 1) / count;
  auto optimizer = job.recipe().getAs<DictionaryAttr>("optimizer");
  bool isAdam = optimizer.getAs<StringAttr>("name").getValue() == "adamw";
  double decay = optimizer.getAs<FloatAttr>("weight_decay").getValueAsDouble();
  for (size_t tensor = 0; tensor < before.size(); ++tensor) {
    const std::vector<double> &old = *before[tensor].value.values;
    double used = decays(before[tensor].name) ? decay : 0;
    for (size_t i = 0; i < old.size(); ++i) {
      double g = (*gradients[tensor].value.values)[i] * scale;
      // In the first step the corrected moments are g and g^2.
      double expected = isAdam ? old[i] * (1 - lr * used) - lr * g / (std::abs(g) + 1e-8)
                               : old[i] - lr * (g + used * old[i]);
      // Where |g| is near eps its sign is what moves the weight, and f32 constants show.
      double slack = std::abs(g) < 1e-5 ? 1e-4 : 1e-6;
      ASSERT_NEAR((*after[tensor].value.values)[i], expected, slack * lr + 1e-9)
          << before[tensor].name << " at " << i;
    }
  }
}

/// What the second step's gradient was is read off the first moments; second moments and weights must agree.
TEST_P(TrainingTest, SecondStepContinuesTheMoments) {
  SmallJob job(GetParam(), inputValue);
  Training training = job.training();
  NamedValues scalars;
  Data first = *training.step(0, startState(training), scalars), second = *training.step(1, first, scalars);
  NamedValues oldMoments = training.namesOf(first, "optimizer_state");
  NamedValues newMoments = training.namesOf(second, "optimizer_state");
  NamedValues before = training.namesOf(first, "parameter"), after = training.namesOf(second, "parameter");
  if (oldMoments.empty())
    GTEST_SKIP() << "this optimizer has no moments";
  ASSERT_EQ(oldMoments.size(), 2 * before.size());
  auto optimizer = job.recipe().getAs<DictionaryAttr>("optimizer");
  double beta1 = optimizer.getAs<FloatAttr>("beta1").getValueAsDouble();
  double beta2 = optimizer.getAs<FloatAttr>("beta2").getValueAsDouble();
  double decay = optimizer.getAs<FloatAttr>("weight_decay").getValueAsDouble(), lr = lrOf(job.recipe(), 1);
  for (size_t tensor = 0; tensor < before.size(); ++tensor) {
    auto at = [&](const NamedValues &values, size_t offset, size_t i) {
      return (*values[tensor + offset].value.values)[i];
    };
    double used = decays(before[tensor].name) ? decay : 0;
    for (size_t i = 0; i < before[tensor].value.values->size(); ++i) {
      double m = at(newMoments, 0, i), v = at(newMoments, before.size(), i);
      double g = (m - beta1 * at(oldMoments, 0, i)) / (1 - beta1);
      double expectedV = beta2 * at(oldMoments, before.size(), i) + (1 - beta2) * g * g;
      ASSERT_NEAR(v, expectedV, 1e-5 * (expectedV + 1e-12)) << before[tensor].name << " at " << i;
      double corrected = m / (1 - beta1 * beta1) / (std::sqrt(v / (1 - beta2 * beta2)) + 1e-8);
      double expected = at(before, 0, i) * (1 - lr * used) - lr * corrected;
      ASSERT_NEAR(at(after, 0, i), expected, 1e-6 * lr) << before[tensor].name << " at " << i;
    }
  }
}

TEST_P(TrainingTest, EvaluationIsTheLossWithoutDropout) {
  std::vector<std::string> sets = {"plan.microbatches=1"};
  SmallJob job(GetParam(), inputValue, sets);
  if (std::string(GetParam()) == "gpt2")
    llvm::append_range(sets, ArrayRef<std::string>{"config.embd_pdrop=0.0", "config.attn_pdrop=0.0",
                                                   "config.resid_pdrop=0.0"});
  SmallJob sober(GetParam(), inputValue, sets);
  Training training = job.training(), soberTraining = sober.training();
  NamedValues sums = *soberTraining.gradients(startState(soberTraining)); // the same numbers in both
  NamedValues evaluated = *training.evaluate(startState(training));
  EXPECT_DOUBLE_EQ(evaluated[0].value.values->front(), sums.end()[-2].value.values->front());
  EXPECT_DOUBLE_EQ(evaluated[1].value.values->front(), sums.back().value.values->front());
  EXPECT_EQ(evaluated[1].value.values->front(), 13); // 16 places, of which 0, 5 and 10 are ignored
}

INSTANTIATE_TEST_SUITE_P(Jobs, TrainingTest, ::testing::Values("gpt2", "llama", "qwen3", "gemma"),
                         [](const auto &info) { return std::string(info.param); });

} // namespace
