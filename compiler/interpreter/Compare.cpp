//===- Compare.cpp - does a placed program compute what one device would ----===//

#include "compiler/interpreter/Compare.h"

#include "dialects/nn/EvaluateLoops.h"

#include "llvm/ADT/StringSet.h"
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

FailureOr<Pairs> shardc::interpreter::pairUp(ModuleOp program, const NamedValues &values,
                                             const NamedValues &references) {
  llvm::StringMap<const NamedValue *> byName;
  for (const NamedValue &reference : references)
    byName[reference.name] = &reference;
  Pairs pairs;
  for (const NamedValue &value : values) {
    const NamedValue *reference = byName.lookup(value.name);
    if (!reference)
      return program.emitError() << "the program has a tensor '" << value.name
                                 << "', which the one-device program lacks",
             failure();
    pairs.references.push_back(*reference);
    NamedValue &arranged = pairs.values.emplace_back(value);
    arranged.value.axes = reference->value.axes;
    arranged.value.values = arrange(value.value, nestOf(reference->value));
  }
  return pairs;
}

LogicalResult shardc::interpreter::expectAll(ModuleOp program, const NamedValues &values,
                                             const NamedValues &wanted) {
  llvm::StringSet<> names;
  for (const NamedValue &value : values)
    names.insert(value.name);
  for (const NamedValue &value : wanted)
    if (!names.contains(value.name))
      return program.emitError() << "the program has no tensor '" << value.name << "'";
  return success();
}

namespace {
/// A placed program, held to one device.
class PlacedRun {
public:
  PlacedRun(const OneDevice &one, ModuleOp placed, const Mesh &mesh, const CompareOptions &options)
      : one(one), module(placed), options(options),
        training(placed, mesh, {options.seed, options.inputs, options.handlers, options.checkReplicas}) {}

  FailureOr<Comparison> compare() {
    if (failed(run()))
      return failure();
    return std::move(comparison);
  }

private:
  LogicalResult run();
  bool isDone() const { return options.stopWhenOff && !comparison.passes(); }

  /// `values` against those of one device with their names; `wanted` must be among them.
  LogicalResult add(const std::string &what, const FailureOr<NamedValues> &values,
                    const NamedValues &references, const NamedValues &wanted) {
    if (failed(values) || failed(expectAll(module, *values, wanted)))
      return failure();
    FailureOr<Pairs> pairs = pairUp(module, *values, references);
    if (failed(pairs))
      return failure();
    comparison.add(what, pairs->values, pairs->references);
    return success();
  }
  LogicalResult addScalars(const FailureOr<NamedValues> &values, const NamedValues &references) {
    if (failed(values))
      return failure();
    for (const NamedValue &value : *values) // each has a scale of its own
      for (const NamedValue &reference : references)
        if (reference.name == value.name)
          comparison.add("scalar", {value}, {reference});
    return expectAll(module, *values, references);
  }
  LogicalResult addState(const std::string &when, const Data &state, const OneDevice::State &reference) {
    return failure(failed(add("weight" + when, training.namesOf(state, kindParameter), reference.weights,
                              reference.weights)) ||
                   failed(add("state" + when, training.namesOf(state, kindOptimizerState), reference.states,
                              reference.states)));
  }

  const OneDevice &one;
  ModuleOp module;
  const CompareOptions &options;
  Training training;
  Comparison comparison;
};
} // namespace

LogicalResult PlacedRun::run() {
  FailureOr<Data> state = training.init();
  if (failed(state) || failed(addState(" at the start", *state, one.initial)))
    return failure();
  if (isDone())
    return success();

  state = training.stateOf({one.start.weights, one.start.states});
  if (failed(state) || failed(add("gradient", training.gradients(*state), one.gradients, one.start.weights)))
    return failure();
  if (isDone())
    return success();

  for (auto [number, step] : llvm::enumerate(one.steps)) {
    NamedValues scalars;
    state = training.step(static_cast<int64_t>(number), *state, scalars);
    if (failed(state) || failed(addScalars(scalars, step.scalars)))
      return failure();
  }
  if (!one.steps.empty() && failed(addState(" after " + std::to_string(one.steps.size()) + " steps", *state,
                                            one.steps.back().after)))
    return failure();
  return isDone() ? success() : addScalars(training.evaluate(*state), one.evaluated);
}

FailureOr<Comparison> shardc::interpreter::compareTraining(const OneDevice &one, ModuleOp placed,
                                                           const Mesh &mesh, const CompareOptions &options) {
  return PlacedRun(one, placed, mesh, options).compare();
}
