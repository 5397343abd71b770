//===- Interpreter.h - what a program computes, in f64, on all ranks ------===//
//
// In:  a module of nn and dist functions; a mesh; a seed and the data.
// Out: for a function and its arguments, what each rank ends with.
//
// All ranks run in one process in lock-step: each op is evaluated for every rank before the next, so that a
// collective has all it combines. Ranks whose operands are the same buffers share the result; where buffers
// differ each rank computes its own, and after every op ranks that the type says hold the same must do so bit
// for bit.
//
//   Interpreter one(program, Mesh(), {.seed = 1});
//   FailureOr<Data> results = one.run("main", arguments);
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/interpreter/Datum.h"
#include "compiler/interpreter/Mesh.h"
#include "compiler/interpreter/Turns.h"

#include "dialects/nn/Nn.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/STLFunctionalExtras.h"

#include <functional>

namespace shardc::interpreter {

class Interpreter;

/// Evaluates one op for all ranks at once.
using Handler =
    std::function<llvm::FailureOr<Data>(Interpreter &, mlir::Operation *, llvm::ArrayRef<Datum> operands)>;

/// Which op is evaluated how; ops that are not here answer EvaluateOpInterface rank by rank.
class Handlers {
public:
  template <typename Op>
  void add(llvm::FailureOr<Data> (*handler)(Interpreter &, Op, llvm::ArrayRef<Datum>)) {
    set(Op::getOperationName(),
        [handler](Interpreter &interpreter, mlir::Operation *op, llvm::ArrayRef<Datum> operands) {
          return handler(interpreter, mlir::cast<Op>(op), operands);
        });
  }
  void set(llvm::StringRef name, Handler handler) { table[name] = std::move(handler); }
  const Handler *find(llvm::StringRef name) const {
    auto found = table.find(name);
    return found == table.end() ? nullptr : &found->second;
  }

private:
  llvm::StringMap<Handler> table;
};

/// The handlers of every dialect that the interpreter knows.
Handlers allHandlers();

/// A value of the data: input `name`, global number of the sample, index within the sample.
using Inputs = std::function<double(llvm::StringRef name, int64_t sample, int64_t index)>;

struct Options {
  uint64_t seed = 0;
  Inputs inputs;
  Handlers handlers = allHandlers();
  bool checkReplicas = true;
};

class Interpreter {
public:
  Interpreter(mlir::ModuleOp module, Mesh mesh, Options options);

  /// Results of a function; arguments lie as its argument types say. A failure has been reported at the op.
  llvm::FailureOr<Data> run(llvm::StringRef function, llvm::ArrayRef<Datum> arguments);

  /// The same piece by piece, for a program that is a stage of a pipeline: `resume` goes on until the
  /// function has ended or waits for another stage, with which it shares `messages`.
  llvm::LogicalResult begin(llvm::StringRef function, llvm::ArrayRef<Datum> arguments,
                            Messages<Datum> &messages);
  llvm::FailureOr<Turn> resume();
  /// Of the function that was begun and has ended.
  Data results();
  /// A value in its body.
  const Datum &valueOf(mlir::Value value) const;

  /// What a block's terminator is handed when its arguments are `arguments`: for handlers of ops with
  /// regions.
  llvm::FailureOr<Data> runBlock(mlir::Block &block, llvm::ArrayRef<Datum> arguments);

  const Mesh &getMesh() const { return mesh; }
  mlir::ModuleOp getModule() const { return module; }

private:
  llvm::FailureOr<nn::FuncOp> functionFor(llvm::StringRef name, llvm::ArrayRef<Datum> arguments);
  void enter(mlir::Block &block, llvm::ArrayRef<Datum> arguments);
  llvm::LogicalResult runOp(mlir::Operation *op);
  Data operandsOf(mlir::Operation *op) const;
  llvm::FailureOr<Turn> receiveFor(mlir::Operation *op);
  llvm::FailureOr<Datum> received(mlir::Value value, const Datum &contents);
  llvm::FailureOr<Data> evaluate(mlir::Operation *op, llvm::ArrayRef<Datum> operands);
  llvm::FailureOr<Data> evaluateRankByRank(mlir::Operation *op, llvm::ArrayRef<Datum> operands);
  llvm::LogicalResult checkResult(mlir::Value value, Datum &datum);

  using Scope = llvm::DenseMap<mlir::Value, Datum>;

  mlir::ModuleOp module;
  Mesh mesh;
  Options options;
  llvm::StringMap<mlir::Operation *> functions;
  std::vector<Scope> scopes; // of the blocks being run, innermost last
  std::string whyNot;        // why the module's types can't lie on the mesh

  // Of the function that was begun.
  mlir::Operation *next = nullptr;
  Messages<Datum> *messages = nullptr;
  llvm::MapVector<mlir::Value, MessageId> awaited; // received, but not used yet
};

/// A datum of an integer or float scalar, the same on all ranks.
Datum scalarDatum(const Mesh &mesh, double value);

} // namespace shardc::interpreter
