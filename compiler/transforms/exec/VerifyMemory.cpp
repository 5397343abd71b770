//===- VerifyMemory.cpp - walk a function and watch its memory ------------===//

#include "compiler/transforms/exec/VerifyMemory.h"

#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace exec;

namespace {
/// `'x'`, or what kind of op it comes from.
std::string quoted(Value value) {
  StringRef name = nameOf(value.getLoc());
  if (!name.empty())
    return "'" + name.str() + "'";
  if (auto address = value.getDefiningOp<AddressOp>())
    return "'" + address.getGlobal().str() + "'";
  if (auto field = value.getDefiningOp<FieldOp>())
    return "'" + field.getField().str() + "'";
  return value.getDefiningOp() ? "a buffer" : "an argument";
}

StringRef movementName(Operation *started) {
  if (isa<CallOp>(started))
    return "call";
  return isa<SendOp, ReceiveOp>(started) ? "message" : "collective";
}

class MemoryWalk {
public:
  MemoryWalk(FuncOp func, SymbolTable &symbols) : func(func), symbols(symbols) {}
  LogicalResult run();

private:
  using LeafId = std::pair<const void *, unsigned>;
  /// What has started: what it reads, what it makes, and the frame of a callee.
  struct Started {
    Operation *op;
    std::vector<std::pair<Value, Cells>> read, made;
    int64_t frameBegin = 0, frameEnd = 0;
  };
  struct Life {
    Written written;
    Operation *takenBy = nullptr; // the op whose memory lies over it now
  };

  LogicalResult walk(Block &block);
  LogicalResult visit(Operation *op);
  LogicalResult read(Operation *op, Value pointer);
  LogicalResult write(Operation *op, Value pointer, Mode mode);
  LogicalResult checkAlive(Operation *op, const Cells &cells, Value pointer, StringRef verb);
  LogicalResult checkAliases(Operation *op, ArrayRef<Access> accesses);
  LogicalResult checkPeers(Operation *op);
  LogicalResult checkUnderWay(Operation *op, ArrayRef<Access> accesses);
  LogicalResult wait(WaitOp op);
  LogicalResult checkInitialised();
  LogicalResult take(Operation *op, int64_t begin, int64_t end);
  void begin(Value root, bool isWritten);
  Mode modeOf(Value root);
  Life &lifeOf(const Cells &cells) { return lives[{cells.key, cells.leaf}]; }

