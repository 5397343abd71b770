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

namespace {
/// Both programs side by side, from the same state.
struct Pair {
  Training one, many;
  Data oneState, manyState;

  void compareState(Comparison &comparison, const std::string &when) {
    comparison.add("weight" + when, many.namesOf(manyState, kindParameter),
                   one.namesOf(oneState, kindParameter));
    comparison.add("moment" + when, many.namesOf(manyState, kindOptimizerState),
                   one.namesOf(oneState, kindOptimizerState));
  }
};
} // namespace

FailureOr<Comparison> shardc::interpreter::compareTraining(ModuleOp global, ModuleOp placed, const Mesh &mesh,
                                                           const CompareOptions &options) {
  Options common{options.seed, options.inputs};
  Options ofPlaced{options.seed, options.inputs, options.handlers, options.checkReplicas};
  Pair pair{Training(global, Mesh(), common), Training(placed, mesh, ofPlaced), {}, {}};
  Comparison comparison;

  FailureOr<Data> one = pair.one.init(), many = pair.many.init();
  if (failed(one) || failed(many))
    return failure();
  pair.oneState = *one, pair.manyState = *many;
  pair.compareState(comparison, " at the start");

  pair.oneState = pair.manyState = pair.one.perturbed(*one, options.seed);
  FailureOr<NamedValues> oneGradients = pair.one.gradients(pair.oneState);
  FailureOr<NamedValues> manyGradients = pair.many.gradients(pair.manyState);
  if (failed(oneGradients) || failed(manyGradients))
    return failure();
  comparison.add("gradient", *manyGradients, *oneGradients);

  NamedValues oneScalars, manyScalars;
  for (int64_t step = 0; step < options.steps; ++step) {
    FailureOr<Data> oneNext = pair.one.step(step, pair.oneState, oneScalars);
    FailureOr<Data> manyNext = pair.many.step(step, pair.manyState, manyScalars);
    if (failed(oneNext) || failed(manyNext))
      return failure();
    pair.oneState = *oneNext, pair.manyState = *manyNext;
  }
  for (auto [value, reference] : llvm::zip_equal(manyScalars, oneScalars))
    comparison.add("scalar", {value}, {reference});
  pair.compareState(comparison, " after " + std::to_string(options.steps) + " steps");

  FailureOr<NamedValues> oneEval = pair.one.evaluate(pair.oneState),
                         manyEval = pair.many.evaluate(pair.manyState);
  if (failed(oneEval) || failed(manyEval))
    return failure();
  for (auto [value, reference] : llvm::zip_equal(*manyEval, *oneEval))
    comparison.add("scalar", {value}, {reference});
  return comparison;
}
