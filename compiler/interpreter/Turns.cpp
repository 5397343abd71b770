//===- Turns.cpp - stages of a pipeline, each for as long as messages allow ===//

#include "compiler/interpreter/Turns.h"

#include "mlir/IR/Diagnostics.h"

using namespace mlir;
using namespace shardc::interpreter;

Waiting shardc::interpreter::waitingToReceive(Operation *op, MessageId id) {
  return {op, "message " + std::to_string(id.number) + " from stage " + std::to_string(id.from)};
}

Waiting shardc::interpreter::waitingToBeTaken(Operation *op, MessageId id) {
  return {op, "stage " + std::to_string(id.to) + " to take message " + std::to_string(id.number)};
}

LogicalResult shardc::interpreter::runInTurn(size_t stages,
                                             function_ref<FailureOr<Turn>(size_t stage)> resume) {
  std::vector<Turn> last(stages);
  std::vector<bool> hasEnded(stages, false);
  while (llvm::is_contained(hasEnded, false)) {
    bool anyWentOn = false;
    for (size_t stage = 0; stage < stages; ++stage) {
      if (hasEnded[stage])
        continue;
      FailureOr<Turn> turn = resume(stage);
      if (failed(turn))
        return failure();
      anyWentOn |= *turn != last[stage] || !*turn;
      hasEnded[stage] = !*turn;
      last[stage] = std::move(*turn);
    }
    if (anyWentOn)
      continue;
    size_t first = llvm::find(hasEnded, false) - hasEnded.begin();
    auto wish = [&](size_t stage) {
      return "stage " + std::to_string(stage) + " waits for " + last[stage]->what;
    };
    InFlightDiagnostic error = last[first]->op->emitOpError() << "no stage can go on: " << wish(first);
    for (size_t stage = first + 1; stage < stages; ++stage)
      if (!hasEnded[stage])
        error.attachNote(last[stage]->op->getLoc()) << wish(stage);
    return error;
  }
  return success();
}
