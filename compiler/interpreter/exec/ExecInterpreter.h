//===- ExecInterpreter.h - runs an exec program on all ranks, in f64 ------===//
//
// In:  a module of exec functions, with its mesh; a seed; the inputs.
// Out: what the globals hold on each rank after an entry has run.
//
// All ranks run in one process in lock-step, op by op. Memory knows what was written, by whom, and whose
// bytes they are: an overlap, a stale buffer, a wrong row or a collective that is not waited for is an error
// at the op that meets it. Without a memory plan (no offsets) every buffer has bytes of its own.
//
//   ExecInterpreter program(module, /*seed=*/1);
//   program.setInputs([](StringRef, int64_t sample, int64_t index) { return double(text[sample * length +
//   index]); }); program.run("init"), program.run("step", 0); FailureOr<NamedValues> weights =
//   program.tensors("parameter");
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/interpreter/Training.h"
#include "compiler/interpreter/Turns.h"
#include "compiler/interpreter/exec/Lifetimes.h"
#include "compiler/interpreter/exec/Machine.h"

#include "mlir/IR/BuiltinOps.h"

namespace shardc::interpreter {

/// What each rank sends to the rank of another stage at its place.
struct Parcel {
  exec::BufferType type;
  std::vector<Image> images; // by rank
};

class ExecInterpreter {
public:
  /// `stage` numbers the program where it is one of several.
  ExecInterpreter(mlir::ModuleOp module, uint64_t seed, int64_t stage = 0);

  void setInputs(Inputs newInputs) { inputs = std::move(newInputs); }
  mlir::ModuleOp getModule() const { return module; }

  /// Runs an entry as the runtime does: @step with the step's number, its first sample and all its inputs,
  /// @eval with the inputs of its first slot. A failure has been reported at the op.
  llvm::LogicalResult run(llvm::StringRef entry, int64_t step = 0);

  /// The same piece by piece: `resume` goes on until the entry has ended or waits for another stage, with
  /// which it shares `messages`.
  llvm::LogicalResult begin(llvm::StringRef entry, int64_t step, Messages<Parcel> &messages);
  llvm::FailureOr<Turn> resume();

  /// The whole tensors of all globals of one kind (`parameter`, `gradient`, `optimizer_state`), under the
  /// names that Training gives them; replicas must agree.
  llvm::FailureOr<NamedValues> tensors(llvm::StringRef kind);
  llvm::FailureOr<NamedValues> tensorsOf(exec::GlobalOp global);
  llvm::LogicalResult writeTensors(llvm::StringRef kind, const NamedValues &values);
  /// Whether all of a global is written on all ranks.
  bool isWritten(exec::GlobalOp global);
  /// `loss`, `count`, `grad_norm` or `learning_rate`, the same on all ranks.
  llvm::FailureOr<double> scalar(llvm::StringRef kind);

  /// What one rank's buffer holds, by offset: of a global, or of a field, `parameters.h.0.norm.weight`.
  llvm::FailureOr<Image> elements(llvm::StringRef path, int64_t rank);
  llvm::LogicalResult setElements(llvm::StringRef path, int64_t rank, const Image &image);

private:
  struct Activation {
    const Lifetimes &lifetimes;
    std::optional<int64_t> frame; // its address
    int64_t frameBytes;
    Scope scope;
  };

  struct Found {
    exec::GlobalOp global;
    Pointer pointer;
    exec::BufferType type;
  };
  llvm::FailureOr<Found> find(llvm::StringRef path);

  llvm::LogicalResult prepare();
  llvm::LogicalResult call(exec::FuncOp function, std::optional<int64_t> frame, Scope arguments);
  llvm::LogicalResult runBlock(Activation &activation, mlir::Block &block);
  llvm::LogicalResult runAndEnd(Activation &activation, mlir::Operation *op);
  llvm::LogicalResult runOp(Activation &activation, mlir::Operation *op);
  llvm::LogicalResult runCall(Activation &activation, exec::CallOp op);
  llvm::LogicalResult startCall(Activation &activation, exec::CallOp op, std::optional<int64_t> frame,
                                int64_t frameBytes);
  llvm::LogicalResult runLoop(Activation &activation, exec::LoopOp op);
  llvm::LogicalResult runSend(Activation &activation, exec::SendOp op);
  llvm::LogicalResult runReceive(Activation &activation, exec::ReceiveOp op);
  llvm::FailureOr<Turn> awaitMessage(Activation &activation, exec::WaitOp op);
  llvm::LogicalResult runBuffer(Activation &activation, exec::BufferOp op);
  llvm::LogicalResult runView(Activation &activation, exec::ViewOp op);
  llvm::LogicalResult runInput(Activation &activation, exec::InputOp op);
  llvm::LogicalResult runKey(Activation &activation, exec::KeyOp op);
  llvm::LogicalResult runRankByRank(Activation &activation, mlir::Operation *op);
  llvm::FailureOr<std::vector<int64_t>> readScalars(Activation &activation, mlir::Operation *op,
                                                    mlir::Value scalar);

  llvm::LogicalResult checkArena();
  llvm::LogicalResult placeGlobals();
  int64_t samplesPerStep();
  llvm::LogicalResult writeRuntimeScalars(int64_t step);
  llvm::LogicalResult writeInput(exec::GlobalOp global, int64_t firstSample, bool onlyFirstSlot);

  mlir::ModuleOp module;
  Machine machine;
  Inputs inputs;
  bool isPrepared = false;
  llvm::StringMap<Handle> globals;
  llvm::DenseMap<mlir::Operation *, Lifetimes> lifetimes;
  int64_t behind = 0; // the first address that nobody has

  int64_t stage;
  // Of the entry that was begun.
  std::optional<Activation> entry;
  mlir::Operation *next = nullptr;
  int64_t behindBefore = 0;
  Messages<Parcel> *messages = nullptr;
};

/// The handle of a buffer or struct that begins at an address.
Handle handleAt(mlir::Type type, int64_t address, LifeId life, const std::string &name, int64_t ranks);

} // namespace shardc::interpreter
