//===- StagePrograms.h - one program becomes one for each stage ------------===//
//
// The ops of a straight-line program are given to stages one by one, in an order in which the whole program
// could run. Where an op reads what another stage has made, a send stands behind what made it and a receive
// in front of the op. So each wait is for something that comes before it in one order of all stages: they
// can't wait in a circle.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/transforms/pipe/Chunks.h"
#include "dialects/pipe/Pipe.h"

#include "mlir/IR/Builders.h"
#include "llvm/ADT/MapVector.h"

namespace pipes {

/// Writes one entry (@step, @eval, @init) for all stages at once.
class StagePrograms {
public:
  /// `funcs`: the entry of each stage, whose arguments are there.
  explicit StagePrograms(llvm::ArrayRef<nn::FuncOp> funcs);

  /// A copy of the program's values: one for each micro-batch, and one for what is done once.
  using Copy = int;
  static constexpr Copy once = -1;

  mlir::OpBuilder &builder(int stage) { return builders[stage]; }
  nn::FuncOp func(int stage) { return funcs[stage]; }

  /// `value` of the program is `mapped` on this stage.
  void map(int stage, Copy copy, mlir::Value value, mlir::Value mapped) {
    known[{{stage, copy}, value}] = mapped;
    homes.try_emplace({copy, value}, stage);
  }
  /// The same for what each stage has of its own: nobody needs to receive it.
  void know(int stage, Copy copy, mlir::Value value, mlir::Value mapped) {
    known[{{stage, copy}, value}] = mapped;
  }
  /// The stage that made a value; -1 where none did.
  int homeOf(Copy copy, mlir::Value value) const {
    auto home = homes.find({copy, value});
    return home == homes.end() ? -1 : home->second;
  }
  /// Ops that cost nothing and are copied to each stage that reads them, beside wiring.
  llvm::DenseSet<mlir::Operation *> isFree;
  /// What `value` is on a stage: known there, copied there (wiring) or received. Null where nothing gives it.
  mlir::Value get(int stage, Copy copy, mlir::Value value);
  /// A value of one stage, on another, or kept on its own; `kind`: its `nn.kind`, or empty.
  mlir::Value move(mlir::Value value, int from, int to, llvm::StringRef kind = {});
  /// Gives `op` to a stage; `operand` says what an operand is there.
  mlir::Operation *run(int stage, Copy copy, mlir::Operation *op,
                       llvm::function_ref<mlir::Value(mlir::OpOperand &)> operand);
  mlir::Operation *run(int stage, Copy copy, mlir::Operation *op) {
    return run(stage, copy, op, [&](mlir::OpOperand &operand) { return get(stage, copy, operand.get()); });
  }
  /// A stage is at another task of its timetable from here on; what it receives in it is posted where the
  /// task before begins, so that it comes while that one computes. Behind the last task, `task` null, where
  /// it is needed.
  void beginTask(int stage, mlir::Operation *task);
  /// What this stage has sent, and others had come to receive when this was last called, may be written again
  /// from here on: stages that are a little late make nobody wait.
  void releaseSent(int stage);
  /// Where values that no op makes come from: arguments of the program.
  std::function<mlir::Value(int stage, Copy copy, mlir::BlockArgument argument)> argument;

  /// Numbers the messages, once all is written.
  void finish();

private:
  using Place = std::pair<int, Copy>;

  llvm::SmallVector<nn::FuncOp> funcs;
  std::vector<mlir::OpBuilder> builders;
  struct Tasks {
    mlir::Operation *before = nullptr, *now = nullptr; // where they begin
  };
  std::vector<Tasks> tasks; // by stage
  llvm::DenseMap<std::pair<Place, mlir::Value>, mlir::Value> known;
  llvm::DenseMap<std::pair<Copy, mlir::Value>, int> homes;       // the stage that made a value
  std::vector<llvm::SmallVector<SendOp>> unreleased, releasable; // by stage
  llvm::SmallVector<std::pair<SendOp, ReceiveOp>> messages;
  llvm::DenseMap<mlir::Operation *, SendOp> waits; // sent -> send
};

} // namespace pipes
