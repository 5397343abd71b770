//===- Transfer.cpp - what a collective moves between arenas --------------===//

#include "compiler/interpreter/exec/Transfer.h"

#include "compiler/interpreter/exec/Points.h"

#include "dialects/exec/Loops.h"

#include <map>
#include <set>

using namespace mlir;
using namespace exec;
using namespace shardc::interpreter;

namespace {

/// The formulas of the op's description.
class Formula {
public:
  Formula(Machine &machine, Transfer &transfer) : machine(machine), transfer(transfer), op(transfer.op) {
    folds = op.getKind() == CollectiveKind::all_reduce || op.getKind() == CollectiveKind::reduce_scatter;
    along = llvm::to_vector(op.getMesh().getAsRange<StringAttr>());
  }

  LogicalResult compute(int64_t rank) {
    int64_t me = machine.mesh.index(rank, along);
    std::map<int64_t, double> written;
    for (auto [i, member] : llvm::enumerate(machine.mesh.group(rank, along)))
      if (failed(
              take(member, me * op.getStep()[0], static_cast<int64_t>(i) * op.getStep()[1], i == 0, written)))
        return failure();
    transfer.ranks[rank].written.assign(written.begin(), written.end());
    return success();
  }

  /// Offsets in the operand of a rank that the members took.
  std::vector<int64_t> readOn(int64_t rank) const {
    auto found = read.find(rank);
    return found == read.end() ? std::vector<int64_t>()
                               : std::vector<int64_t>(found->second.begin(), found->second.end());
  }

private:
  /// One member's tile, in member order.
  LogicalResult take(int64_t member, int64_t from, int64_t to, bool isFirst,
                     std::map<int64_t, double> &written) {
    Memory::Element element{op, transfer.operand, op.getOperand().getType(), member};
    bool complete = true;
    forEachPoint(loopsOf(op.getTile()), 2, [&](ArrayRef<int64_t> at) {
      if (!complete)
        return;
      FailureOr<double> value = machine.memory.readElement(element, from + at[0]);
      complete = succeeded(value);
      if (complete)
        fold(written[to + at[1]], *value, isFirst);
      read[member].insert(from + at[0]);
    });
    return success(complete);
  }

  void fold(double &element, double value, bool isFirst) {
    if (!folds || isFirst)
      element = value;
    else
      element = op.getFold() == Fold::sum ? element + value : std::max(element, value);
  }

  Machine &machine;
  Transfer &transfer;
  CollectiveOp op;
  bool folds;
  SmallVector<StringAttr> along;
  std::map<int64_t, std::set<int64_t>> read;
};

} // namespace

FailureOr<std::shared_ptr<Transfer>> shardc::interpreter::start(Machine &machine, const Scope &scope,
                                                                CollectiveOp op) {
  auto transfer = std::make_shared<Transfer>();
  transfer->op = op;
  transfer->operand = scope.find(op.getOperand())->second.pointer;
  transfer->out = scope.find(op.getOut())->second.pointer;
  transfer->ranks.resize(machine.numRanks());
  Formula formula(machine, *transfer);
  for (int64_t rank = 0; rank < machine.numRanks(); ++rank)
    if (failed(formula.compute(rank)))
      return failure();
  bool isInPlace = transfer->operand.addresses == transfer->out.addresses;
  for (auto [rank, side] : llvm::enumerate(transfer->ranks)) {
    Memory::Element from{op, transfer->operand, op.getOperand().getType(), static_cast<int64_t>(rank)};
    Memory::Element to{op, transfer->out, op.getOut().getType(), static_cast<int64_t>(rank)};
    if (!isInPlace)
      side.lent = formula.readOn(static_cast<int64_t>(rank));
    for (int64_t offset : side.lent)
      if (failed(machine.memory.lend(from, offset)))
        return failure();
    for (auto [offset, value] : side.written)
      if (failed(machine.memory.expect(to, offset)))
        return failure();
  }
  return transfer;
}

void shardc::interpreter::finish(Machine &machine, Transfer &transfer) {
  CollectiveOp op = transfer.op;
  for (auto [rank, side] : llvm::enumerate(transfer.ranks)) {
    Memory::Element from{op, transfer.operand, op.getOperand().getType(), static_cast<int64_t>(rank)};
    Memory::Element to{op, transfer.out, op.getOut().getType(), static_cast<int64_t>(rank)};
    for (int64_t offset : side.lent)
      machine.memory.takeBack(from, offset);
    for (auto [offset, value] : side.written)
      machine.memory.deliver(to, offset, value);
  }
}
