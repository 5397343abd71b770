//===- Communication.cpp - what a step moves between ranks ----------------===//
//
// Counts are exact: a function's movements are counted once and multiplied by its calls and by the trips of
// the loops around them. A group meets once for a collective, or once for all that a wait names. Bytes are
// what one rank sends in the ring algorithm of each collective, n ranks:
//
//   all_reduce 2 (n-1)/n of the buffer     all_gather, reduce_scatter (n-1)/n of the whole     all_to_all
//   (n-1)/n of the part
//
// A message to another stage of the pipeline is a `send` of its buffer, over the pipeline's mesh axis.
//
// (Patarasu & Yuan, "Bandwidth optimal all-reduce algorithms for clusters of workstations", 2009).
//
//===----------------------------------------------------------------------===//

#include "compiler/analysis/Communication.h"

#include "dialects/exec/Exec.h"
#include "dialects/pipe/Pipe.h"

#include <map>

using namespace mlir;
using namespace exec;
using namespace shardc;

namespace {
struct Key {
  std::string kind;
  std::vector<std::string> meshAxes;
  int64_t peer = -1;
  auto operator<=>(const Key &) const = default;
};
struct Total {
  double count = 0, meetings = 0, ahead = 0, bytes = 0;

  void add(const Total &other, double times, bool isAhead) {
    count += times * other.count;
    meetings += times * other.meetings;
    ahead += times * (isAhead ? other.meetings : other.ahead);
    bytes += times * other.bytes;
  }
};
using Totals = std::map<Key, Total>;

double bytesOfBuffer(BufferType type) {
  return static_cast<double>(type.getNumElements() * type.getElementBytes());
}

/// What one rank sends, of its operand and result on that rank.
double sentBytes(CollectiveOp op, int64_t ranks) {
  double share = static_cast<double>(ranks - 1) / static_cast<double>(ranks);
  double operand = bytesOfBuffer(op.getOperand().getType()), result = bytesOfBuffer(op.getOut().getType());
  if (op.getKind() == CollectiveKind::all_reduce)
    return 2 * share * operand;
  return share * std::max(operand, result);
}

/// Whether anything is computed between the start and the wait.
bool isAhead(Operation *started, WaitOp wait) {
  for (Operation *op = started->getNextNode(); op != wait; op = op->getNextNode())
    if (isa<LoopOp>(op) || (isa<AccessOpInterface>(op) && !isa<CollectiveOp>(op) && op->getNumResults() == 0))
      return true;
  return false;
}

class Counter {
public:
  explicit Counter(ModuleOp module) : module(module), mesh(module->getAttrOfType<MeshAttr>(meshAttrName)) {}

  const Totals &of(StringRef function) {
    auto [known, isNew] = functions.try_emplace(function);
    if (isNew)
      if (auto func = module.lookupSymbol<FuncOp>(function)) {
        Totals totals;
        add(func.getBody(), 1, totals);
        functions[function] = std::move(totals);
      }
    return functions[function];
  }

private:
  Key keyOf(CollectiveOp op) {
    Key key{stringifyCollectiveKind(op.getKind()).str(), {}};
    for (StringAttr axis : mesh.getNames())
      if (llvm::is_contained(op.getMesh().getAsRange<StringAttr>(), axis))
        key.meshAxes.push_back(axis.str());
    return key;
  }

  static Key keyOf(SendOp op) {
    pipes::StageAttr stage = pipes::stageOf(op);
    return {"send", {stage ? stage.getAxis().str() : ""}, static_cast<int64_t>(op.getTo())};
  }

  void add(Region &region, double times, Totals &totals) {
    for (Operation &op : region.front()) {
      if (auto call = dyn_cast<CallOp>(op); call && !call.getToken()) {
        addCall(call, times, false, totals);
      } else if (auto loop = dyn_cast<LoopOp>(op)) {
        add(loop.getBody(), times * static_cast<double>(loop.getTrips()), totals);
      } else if (auto wait = dyn_cast<WaitOp>(op)) {
        Operation *first = wait.getStarted().front();
        if (auto started = dyn_cast<CallOp>(first))
          addCall(started, times, isAhead(started, wait), totals);
        else if (isa<CollectiveOp>(first))
          totals[keyOf(cast<CollectiveOp>(first))].add(
              {.meetings = 1, .ahead = isAhead(first, wait) ? 1.0 : 0.0}, times, false);
      } else if (auto send = dyn_cast<SendOp>(op)) {
        auto wait = send.getToken().use_empty() ? WaitOp() : dyn_cast<WaitOp>(*send.getToken().user_begin());
        totals[keyOf(send)].add({.count = 1,
                                 .meetings = 1,
                                 .ahead = wait && isAhead(send, wait) ? 1.0 : 0.0,
                                 .bytes = bytesOfBuffer(send.getBufferType())},
                                times, false);
      } else if (auto collective = dyn_cast<CollectiveOp>(op)) {
        int64_t ranks = 1;
        for (StringAttr axis : collective.getMesh().getAsRange<StringAttr>())
          ranks *= mesh.sizeOf(axis);
        totals[keyOf(collective)].add({.count = 1,
                                       .meetings = collective.getToken() ? 0.0 : 1.0,
                                       .bytes = sentBytes(collective, ranks)},
                                      times, false);
      }
    }
  }

  void addCall(CallOp call, double times, bool isAhead, Totals &totals) {
    Totals callee = of(call.getCallee());
    for (auto &[key, total] : callee)
      totals[key].add(total, times, isAhead);
  }

  ModuleOp module;
  MeshAttr mesh;
  llvm::StringMap<Totals> functions;
};
} // namespace

std::vector<Movement> shardc::movementsOf(ModuleOp module, StringRef function) {
  std::vector<Movement> movements;
  Counter counter(module);
  for (auto &[key, total] : counter.of(function))
    movements.push_back({key.kind, key.meshAxes, key.peer, static_cast<int64_t>(total.count),
                         static_cast<int64_t>(total.meetings), static_cast<int64_t>(total.ahead),
                         total.bytes});
  return movements;
}
