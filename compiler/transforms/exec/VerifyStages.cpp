//===- VerifyStages.cpp - messages meet, and all stages come to their end --===//
//
// In:  the stages of a pipeline, each a module of exec functions.
// Out: the same, or an error at the op that is wrong.
// Not here: the memory of messages (exec-verify, stage by stage).
//
// For each entry: every send meets one receive of the same type, and the programs of all stages, run against
// each other, end. A send goes on at once. The wait for a receive needs the send; it takes the message, and
// the wait for the send needs that. Nothing that has come true is taken back, so it does not matter which
// stage is fast: one run stands for all of them. All ranks of a stage run one program, and collectives stay
// within a stage: they can't close a circle that the stages don't.
//
//   stage 0   wait receive 0 from 1;  send 0 to 1         each waits for what the other does afterwards
//   stage 1   wait receive 0 from 0;  send 0 to 0
//
//===----------------------------------------------------------------------===//

#include "compiler/transforms/exec/Passes.h"

#include "dialects/pipe/Pipe.h"

#include "llvm/ADT/MapVector.h"

#include <deque>
#include <map>

using namespace mlir;

namespace exec {
#define GEN_PASS_DEF_VERIFYSTAGES
#include "compiler/transforms/exec/Passes.h.inc"
} // namespace exec

using namespace exec;

namespace {
struct Message {
  SendOp send;
  ReceiveOp receive;
  bool isSent = false, isTaken = false;
};

/// One entry of all stages.
class Entry {
public:
  explicit Entry(ArrayRef<FuncOp> entries)
      : stages(entries), events(entries.size()), next(entries.size(), 0) {}

  LogicalResult verify() { return failure(failed(collect()) || failed(match()) || failed(run())); }

private:
  using Id = std::tuple<int64_t, int64_t, int64_t>; // from, to, number

  static Id idOf(int64_t stage, SendOp op) { return {stage, op.getTo(), op.getMessage()}; }
  static Id idOf(int64_t stage, ReceiveOp op) { return {op.getFrom(), stage, op.getMessage()}; }
  StringRef name() { return stages[0].getSymName(); }

  LogicalResult collect() {
    for (size_t stage = 0; stage < stages.size(); ++stage)
      for (Operation &op : stages[stage].getBody().front()) {
        if (auto send = dyn_cast<SendOp>(op)) {
          if (failed(add(stage, send, send.getTo(), &Message::send)))
            return failure();
          events[stage].push_back(&op);
        } else if (auto receive = dyn_cast<ReceiveOp>(op)) {
          if (failed(add(stage, receive, receive.getFrom(), &Message::receive)))
            return failure();
        } else if (auto wait = dyn_cast<WaitOp>(op)) {
          if (isa<SendOp, ReceiveOp>(wait.getStarted().front()))
            events[stage].push_back(&op);
        }
      }
    return success();
  }

  template <class Op> LogicalResult add(int64_t stage, Op op, int64_t other, Op Message::*side) {
    if (other == stage || other >= int64_t(stages.size()))
      return op.emitOpError() << "of stage " << stage << " names stage " << other
                              << ", it must be another of the " << stages.size();
    Op &known = messages[idOf(stage, op)].*side;
    if (known) {
      InFlightDiagnostic error = op.emitOpError()
                                 << "is the second of message " << op.getMessage() << " between stage "
                                 << stage << " and stage " << other << " in @" << name();
      error.attachNote(known.getLoc()) << "the first is here";
      return error;
    }
    known = op;
    return success();
  }

  LogicalResult match() {
    for (auto &[id, message] : messages) {
      auto [from, to, number] = id;
      if (!message.receive)
        return message.send.emitOpError() << "message " << number << " of stage " << from << " in @" << name()
                                          << " is never received: stage " << to << " has no receive of it";
      if (!message.send)
        return message.receive.emitOpError()
               << "message " << number << " from stage " << from << " to stage " << to << " in @" << name()
               << " is never sent: stage " << from << " has no send of it";
      if (message.send.getBufferType() == message.receive.getBufferType())
        continue;
      InFlightDiagnostic error = message.receive.emitOpError()
                                 << "stage " << to << " receives message " << number << " as "
                                 << message.receive.getBufferType() << ", stage " << from << " sends "
                                 << message.send.getBufferType();
      error.attachNote(message.send.getLoc()) << "it is sent here";
      return error;
    }
    return success();
  }

