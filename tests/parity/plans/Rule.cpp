//===- Rule.cpp - the one numeric rule --------------------------------------===//
#include "tests/parity/plans/Rule.h"

#include <cmath>
#include <stdexcept>

namespace shardc::parity {
namespace {

constexpr const char *gradient = "gradient", *weight = "weight";

double largest(const std::vector<double> &values) {
  double most = 0;
  for (double value : values)
    most = std::max(most, std::fabs(value));
  return most;
}

double largest(const Tensors &tensors) {
  double most = 0;
  for (const auto &[name, values] : tensors)
    most = std::max(most, largest(values));
  return most;
}

const std::vector<double> &find(const Tensors &tensors, const std::string &name) {
  auto found = tensors.find(name);
  if (found == tensors.end())
    throw std::runtime_error("the run has no tensor " + name);
  return found->second;
}

/// One tensor of a run beside the reference's.
struct Pair {
  std::string what, name;
  const std::vector<double> &x, &r;
  double scale; // what errors are measured by
};

/// max(|X - R| - excused) / scale; what is no number is infinitely far off.
double errorOf(const Pair &pair, const std::vector<double> &excused) {
  if (pair.x.size() != pair.r.size())
    throw std::runtime_error(pair.name + " has " + std::to_string(pair.x.size()) +
                             " elements, the reference " + std::to_string(pair.r.size()));
  double most = 0;
  for (size_t i = 0; i < pair.x.size(); ++i) {
    double difference = std::fabs(pair.x[i] - pair.r[i]) - (excused.empty() ? 0 : excused[i]);
    most = std::max(most, std::isnan(difference) ? HUGE_VAL : difference);
  }
  return most / pair.scale;
}

// A tensor that is zero but for rounding (a gradient that cancels exactly, such as that of the keys' bias)
// has no scale of its own: it is measured by the largest of its kind.
double scaleOf(const std::vector<double> &values, double ofKind) {
  double own = largest(values);
  return own < 1e-10 * ofKind ? ofKind : own;
}

void addPairs(std::vector<Pair> &pairs, const std::string &what, const Tensors &references,
              const Tensors &run) {
  double ofKind = largest(references);
  for (const auto &[name, values] : references)
    pairs.push_back({what, name, find(run, name), values, scaleOf(values, ofKind)});
}

std::vector<Pair> pairsOf(const Reference &reference, const Record &run, const Recipe &recipe) {
  const Record &r = reference.record;
  std::string after = " after " + std::to_string(recipe.steps) + " steps";
  std::vector<Pair> pairs = {{"the losses of all steps", "", run.losses, r.losses, largest(r.losses)}};
  addPairs(pairs, gradient, r.gradients, run.gradients);
  addPairs(pairs, "m" + after, r.m, run.m);
  addPairs(pairs, "v" + after, r.v, run.v);
  addPairs(pairs, weight + after, r.weights, run.weights);
  return pairs;
}

double planBar(double errorOfSingle) {
  return 2 * errorOfSingle + 4 * unitRoundoff;
}

/// How far each weight may go astray because AdamW divides a gradient that is within its bar.
std::vector<double> excusedOf(const Reference &reference, const std::string &name, double gradientBar,
                              const Recipe &recipe) {
  auto least = reference.leastDivisor.find(name);
  if (least == reference.leastDivisor.end())
    return {};
  double noise =
      gradientBar * scaleOf(find(reference.largestDivisor, name), largest(reference.largestDivisor));
  std::vector<double> excused;
  for (double divisor : least->second)
    excused.push_back(double(recipe.steps) * recipe.lr * std::min(2.0, noise / (divisor + recipe.eps)));
  return excused;
}

/// e of each pair, weights after what is excused. `gradientBars`: by the gradient's name.
std::vector<double> errorsOf(const std::vector<Pair> &pairs, const Reference &reference,
                             const std::map<std::string, double> &gradientBars, const Recipe &recipe) {
  std::vector<double> errors;
  for (const Pair &pair : pairs) {
    std::vector<double> excused;
    if (pair.what.starts_with(weight))
      excused = excusedOf(reference, pair.name, gradientBars.at(pair.name), recipe);
    errors.push_back(errorOf(pair, excused));
  }
  return errors;
}

std::map<std::string, double> gradientBarsOf(const Reference &reference, const Record &single) {
  std::vector<Pair> pairs;
  addPairs(pairs, gradient, reference.record.gradients, single.gradients);
  std::map<std::string, double> bars;
  for (const Pair &pair : pairs)
    bars[pair.name] = planBar(errorOf(pair, {}));
  return bars;
}

} // namespace

std::vector<Finding> judgeSingle(const Reference &reference, const Record &single, const Recipe &recipe) {
  std::vector<Pair> pairs = pairsOf(reference, single, recipe);
  std::vector<double> errors = errorsOf(pairs, reference, gradientBarsOf(reference, single), recipe);
  std::vector<Finding> findings;
  for (size_t i = 0; i < pairs.size(); ++i) {
    double steps = pairs[i].what == gradient ? 1 : double(recipe.steps);
    double bar = unitRoundoff * std::sqrt(steps * reference.roundings);
    findings.push_back({pairs[i].what, pairs[i].name, errors[i], bar});
  }
  return findings;
}

std::vector<Finding> judgePlan(const Reference &reference, const Record &single, const Record &plan,
                               const Recipe &recipe) {
  std::map<std::string, double> bars = gradientBarsOf(reference, single);
  auto errors = [&](const Record &run) {
    return errorsOf(pairsOf(reference, run, recipe), reference, bars, recipe);
  };
  std::vector<double> ofOne = errors(single), ofPlan = errors(plan);
  std::vector<Pair> pairs = pairsOf(reference, plan, recipe);
  for (const Record &shadow : reference.shadows) {
    std::vector<double> ofShadow = errors(shadow);
    for (size_t i = 0; i < pairs.size(); ++i)
      if (pairs[i].what != gradient)
        ofOne[i] = std::max(ofOne[i], ofShadow[i]);
  }
  std::vector<Finding> findings;
  for (size_t i = 0; i < pairs.size(); ++i)
    findings.push_back({pairs[i].what, pairs[i].name, ofPlan[i], planBar(ofOne[i])});
  return findings;
}

} // namespace shardc::parity
