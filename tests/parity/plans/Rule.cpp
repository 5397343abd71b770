//===- Rule.cpp - the one numeric rule --------------------------------------===//
#include "tests/parity/plans/Rule.h"

#include "fmt/format.h"
#include "llvm/ADT/STLExtras.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace shardc::parity {

double scaleOf(double own, double ofKind) {
  return own < 1e-10 * ofKind ? ofKind : own;
}

namespace {

constexpr const char *gradient = "gradient";

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

/// max|X - R| / scale; what is no number is infinitely far off.
double errorOf(const Pair &pair) {
  if (pair.x.size() != pair.r.size())
    throw std::runtime_error(pair.name + " has " + std::to_string(pair.x.size()) +
                             " elements, the reference " + std::to_string(pair.r.size()));
  double most = 0;
  for (size_t i = 0; i < pair.x.size(); ++i) {
    double difference = std::fabs(pair.x[i] - pair.r[i]);
    most = std::max(most, std::isnan(difference) ? HUGE_VAL : difference);
  }
  return most / pair.scale;
}

double scaleOf(const std::vector<double> &values, double ofKind) {
  return parity::scaleOf(largest(values), ofKind);
}

void addPairs(std::vector<Pair> &pairs, const std::string &what, const Tensors &references,
              const Tensors &run) {
  double ofKind = largest(references);
  for (const auto &[name, values] : references)
    pairs.push_back({what, name, find(run, name), values, scaleOf(values, ofKind)});
}

std::vector<Pair> pairsOf(const Reference &reference, const Record &run) {
  const Record &r = reference.record;
  std::string after = " after " + std::to_string(r.losses.size()) + " steps";
  std::vector<Pair> pairs = {{"the losses of all steps", "", run.losses, r.losses, largest(r.losses)}};
  addPairs(pairs, gradient, r.gradients, run.gradients);
  for (const auto &[name, state] : r.states)
    addPairs(pairs, name + after, state, run.states.at(name));
  addPairs(pairs, "weight" + after, r.weights, run.weights);
  return pairs;
}

} // namespace

Finding compare(const std::string &what, const std::string &name, const std::vector<double> &x,
                const std::vector<double> &r) {
  return {what, name, errorOf({what, name, x, r, largest(r)}), 0};
}

std::vector<Finding> judgeSingle(const Reference &reference, const Record &single) {
  std::vector<Finding> findings;
  for (const Pair &pair : pairsOf(reference, single)) {
    double steps = pair.what == gradient ? 1 : double(reference.record.losses.size());
    double bar = unitRoundoff * std::sqrt(steps * reference.roundings);
    findings.push_back({pair.what, pair.name, errorOf(pair), bar});
  }
  return findings;
}

std::vector<Finding> judgePlan(const Reference &reference, const std::vector<Record> &singles,
                               const Record &plan) {
  std::vector<Finding> findings;
  for (const Pair &pair : pairsOf(reference, plan))
    findings.push_back({pair.what, pair.name, errorOf(pair), 4 * unitRoundoff});
  std::vector<double> ofSingles(findings.size());
  for (const Record &single : singles)
    for (auto [most, pair] : llvm::zip_equal(ofSingles, pairsOf(reference, single)))
      most = std::max(most, errorOf(pair));
  for (auto [finding, most] : llvm::zip_equal(findings, ofSingles))
    finding.allowed += 2 * most;
  return findings;
}

bool report(const std::string &run, const std::vector<Finding> &findings) {
  auto nearest = std::ranges::max_element(findings, {}, [](const Finding &f) { return f.error / f.allowed; });
  auto broken = std::ranges::count_if(findings, [](const Finding &f) { return !f.holds(); });
  fmt::print("{:<24} {} of {} tensors; nearest to its bar: {} {}, {:.1e} of {:.1e}\n", run,
             findings.size() - size_t(broken), findings.size(), nearest->what, nearest->name, nearest->error,
             nearest->allowed);
  for (const Finding &finding : findings)
    if (!finding.holds())
      fmt::print("  {} {}: off by {:.2e}, allowed {:.2e}\n", finding.what, finding.name, finding.error,
                 finding.allowed);
  return broken == 0;
}

} // namespace shardc::parity
