//===- Distribute.cpp - between one tensor and what each rank holds -------===//

#include "compiler/interpreter/Distribute.h"

#include "dialects/nn/EvaluateLoops.h"

#include "llvm/Support/Format.h"

#include <cstring>
#include <limits>
#include <map>

using namespace mlir;
using namespace nn;
using namespace shardc::interpreter;

/// One axis of the overlap of two shards: how far it runs, and the strides in both.
namespace {
struct Run {
  int64_t count, fromStride, toStride;
};
} // namespace

static double neutral(ReductionKind kind) {
  return kind == ReductionKind::sum ? 0.0 : -std::numeric_limits<double>::infinity();
}
static double fold(ReductionKind kind, double a, double b) {
  return kind == ReductionKind::sum ? a + b : std::max(a, b);
}

static void foldRuns(const double *from, double *to, ArrayRef<Run> runs, ReductionKind kind) {
  if (runs.empty()) {
    *to = fold(kind, *to, *from);
    return;
  }
  const Run &run = runs.front();
  for (int64_t i = 0; i < run.count; ++i)
    foldRuns(from + i * run.fromStride, to + i * run.toStride, runs.drop_front(), kind);
}

/// Folds the part of `from` that `to` covers into `values`, the values of `to`.
static void foldOverlap(const Shard &from, const Shard &to, std::vector<double> &values, ReductionKind kind) {
  Nest toNest = nestOf(to);
  SmallVector<int64_t, 6> fromStrides = stridesIn(nestOf(from), toNest),
                          toStrides = stridesIn(toNest, toNest);
  SmallVector<Run> runs;
  int64_t fromOffset = 0, toOffset = 0;
  for (auto [i, axis] : llvm::enumerate(to.axes)) {
    const ShardAxis &other = *from.find(axis.name);
    int64_t first = std::max(axis.start, other.start);
    int64_t end = std::min(axis.start + axis.count, other.start + other.count);
    if (end <= first)
      return;
    fromOffset += (first - other.start) * fromStrides[i];
    toOffset += (first - axis.start) * toStrides[i];
    runs.push_back({end - first, fromStrides[i], toStrides[i]});
  }
  foldRuns(from.values->data() + fromOffset, values.data() + toOffset, runs, kind);
}

/// Applies `leaf` to the tensors of a datum, field by field; keys stay.
static Datum forTensors(const Datum &datum, Type type,
                        function_ref<Datum(const Datum &, NamedTensorType)> leaf) {
  if (auto tensor = dyn_cast<NamedTensorType>(type))
    return leaf(datum, tensor);
  auto bundle = dyn_cast<BundleType>(type);
  if (!bundle)
    return datum;
  Data fields;
  for (auto [field, fieldType] : llvm::zip(datum.fields, bundle.getTypes()))
    fields.push_back(forTensors(field, fieldType, leaf));
  return Datum::bundle(std::move(fields));
}

Datum shardc::interpreter::scatter(const Mesh &mesh, const Datum &global, Type type) {
  return forTensors(global, type, [&](const Datum &whole, NamedTensorType tensor) {
    std::vector<Shard> onEach(mesh.numRanks(), whole.shards->front());
    return Datum::tensor(redistribute(mesh, onEach, tensor.stripped(), tensor));
  });
}

Datum shardc::interpreter::gather(const Mesh &mesh, const Datum &datum, Type type) {
  return forTensors(datum, type, [&](const Datum &value, NamedTensorType tensor) {
    return Datum::tensor({redistribute(mesh, *value.shards, tensor, tensor.stripped()).front()});
  });
}

std::vector<Shard> shardc::interpreter::redistribute(const Mesh &mesh, const std::vector<Shard> &shards,
                                                     NamedTensorType from, NamedTensorType to) {
  ArrayRef<StringAttr> fromPartial, toPartial;
  ReductionKind kind = ReductionKind::sum;
  if (PartialAttr partial = to.getPartial())
    toPartial = partial.getMesh(), kind = partial.getKind();
  if (PartialAttr partial = from.getPartial())
    fromPartial = partial.getMesh(), kind = partial.getKind();
  auto without = [](ArrayRef<StringAttr> names, ArrayRef<StringAttr> removed) {
    return llvm::to_vector(
        llvm::make_filter_range(names, [&](StringAttr name) { return !llvm::is_contained(removed, name); }));
  };
  SmallVector<StringAttr> masked = without(toPartial, fromPartial);
  // A rank takes from all ranks that differ along what places the source, or sums it here; along other mesh
  // axes from its own coordinate.
  SmallVector<StringAttr> takenAlong = without(fromPartial, toPartial);
  for (AxisAttr axis : from.getAxes())
    llvm::append_range(takenAlong, axis.getMesh());

  std::vector<Shard> results;
  std::map<std::vector<int64_t>, Values> known; // ranks that take the same from the same share a buffer
  for (int64_t rank = 0; rank < mesh.numRanks(); ++rank) {
    Shard result = mesh.shardFor(to, rank);
    bool isMasked = mesh.index(rank, masked) != 0;
    SmallVector<int64_t> sources = mesh.group(rank, takenAlong);
    std::vector<int64_t> signature = {isMasked};
    for (const ShardAxis &axis : result.axes)
      signature.push_back(axis.start);
    for (int64_t source : sources)
      signature.push_back(reinterpret_cast<intptr_t>(shards[source].values.get()));
    Values &values = known[signature];
    if (!values) {
      std::vector<double> folded(result.numElements(), neutral(kind));
      if (!isMasked)
        for (int64_t source : sources)
          foldOverlap(shards[source], result, folded, kind);
      values = std::make_shared<const std::vector<double>>(std::move(folded));
    }
    result.values = values;
    results.push_back(std::move(result));
  }
  return results;
}

std::string Disagreement::str() const {
  std::string text;
  llvm::raw_string_ostream(text) << "ranks " << rank << " and " << other << " hold different values at "
                                 << index << ": " << llvm::format("%.17g", value) << " and "
                                 << llvm::format("%.17g", otherValue);
  return text;
}

std::optional<Disagreement> shardc::interpreter::findDisagreement(const Mesh &mesh,
                                                                  const std::vector<Shard> &shards,
                                                                  NamedTensorType type) {
  SmallVector<StringAttr> named = meshAxesOf(type);
  std::vector<int64_t> firstOf(mesh.size(named), -1); // by the coordinates that the type names
  for (int64_t rank = 0; rank < mesh.numRanks(); ++rank) {
    int64_t &first = firstOf[mesh.index(rank, named)];
    if (first < 0) {
      first = rank;
      continue;
    }
    const Values &mine = shards[rank].values, &theirs = shards[first].values;
    if (mine == theirs || std::memcmp(mine->data(), theirs->data(), mine->size() * sizeof(double)) == 0)
      continue;
    for (size_t i = 0; i < mine->size(); ++i)
      if (std::memcmp(&(*mine)[i], &(*theirs)[i], sizeof(double)) != 0)
        return Disagreement{first, rank, globalIndex(shards[rank], static_cast<int64_t>(i)), (*theirs)[i],
                            (*mine)[i]};
  }
  return std::nullopt;
}
