//===- DistHandlers.cpp - how reshards and collectives are evaluated ------===//
//
// A reshard means what its types say. A collective moves local buffers as the runtime would, whatever the
// types say, so that a wrong group or a wrong order of mesh axes changes values.
//
//===----------------------------------------------------------------------===//

#include "compiler/interpreter/DistHandlers.h"

#include "compiler/interpreter/Distribute.h"

#include "dialects/dist/Dist.h"
#include "dialects/nn/EvaluateLoops.h"

using namespace mlir;
using namespace nn;
using namespace shardc::interpreter;

namespace {

/// A local buffer around one axis: [outer, count, inner].
struct View {
  int64_t outer = 1, count = 1, inner = 1;

  View(const Shard &shard, StringAttr axis) {
    bool isBefore = true;
    for (const ShardAxis &each : shard.axes) {
      int64_t &part = each.name == axis ? count : isBefore ? outer : inner;
      part *= each.count;
      isBefore &= each.name != axis;
    }
  }
};

/// The piece [start, start + count) of the viewed axis.
std::vector<double> cut(const std::vector<double> &values, View view, int64_t start, int64_t count) {
  std::vector<double> piece;
  piece.reserve(view.outer * count * view.inner);
  for (int64_t outer = 0; outer < view.outer; ++outer) {
    auto first = values.begin() + (outer * view.count + start) * view.inner;
    piece.insert(piece.end(), first, first + count * view.inner);
  }
  return piece;
}

/// Pieces one after the other along an axis: each is [outer, its count, inner].
std::vector<double> join(ArrayRef<std::vector<double>> pieces, int64_t outerCount) {
  std::vector<double> values;
  for (int64_t outer = 0; outer < outerCount; ++outer)
    for (const std::vector<double> &piece : pieces) {
      int64_t row = static_cast<int64_t>(piece.size()) / outerCount;
      values.insert(values.end(), piece.begin() + outer * row, piece.begin() + (outer + 1) * row);
    }
  return values;
}

/// One collective on all its groups.
class Collective {
public:
  template <typename Op>
  Collective(Interpreter &interpreter, Op op, const Datum &operand)
      : mesh(interpreter.getMesh()), type(op.getResult().getType()), operands(*operand.shards) {
    for (auto name : op.getOver().template getAsRange<StringAttr>())
      over.push_back(name);
    for (int64_t rank = 0; rank < mesh.numRanks(); ++rank)
      results.push_back(mesh.shardFor(type, rank));
  }

  /// Calls `visit` for each group of ranks, in the order of their index along `over`.
  void forEachGroup(function_ref<void(ArrayRef<int64_t> members)> visit) {
    for (int64_t rank = 0; rank < mesh.numRanks(); ++rank)
      if (mesh.index(rank, over) == 0)
        visit(mesh.group(rank, over));
  }
  /// The members' values, folded in their order.
  std::vector<double> fold(ArrayRef<int64_t> members, ReductionKind kind) const {
    std::vector<double> folded = values(members[0]);
    for (int64_t member : members.drop_front())
      for (auto [sum, value] : llvm::zip(folded, values(member)))
        sum = kind == ReductionKind::sum ? sum + value : std::max(sum, value);
    return folded;
  }
  const std::vector<double> &values(int64_t rank) const { return *operands[rank].values; }
  View view(int64_t rank, StringAttr axis) const { return View(operands[rank], axis); }

  Data finish() { return {Datum::tensor(std::move(results))}; }

