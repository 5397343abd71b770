//===- Communication.cpp - what a step moves between ranks ----------------===//
//
// Counts are exact: a function's movements are counted once and multiplied by its calls and by the trips of
// the loops around them. Bytes are what one rank sends in the ring algorithm of each collective, n ranks:
//
//   all_reduce 2 (n-1)/n of the buffer     all_gather, reduce_scatter (n-1)/n of the whole     all_to_all
//   (n-1)/n of the part
//
// (Patarasu & Yuan, "Bandwidth optimal all-reduce algorithms for clusters of workstations", 2009).
//
//===----------------------------------------------------------------------===//

#include "compiler/analysis/Communication.h"

#include "compiler/analysis/Layouts.h"
#include "dialects/dist/Dist.h"

#include "llvm/ADT/MapVector.h"

using namespace mlir;
using namespace shardc;

namespace {
using Key = std::pair<std::string, std::vector<std::string>>; // kind, mesh axes
struct Total {
  double count = 0, bytes = 0;
};
using Totals = std::map<Key, Total>;

double bytesOf(Type type, ModuleOp module) {
  auto tensor = cast<nn::NamedTensorType>(type);
  return static_cast<double>(localElements(tensor, module)) *
         tensor.getElementType().getIntOrFloatBitWidth() / 8;
}

/// What one rank sends, of its operand and result on that rank.
double sentBytes(Operation *op, int64_t ranks, ModuleOp module) {
  double share = static_cast<double>(ranks - 1) / static_cast<double>(ranks);
  double operand = bytesOf(op->getOperand(0).getType(), module),
         result = bytesOf(op->getResult(0).getType(), module);
  if (isa<dist::AllReduceOp>(op))
    return 2 * share * operand;
  return share * std::max(operand, result);
}

class Counter {
public:
  explicit Counter(ModuleOp module) : module(module), plan(dist::planOf(module)) {}

  const Totals &of(StringRef function) {
    auto [known, isNew] = functions.try_emplace(function);
    if (isNew)
      if (auto func = module.lookupSymbol<nn::FuncOp>(function)) {
        Totals totals;
        add(func.getBody(), 1, totals);
        functions[function] = std::move(totals);
      }
    return functions[function];
  }

private:
  void add(Region &region, double times, Totals &totals) {
    for (Operation &op : region.front()) {
      if (auto call = dyn_cast<nn::CallOp>(op)) {
        Totals callee = of(call.getCallee());
        for (auto &[key, total] : callee) {
          totals[key].count += times * total.count;
          totals[key].bytes += times * total.bytes;
        }
      } else if (auto loop = dyn_cast<nn::LoopOp>(op)) {
        add(loop.getBody(), times * static_cast<double>(loop.getTrips()), totals);
      } else if (isa<dist::AllReduceOp, dist::AllGatherOp, dist::ReduceScatterOp, dist::AllToAllOp>(op)) {
        Key key{op.getName().stripDialect().str(), {}};
        SmallVector<StringAttr> over =
            llvm::to_vector(op.getAttrOfType<ArrayAttr>("over").getAsRange<StringAttr>());
        for (dist::MeshAxisAttr axis : plan.getMesh())
          if (llvm::is_contained(over, axis.getName()))
            key.second.push_back(axis.getName().str());
        Total &total = totals[key];
        total.count += times;
        total.bytes += times * sentBytes(&op, plan.sizeOf(over), module);
      }
    }
  }

  ModuleOp module;
  dist::PlanAttr plan;
  llvm::StringMap<Totals> functions;
};
} // namespace

std::vector<Movement> shardc::movementsOf(ModuleOp module, StringRef function) {
  std::vector<Movement> movements;
  Counter counter(module);
  for (auto &[key, total] : counter.of(function))
    movements.push_back({key.first, key.second, static_cast<int64_t>(total.count), total.bytes});
  return movements;
}
