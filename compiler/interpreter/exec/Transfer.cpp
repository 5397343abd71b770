//===- Transfer.cpp - what is under way between arenas ---------------------===//

#include "compiler/interpreter/exec/Transfer.h"

#include "compiler/interpreter/exec/Accesses.h"
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
  Formula(Machine &machine, CollectiveOp op, const Pointer &operand)
      : machine(machine), op(op), operand(operand) {
    folds = op.getKind() == CollectiveKind::all_reduce || op.getKind() == CollectiveKind::reduce_scatter;
    along = llvm::to_vector(op.getMesh().getAsRange<StringAttr>());
  }

  /// What arrives on a rank.
  FailureOr<std::map<int64_t, double>> compute(int64_t rank) {
    int64_t me = machine.mesh.index(rank, along);
    std::map<int64_t, double> written;
    for (auto [i, member] : llvm::enumerate(machine.mesh.group(rank, along)))
      if (failed(
              take(member, me * op.getStep()[0], static_cast<int64_t>(i) * op.getStep()[1], i == 0, written)))
        return failure();
    return written;
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
    Memory::Element element{op, operand, op.getOperand().getType(), member};
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
  CollectiveOp op;
  const Pointer &operand;
  bool folds;
  SmallVector<StringAttr> along;
  std::map<int64_t, std::set<int64_t>> read;
};

} // namespace

static LogicalResult hold(Machine &machine, Operation *op, const Transfer::Side &side) {
  for (int64_t rank = 0; rank < machine.numRanks(); ++rank) {
    Memory::Element element{op, side.pointer, side.type, rank};
    for (int64_t offset : side.lent[rank])
      if (failed(machine.memory.lend(element, offset)))
        return failure();
    for (auto [offset, value] : side.written[rank])
      if (failed(machine.memory.expect(element, offset)))
        return failure();
  }
  return success();
}

static Transfer::Side sideOf(const Pointer &pointer, BufferType type, int64_t ranks) {
  Transfer::Side side{pointer, type, {}, {}};
  side.written.resize(ranks);
  side.lent.resize(ranks);
  return side;
}

FailureOr<Started> shardc::interpreter::start(Machine &machine, const Scope &scope, CollectiveOp op) {
  const Pointer &operand = scope.find(op.getOperand())->second.pointer,
                &out = scope.find(op.getOut())->second.pointer;
  auto transfer = std::make_shared<Transfer>();
  transfer->op = op;
  Transfer::Side read = sideOf(operand, op.getOperand().getType(), machine.numRanks()),
                 written = sideOf(out, op.getOut().getType(), machine.numRanks());
  Formula formula(machine, op, operand);
  for (int64_t rank = 0; rank < machine.numRanks(); ++rank) {
    FailureOr<std::map<int64_t, double>> arriving = formula.compute(rank);
    if (failed(arriving))
      return failure();
    written.written[rank].assign(arriving->begin(), arriving->end());
  }
  bool isInPlace = operand.addresses == out.addresses;
  for (int64_t rank = 0; rank < machine.numRanks() && !isInPlace; ++rank)
    read.lent[rank] = formula.readOn(rank);
  if (failed(hold(machine, op, read)) || failed(hold(machine, op, written)))
    return failure();
  transfer->sides = {std::move(read), std::move(written)};
  return transfer;
}

FailureOr<Started> shardc::interpreter::start(Machine &machine, const Scope &scope, CallOp op) {
  auto transfer = std::make_shared<Transfer>();
  transfer->op = op;
  SmallVector<Access> accesses;
  op.getAccesses(accesses);
  for (const Access &access : accesses) {
    auto add = [&](const Pointer &pointer, BufferType type) -> LogicalResult {
      Transfer::Side side = sideOf(pointer, type, machine.numRanks());
      for (int64_t rank = 0; rank < machine.numRanks(); ++rank) {
        FailureOr<Image> image = machine.memory.read(op, pointer, type, rank);
        if (failed(image))
          return failure();
        forEachElement(type, [&](int64_t offset) {
          if (access.mode == Mode::in)
            side.lent[rank].push_back(offset);
          else
            side.written[rank].push_back({offset, (*image)[offset]});
          return true;
        });
      }
      if (failed(hold(machine, op, side)))
        return failure();
      transfer->sides.push_back(std::move(side));
      return success();
    };
    if (failed(forEachBuffer(scope.find(access.memory)->second, access.memory.getType(), add)))
      return failure();
  }
  return transfer;
}

/// A transfer of one whole buffer, which `hold` takes.
static FailureOr<Started> startWhole(Machine &machine, const Scope &scope, Operation *op, Value buffer,
                                     bool isWritten) {
  auto type = cast<BufferType>(buffer.getType());
  Transfer::Side side = sideOf(scope.find(buffer)->second.pointer, type, machine.numRanks());
  for (int64_t rank = 0; rank < machine.numRanks(); ++rank)
    forEachElement(type, [&](int64_t offset) {
      if (isWritten)
        side.written[rank].push_back({offset, 0});
      else
        side.lent[rank].push_back(offset);
      return true;
    });
  if (failed(hold(machine, op, side)))
    return failure();
  auto transfer = std::make_shared<Transfer>();
  transfer->op = op;
  transfer->sides.push_back(std::move(side));
  return transfer;
}

FailureOr<Started> shardc::interpreter::start(Machine &machine, const Scope &scope, SendOp op) {
  return startWhole(machine, scope, op, op.getBuffer(), false);
}
FailureOr<Started> shardc::interpreter::start(Machine &machine, const Scope &scope, ReceiveOp op) {
  return startWhole(machine, scope, op, op.getBuffer(), true);
}

void shardc::interpreter::deliver(Transfer &transfer, ArrayRef<Image> images) {
  for (auto [written, image] : llvm::zip_equal(transfer.sides[0].written, images))
    for (auto &[offset, value] : written)
      value = image[offset];
}

LogicalResult shardc::interpreter::finish(Machine &machine, Transfer &transfer) {
  for (const Transfer::Side &side : transfer.sides)
    for (int64_t rank = 0; rank < machine.numRanks(); ++rank) {
      Memory::Element element{transfer.op, side.pointer, side.type, rank};
      for (int64_t offset : side.lent[rank])
        machine.memory.takeBack(element, offset);
      for (auto [offset, value] : side.written[rank])
        machine.memory.deliver(element, offset, value);
    }
  return transfer.frame ? machine.memory.end(transfer.op, transfer.frame) : success();
}