  //===-- the run ---------------------------------------------------------===//

  LogicalResult run() {
    std::deque<int64_t> ready;
    for (size_t stage = 0; stage < stages.size(); ++stage)
      ready.push_back(stage);
    while (!ready.empty()) {
      int64_t stage = ready.front();
      ready.pop_front();
      for (; !isAtEnd(stage) && step(stage, ready); ++next[stage])
        ;
    }
    for (size_t stage = 0; stage < stages.size(); ++stage)
      if (!isAtEnd(stage))
        return complain(stage);
    return success();
  }

  bool isAtEnd(int64_t stage) { return next[stage] == events[stage].size(); }
  Operation *at(int64_t stage) { return events[stage][next[stage]]; }

  /// False where the stage has to wait. Whoever waits for what was done here is ready again.
  bool step(int64_t stage, std::deque<int64_t> &ready) {
    if (auto send = dyn_cast<SendOp>(at(stage))) {
      messages[idOf(stage, send)].isSent = true;
      ready.push_back(send.getTo());
      return true;
    }
    Operation *started = cast<WaitOp>(at(stage)).getStarted().front();
    if (auto send = dyn_cast<SendOp>(started))
      return messages[idOf(stage, send)].isTaken;
    Message &message = messages[idOf(stage, cast<ReceiveOp>(started))];
    if (!message.isSent)
      return false;
    message.isTaken = true;
    ready.push_back(cast<ReceiveOp>(started).getFrom());
    return true;
  }

  /// The stage that a stage waits for.
  int64_t awaited(int64_t stage) {
    Operation *started = cast<WaitOp>(at(stage)).getStarted().front();
    auto send = dyn_cast<SendOp>(started);
    return send ? send.getTo() : cast<ReceiveOp>(started).getFrom();
  }

  std::string wish(int64_t stage) {
    Operation *started = cast<WaitOp>(at(stage)).getStarted().front();
    std::string text;
    llvm::raw_string_ostream stream(text);
    stream << "stage " << stage << " waits here ";
    if (auto send = dyn_cast<SendOp>(started))
      stream << "until stage " << send.getTo() << " takes message " << send.getMessage();
    else
      stream << "for message " << cast<ReceiveOp>(started).getMessage() << " from stage " << awaited(stage);
    return text;
  }

  /// From a stage that waits to those that it waits for, until the circle is closed, or at one that has ended
  /// without taking a message.
  LogicalResult complain(int64_t stage) {
    SmallVector<int64_t> chain;
    for (; !isAtEnd(stage) && !llvm::is_contained(chain, stage); stage = awaited(stage))
      chain.push_back(stage);
    bool isCircle = !isAtEnd(stage);
    if (isCircle)
      chain.erase(chain.begin(), llvm::find(chain, stage));
    InFlightDiagnostic error = at(chain[0])->emitOpError()
                               << "@" << name() << " can't end: " << wish(chain[0]);
    for (int64_t other : ArrayRef(chain).drop_front())
      error.attachNote(at(other)->getLoc()) << wish(other);
    if (!isCircle)
      error.attachNote(stages[stage].getLoc()) << "stage " << stage << " ends without waiting for it";
    return error;
  }

  SmallVector<FuncOp> stages;
  llvm::MapVector<Id, Message, std::map<Id, unsigned>> messages;
  std::vector<SmallVector<Operation *>> events; // by stage: sends, and waits for messages
  SmallVector<size_t> next;                     // by stage: the event at hand
};

struct VerifyStages : exec::impl::VerifyStagesBase<VerifyStages> {
  void runOnOperation() override {
    SmallVector<ModuleOp> stages = pipes::stagesOf(getOperation());
    llvm::SetVector<StringRef> names;
    for (ModuleOp stage : stages)
      for (FuncOp func : stage.getOps<FuncOp>())
        if (func.getEntry())
          names.insert(func.getSymName());
    for (StringRef name : names) {
      SmallVector<FuncOp> entries;
      for (auto [index, stage] : llvm::enumerate(stages)) {
        entries.push_back(stage.lookupSymbol<FuncOp>(name));
        if (!entries.back() || !entries.back().getEntry()) {
          stage.emitError() << "stage " << index << " has no entry @" << name << ", which another has";
          return signalPassFailure();
        }
      }
      if (failed(Entry(entries).verify()))
        return signalPassFailure();
    }
  }
};
} // namespace
