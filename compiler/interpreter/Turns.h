//===- Turns.h - stages of a pipeline, each for as long as messages allow --===//
//
// Stages are programs of their own that meet in messages. One after the other goes on until it has ended or
// waits for what another has yet to do; so a run is the same each time, and where no stage can go on, that is
// an error that says what each waits for.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "mlir/IR/Operation.h"
#include "llvm/ADT/STLFunctionalExtras.h"

#include <map>
#include <optional>
#include <string>

namespace shardc::interpreter {

/// A message of one entry: from which stage to which, and its number.
struct MessageId {
  int64_t from, to, number;

  auto operator<=>(const MessageId &) const = default;
};

/// What has been sent while an entry runs.
template <typename Contents> class Messages {
public:
  /// False where this message was sent before.
  bool send(MessageId id, Contents contents) {
    return sent.insert({id, {std::move(contents), false}}).second;
  }
  /// Null while it was not sent.
  const Contents *take(MessageId id) {
    auto found = sent.find(id);
    if (found == sent.end())
      return nullptr;
    found->second.isTaken = true;
    return &found->second.contents;
  }
  bool isTaken(MessageId id) const {
    auto found = sent.find(id);
    return found != sent.end() && found->second.isTaken;
  }

private:
  struct Entry {
    Contents contents;
    bool isTaken;
  };
  std::map<MessageId, Entry> sent;
};

/// Where a stage can't go on, and what it waits for: `message 3 from stage 0`.
struct Waiting {
  mlir::Operation *op;
  std::string what;

  bool operator==(const Waiting &) const = default;
};
/// What a stage says at the end of its turn: nothing when it has ended.
using Turn = std::optional<Waiting>;

Waiting waitingToReceive(mlir::Operation *op, MessageId id);
Waiting waitingToBeTaken(mlir::Operation *op, MessageId id);

/// Lets all stages run to their end. A failure has been reported.
llvm::LogicalResult runInTurn(size_t stages, llvm::function_ref<llvm::FailureOr<Turn>(size_t stage)> resume);

} // namespace shardc::interpreter