  FuncOp func;
  SymbolTable &symbols;
  llvm::DenseMap<LeafId, Life> lives;
  llvm::MapVector<Operation *, std::pair<int64_t, int64_t>> places; // of live buffers in the frame
  std::vector<Started> underWay;
  llvm::DenseSet<Attribute> globals; // seen
};

LogicalResult MemoryWalk::run() {
  for (BlockArgument argument : func.getBody().getArguments())
    if (!isa<KeyType>(argument.getType()))
      begin(argument, func.getMode(argument.getArgNumber()) != Mode::out);
  if (failed(walk(func.getBody().front())))
    return failure();
  if (!underWay.empty())
    return underWay.front().op->emitOpError() << "is started but never waited for";
  for (BlockArgument argument : func.getBody().getArguments())
    if (!isa<KeyType>(argument.getType()) && func.getMode(argument.getArgNumber()) == Mode::out)
      for (Cells cells : cellsOf(argument))
        if (!lifeOf(cells).written.covers(cells))
          return func.emitOpError() << "argument " << quoted(argument)
                                    << " is 'out', but is not written in full";
  return func.getEntry() && func.getSymName() == "init" ? checkInitialised() : success();
}

/// @init leaves every weight and optimizer state written.
LogicalResult MemoryWalk::checkInitialised() {
  llvm::StringSet<> written;
  for (AddressOp address : func.getBody().getOps<AddressOp>())
    if (llvm::all_of(cellsOf(address),
                     [&](const Cells &cells) { return lifeOf(cells).written.covers(cells); }))
      written.insert(address.getGlobal());
  for (GlobalOp global : func->getParentOfType<ModuleOp>().getOps<GlobalOp>())
    if ((global.getKind() == "parameter" || global.getKind() == "optimizer_state") &&
        !written.contains(global.getSymName()))
      return func.emitOpError() << "does not write @" << global.getSymName() << " in full";
  return success();
}

void MemoryWalk::begin(Value root, bool isWritten) {
  for (Cells cells : cellsOf(root)) {
    Life &life = lifeOf(cells) = Life();
    if (isWritten)
      life.written.add(cells);
  }
}

/// What the function may do with the memory that starts at `root`.
Mode MemoryWalk::modeOf(Value root) {
  if (auto argument = dyn_cast<BlockArgument>(root))
    return argument.getOwner()->getParentOp() == func ? func.getMode(argument.getArgNumber()) : Mode::in;
  if (auto address = root.getDefiningOp<AddressOp>()) {
    StringRef kind = symbols.lookup<GlobalOp>(address.getGlobal()).getKind();
    return kind == "input" || kind == "step" || kind == "first_sample" ? Mode::in : Mode::inout;
  }
  return Mode::inout;
}

LogicalResult MemoryWalk::walk(Block &block) {
  for (Operation &op : block)
    if (failed(visit(&op)))
      return failure();
  return success();
}

/// From here on the bytes [begin, end) of the frame are the op's.
LogicalResult MemoryWalk::take(Operation *op, int64_t begin, int64_t end) {
  for (const Started &started : underWay)
    if (started.frameBegin < end && begin < started.frameEnd) {
      InFlightDiagnostic error = op->emitOpError() << "takes bytes of the frame of a call under way";
      error.attachNote(started.op->getLoc()) << "it is started here";
      return error;
    }
  for (auto &[other, place] : places)
    if (other != op && place.first < end && begin < place.second)
      for (Cells cells : cellsOf(other->getResult(0)))
        lifeOf(cells).takenBy = op;
  return success();
}

LogicalResult MemoryWalk::visit(Operation *op) {
  if (auto buffer = dyn_cast<BufferOp>(op)) {
    begin(buffer, false);
    if (buffer.getOffset()) {
      int64_t start = *buffer.getOffset(), end = start + bytesOf(buffer.getType());
      places[op] = {start, end};
      return take(op, start, end);
    }
    return success();
  }
  if (auto address = dyn_cast<AddressOp>(op)) {
    // What the runtime or an earlier entry has written; a step writes gradients and scalars before it reads
    // them.
    StringRef kind = symbols.lookup<GlobalOp>(address.getGlobal()).getKind();
    bool isSet = modeOf(address) == Mode::in || kind == "parameter" || kind == "optimizer_state";
    if (globals.insert(address.getGlobalAttr()).second)
      begin(address, isSet && func.getSymName() != "init");
    return success();
  }
  if (auto loop = dyn_cast<LoopOp>(op)) {
    begin(loop.getBody().getArgument(0), true);
    for (int trip = 0; trip < std::min<int64_t>(loop.getTrips(), 2);
         ++trip) // the second sees what the first left
      if (failed(walk(loop.getBody().front())))
        return failure();
    return success();
  }
  if (auto waitOp = dyn_cast<WaitOp>(op))
    return wait(waitOp);
  auto access = dyn_cast<AccessOpInterface>(op);
  if (!access)
    return success();
  SmallVector<Access> accesses;
  access.getAccesses(accesses);
  Started started{op};
  if (auto call = dyn_cast<CallOp>(op); call && call.getFrame()) {
    started.frameBegin = *call.getFrame();
    started.frameEnd = started.frameBegin + symbols.lookup<FuncOp>(call.getCallee()).getFrame().value_or(0);
    if (failed(take(op, started.frameBegin, started.frameEnd)))
      return failure();
  }
  if (failed(checkUnderWay(op, accesses)) || failed(checkAliases(op, accesses)) || failed(checkPeers(op)))
    return failure();
  for (Access one : accesses)
    if (one.mode != Mode::out && failed(read(op, one.memory)))
      return failure();
  for (Access one : accesses)
    if (one.mode != Mode::in && failed(write(op, one.memory, one.mode)))
      return failure();
  if (!tokenOf(op))
    return success();
  for (Access one : accesses)
    for (const Cells &cells : cellsOf(one.memory))
      (one.mode == Mode::in ? started.read : started.made).push_back({one.memory, cells});
  underWay.push_back(std::move(started));
  return success();
}

/// Until here the memory of what was started must have been its own.
LogicalResult MemoryWalk::wait(WaitOp op) {
  for (Operation *waited : op.getStarted()) {
    auto found = llvm::find_if(underWay, [&](const Started &started) { return started.op == waited; });
    if (found == underWay.end())
      return op.emitOpError() << "waits for what is not under way";
    for (auto *side : {&found->read, &found->made})
      for (auto &[pointer, cells] : *side)
        if (failed(checkAlive(op, cells, pointer, "ends a movement of")))
          return failure();
    underWay.erase(found);
  }
  return success();
}

LogicalResult MemoryWalk::checkAlive(Operation *op, const Cells &cells, Value pointer, StringRef verb) {
  Operation *takenBy = lifeOf(cells).takenBy;
  if (!takenBy)
    return success();
  InFlightDiagnostic error = op->emitOpError()
                             << verb << " " << quoted(pointer) << ", whose bytes are in use by another";
  error.attachNote(takenBy->getLoc())
      << (isa<CallOp>(takenBy) ? "the frame of this call" : "this buffer") << " lies over it";
  return error;
}

LogicalResult MemoryWalk::read(Operation *op, Value pointer) {
  for (const Cells &cells : cellsOf(pointer)) {
    if (failed(checkAlive(op, cells, pointer, "reads")))
      return failure();
    if (!lifeOf(cells).written.covers(cells))
      return op->emitOpError() << "reads " << quoted(pointer) << ", which is not written before";
  }
  return success();
}

LogicalResult MemoryWalk::write(Operation *op, Value pointer, Mode mode) {
  for (const Cells &cells : cellsOf(pointer)) {
    Mode allowed = modeOf(cells.root);
    if (allowed == Mode::in)
      return op->emitOpError() << "writes " << quoted(pointer) << ", which is only read here";
    if (allowed == Mode::acc && mode != Mode::acc)
      return op->emitOpError() << "writes " << quoted(pointer) << ", an accumulator, which is only added to";
    if (cells.differsByRank)
      return op->emitOpError() << "writes " << quoted(pointer) << ", a part that differs between ranks";
    if (failed(checkAlive(op, cells, pointer, "writes")))
      return failure();
    lifeOf(cells).written.add(cells);
  }
  return success();
}

/// What an op writes overlaps nothing else of it, but element by element where the op allows that.
LogicalResult MemoryWalk::checkAliases(Operation *op, ArrayRef<Access> accesses) {
  auto collective = dyn_cast<CollectiveOp>(op);
  bool mayBeInPlace = isa<KernelOp, DropoutOp, RopeOp, MaskOp>(op) ||
                      (collective && collective.getKind() == CollectiveKind::all_reduce);
  // Only cells of one leaf can meet: a call of the whole model has thousands, of as many leaves.
  llvm::DenseMap<LeafId, SmallVector<std::pair<const Access *, Cells>, 2>> byLeaf;
  for (const Access &access : accesses)
    for (const Cells &cells : cellsOf(access.memory))
      byLeaf[{cells.key, cells.leaf}].push_back({&access, cells});
  for (const Access &written : accesses) {
    if (written.mode == Mode::in)
      continue;
    for (const Cells &a : cellsOf(written.memory))
      for (auto &[other, b] : byLeaf.find({a.key, a.leaf})->second)
        if (other != &written && intersect(a, b) && !(mayBeInPlace && other->mode == Mode::in && a == b))
          return op->emitOpError() << "writes " << quoted(written.memory) << ", which overlaps its operand "
                                   << quoted(other->memory);
  }
  return success();
}

/// Peers find a buffer at the place where it lies on this rank; so what a call hands on must not differ
/// either.
LogicalResult MemoryWalk::checkPeers(Operation *op) {
  if (!isa<CollectiveOp, CallOp>(op))
    return success();
  for (Value operand : op->getOperands())
    if (!isa<KeyType>(operand.getType()))
      for (const Cells &cells : cellsOf(operand))
        if (cells.differsByRank)
          return op->emitOpError() << "is handed " << quoted(operand)
                                   << ", which lies elsewhere on other ranks";
  return success();
}

LogicalResult MemoryWalk::checkUnderWay(Operation *op, ArrayRef<Access> accesses) {
  if (underWay.empty())
    return success();
  for (Access one : accesses)
    for (const Cells &cells : cellsOf(one.memory))
      for (const Started &started : underWay) {
        auto meets = [&](auto &side) { return intersect(side.second, cells); };
        bool isMade = llvm::any_of(started.made, meets);
        if (!isMade && !(one.mode != Mode::in && llvm::any_of(started.read, meets)))
          continue;
        InFlightDiagnostic error = op->emitOpError()
                                   << (isMade ? "touches " : "writes ") << quoted(one.memory)
                                   << " before the " << movementName(started.op) << " is waited for";
        error.attachNote(started.op->getLoc()) << "it is started here";
        return error;
      }
  return success();
}
} // namespace

LogicalResult exec::verifyMemory(FuncOp func, SymbolTable &symbols) {
  return MemoryWalk(func, symbols).run();
}