  const Mesh &mesh;
  NamedTensorType type;
  const std::vector<Shard> &operands;
  SmallVector<StringAttr> over;
  std::vector<Shard> results;
};

FailureOr<Data> allReduce(Interpreter &interpreter, dist::AllReduceOp op, ArrayRef<Datum> operands) {
  Collective collective(interpreter, op, operands[0]);
  collective.forEachGroup([&](ArrayRef<int64_t> members) {
    Values folded = std::make_shared<const std::vector<double>>(collective.fold(members, op.getKind()));
    for (int64_t member : members)
      collective.results[member].values = folded;
  });
  return collective.finish();
}

FailureOr<Data> reduceScatter(Interpreter &interpreter, dist::ReduceScatterOp op, ArrayRef<Datum> operands) {
  Collective collective(interpreter, op, operands[0]);
  collective.forEachGroup([&](ArrayRef<int64_t> members) {
    std::vector<double> folded = collective.fold(members, op.getKind());
    View view = collective.view(members[0], op.getAxisAttr());
    int64_t count = view.count / static_cast<int64_t>(members.size());
    for (auto [index, member] : llvm::enumerate(members))
      collective.results[member].set(cut(folded, view, index * count, count));
  });
  return collective.finish();
}

FailureOr<Data> allGather(Interpreter &interpreter, dist::AllGatherOp op, ArrayRef<Datum> operands) {
  Collective collective(interpreter, op, operands[0]);
  collective.forEachGroup([&](ArrayRef<int64_t> members) {
    SmallVector<std::vector<double>> pieces;
    for (int64_t member : members)
      pieces.push_back(collective.values(member));
    int64_t outer = collective.view(members[0], op.getAxisAttr()).outer;
    Values joined = std::make_shared<const std::vector<double>>(join(pieces, outer));
    for (int64_t member : members)
      collective.results[member].values = joined;
  });
  return collective.finish();
}

/// Member i gets the i-th piece of everyone's `to`, and joins them along `from`.
FailureOr<Data> allToAll(Interpreter &interpreter, dist::AllToAllOp op, ArrayRef<Datum> operands) {
  Collective collective(interpreter, op, operands[0]);
  collective.forEachGroup([&](ArrayRef<int64_t> members) {
    View view = collective.view(members[0], op.getToAttr());
    int64_t count = view.count / static_cast<int64_t>(members.size());
    for (auto [index, member] : llvm::enumerate(members)) {
      SmallVector<std::vector<double>> pieces;
      for (int64_t other : members)
        pieces.push_back(cut(collective.values(other), view, index * count, count));
      Shard &result = collective.results[member];
      result.set(join(pieces, View(result, op.getFromAttr()).outer));
    }
  });
  return collective.finish();
}

FailureOr<Data> shardSlice(Interpreter &interpreter, dist::ShardSliceOp op, ArrayRef<Datum> operands) {
  Collective collective(interpreter, op, operands[0]);
  collective.forEachGroup([&](ArrayRef<int64_t> members) {
    for (auto [index, member] : llvm::enumerate(members)) {
      View view = collective.view(member, op.getAxisAttr());
      int64_t count = view.count / static_cast<int64_t>(members.size());
      collective.results[member].set(cut(collective.values(member), view, index * count, count));
    }
  });
  return collective.finish();
}

FailureOr<Data> mask(Interpreter &interpreter, dist::MaskOp op, ArrayRef<Datum> operands) {
  Collective collective(interpreter, op, operands[0]);
  collective.forEachGroup([&](ArrayRef<int64_t> members) {
    collective.results[members[0]].values = collective.operands[members[0]].values;
    for (int64_t member : members.drop_front())
      collective.results[member].set(std::vector<double>(collective.values(member).size(), 0.0));
  });
  return collective.finish();
}

Datum reshardField(const Mesh &mesh, const Datum &datum, Type from, Type to) {
  if (auto tensor = dyn_cast<NamedTensorType>(from))
    return Datum::tensor(redistribute(mesh, *datum.shards, tensor, cast<NamedTensorType>(to)));
  auto bundle = dyn_cast<BundleType>(from);
  if (!bundle)
    return datum;
  Data fields;
  for (auto [field, fieldFrom, fieldTo] :
       llvm::zip(datum.fields, bundle.getTypes(), cast<BundleType>(to).getTypes()))
    fields.push_back(reshardField(mesh, field, fieldFrom, fieldTo));
  return Datum::bundle(std::move(fields));
}

FailureOr<Data> reshard(Interpreter &interpreter, dist::ReshardOp op, ArrayRef<Datum> operands) {
  return Data{
      reshardField(interpreter.getMesh(), operands[0], op.getOperand().getType(), op.getResult().getType())};
}

} // namespace

void shardc::interpreter::addDistHandlers(Handlers &handlers) {
  handlers.add(reshard);
  handlers.add(allReduce);
  handlers.add(reduceScatter);
  handlers.add(allGather);
  handlers.add(allToAll);
  handlers.add(shardSlice);
  handlers.add(mask);
}

Mesh shardc::interpreter::meshOf(dist::PlanAttr plan) {
  std::vector<MeshAxis> axes;
  if (plan)
    for (dist::MeshAxisAttr axis : plan.getMesh())
      axes.push_back({axis.getName().str(), axis.getSize()});
  return Mesh(std::move(axes));
}
