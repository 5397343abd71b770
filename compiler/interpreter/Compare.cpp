//===- Compare.cpp - does a placed program compute what one device would ----===//

#include "compiler/interpreter/Compare.h"

#include "llvm/Support/Format.h"

#include <cmath>
#include <limits>
#include <numeric>

using namespace mlir;
using namespace nn;
using namespace shardc::interpreter;

static double largest(const Shard &shard) {
  double most = 0;
  for (double value : *shard.values)
    most = std::max(most, std::fabs(value));
  return most;
}

/// A difference that is not a number is the largest of all.
static double distance(double a, double b) {
  double difference = a == b ? 0.0 : std::fabs(a - b);
  return std::isnan(difference) ? std::numeric_limits<double>::infinity() : difference;
}

void Comparison::add(const std::string &what, const NamedValues &values, const NamedValues &references) {
  // A tensor that is zero but for rounding (a gradient that cancels exactly, such as that of the keys' bias)
  // has no scale of its own: it is measured against the largest of its kind.
  double largestOfKind = 0;
  for (const NamedValue &reference : references)
    largestOfKind = std::max(largestOfKind, largest(reference.value));
  for (auto [value, reference] : llvm::zip_equal(values, references)) {
    Difference found{what, reference.name, "", 0, 0, 0, reference.place};
    double most = -1;
    for (auto [i, pair] : llvm::enumerate(llvm::zip_equal(*value.value.values, *reference.value.values))) {
      auto [a, b] = pair;
      if (distance(a, b) <= most)
        continue;
      most = distance(a, b);
      found.value = a, found.reference = b;
      found.index = globalIndex(reference.value, static_cast<int64_t>(i));
    }
    double scale = largest(reference.value);
    if (scale < 1e-10 * largestOfKind)
      scale = largestOfKind;
    found.relative = most <= 0 ? 0.0 : most / scale;
    differences.push_back(std::move(found));
  }
}

void Comparison::pointAt(const llvm::StringMap<Location> &places) {
  for (Difference &difference : differences) {
    auto [moment, weight] = StringRef(difference.name).split(" of "); // `m of h.0.attn.c_attn.weight`
    if (auto found = places.find(weight.empty() ? moment : weight); found != places.end())
      difference.place = found->second;
  }
}

double Comparison::worst() const {
  double most = 0;
  for (const Difference &difference : differences)
    most = std::max(most, difference.relative);
  return most;
}

std::vector<Difference> Comparison::sorted() const {
  std::vector<size_t> order(differences.size());
  std::iota(order.begin(), order.end(), 0);
  llvm::sort(order, [&](size_t a, size_t b) {
    return std::make_pair(-differences[a].relative, a) < std::make_pair(-differences[b].relative, b);
  });
  std::vector<Difference> ordered;
  for (size_t index : order)
    ordered.push_back(differences[index]);
  return ordered;
}

void Comparison::print(raw_ostream &stream, size_t rows) const {
  std::vector<Difference> ordered = sorted();
  ordered.erase(ordered.begin() + std::min(rows, ordered.size()), ordered.end());
  size_t whatWidth = 4, nameWidth = 6;
  for (const Difference &each : ordered) {
    whatWidth = std::max(whatWidth, each.what.size());
    nameWidth = std::max(nameWidth, each.name.size());
  }
  auto cell = [&](StringRef text, size_t width) { stream << llvm::left_justify(text, width + 2); };
  stream << llvm::left_justify("relative", 10);
  cell("what", whatWidth), cell("tensor", nameWidth);
  stream << "farthest off\n";
  for (const Difference &each : ordered) {
    stream << llvm::format("%8.1e  ", each.relative);
    cell(each.what, whatWidth), cell(each.name, nameWidth);
    stream << each.index << llvm::format(" %.9g, one device %.9g", each.value, each.reference);
    if (std::string place = placeOf(each.place); !place.empty())
      stream << "  " << place;
    stream << "\n";
  }
  stream << differences.size() << " tensors compared, largest relative difference "
         << llvm::format("%.1e", worst()) << ", allowed " << llvm::format("%.0e", bar) << "\n";
}

std::string shardc::interpreter::placeOf(Location location) {
  std::string text;
  location->walk([&](Location each) {
    auto file = dyn_cast<FileLineColLoc>(each);
    if (!file)
      return WalkResult::advance();
    text =
        (file.getFilename().getValue() + ":" + Twine(file.getLine()) + ":" + Twine(file.getColumn())).str();
    return WalkResult::interrupt();
  });
  return text;
}

FailureOr<Comparison> shardc::interpreter::compareTraining(ModuleOp global, ModuleOp placed, const Mesh &mesh,
                                                           const CompareOptions &options) {
  FailureOr<OneDevice> one = trainOnOneDevice(global, options.seed, options.inputs, options.steps);
  return failed(one) ? FailureOr<Comparison>(failure()) : compareTraining(*one, placed, mesh, options);
}

FailureOr<Comparison> shardc::interpreter::compareTraining(const OneDevice &one, ModuleOp placed,
                                                           const Mesh &mesh, const CompareOptions &options) {
  Training many(placed, mesh, {options.seed, options.inputs, options.handlers, options.checkReplicas});
  Comparison comparison;
  auto compareState = [&](const std::string &when, const Data &state, const OneDevice::State &reference) {
    comparison.add("weight" + when, many.namesOf(state, kindParameter), reference.weights);
    comparison.add("state" + when, many.namesOf(state, kindOptimizerState), reference.states);
  };
  auto isDone = [&] { return options.stopWhenOff && !comparison.passes(); };

  FailureOr<Data> state = many.init();
  if (failed(state))
    return failure();
  compareState(" at the start", *state, one.initial);
  if (isDone())
    return comparison;

  FailureOr<NamedValues> gradients = many.gradients(one.start);
  if (failed(gradients))
    return failure();
  comparison.add("gradient", *gradients, one.gradients);
  if (isDone())
    return comparison;

  state = one.start;
  for (auto [number, step] : llvm::enumerate(one.steps)) {
    NamedValues scalars;
    state = many.step(static_cast<int64_t>(number), *state, scalars);
    if (failed(state))
      return failure();
    for (auto [value, reference] : llvm::zip_equal(scalars, step.scalars))
      comparison.add("scalar", {value}, {reference});
  }
  if (!one.steps.empty())
    compareState(" after " + std::to_string(one.steps.size()) + " steps", *state, one.steps.back().after);
  if (isDone())
    return comparison;

  FailureOr<NamedValues> evaluated = many.evaluate(*state);
  if (failed(evaluated))
    return failure();
  for (auto [value, reference] : llvm::zip_equal(*evaluated, one.evaluated))
    comparison.add("scalar", {value}, {reference});
  return comparison;
}
