//===- LowerFunction.h - one function, from values to destinations --------===//
//
// A block is lowered in three sweeps. Forwards, accumulators are followed: the result of `acc + x`, of a call
// that takes an accumulator and returns it, lies where the accumulator lies (`storage`), and x's producer may
// add there itself (`addsInto`). Backwards, from what the block returns or stacks, producers learn where
// their results are wanted (`wanted`). Forwards again, ops are emitted; what has no place yet gets a buffer
// of its own or, where an operand dies there, the operand's.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/transforms/exec/LowerLeaves.h"
#include "compiler/transforms/exec/LowerTypes.h"

#include "dialects/pipe/Pipe.h"

#include "mlir/IR/Builders.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringMap.h"

namespace exec {

/// For each result of a function the argument whose memory it shares, or -1: results and arguments of one
/// kind and type, in order.
llvm::SmallVector<int> tiesOf(nn::FuncOp func);

/// What all functions of a program share.
struct ProgramLowering {
  explicit ProgramLowering(mlir::ModuleOp module) : module(module), types(module), symbols(module) {}

  nn::FuncOp calleeOf(nn::CallOp call) { return symbols.lookup<nn::FuncOp>(call.getCallee()); }
  /// A name for a kernel that no other has.
  mlir::StringAttr kernelName(llvm::StringRef function, mlir::Operation *op);
  /// The global of this name, made on first use where the globals stand.
  GlobalOp global(llvm::StringRef name, llvm::StringRef kind, mlir::Type type, mlir::Location loc);

  GlobalOp inputGlobal(llvm::StringRef name, nn::NamedTensorType type, mlir::Location loc);

  mlir::ModuleOp module;
  TypeLowering types;
  mlir::SymbolTable symbols; // of the nn functions
  llvm::StringMap<int> kernelNames;
  llvm::StringMap<GlobalOp> globals;
  GlobalOp lastGlobal;
};

/// Where a leaf that leaves a block has to lie, and the leaf of the block's arguments whose memory that is.
struct Target {
  mlir::Value pointer;
  std::optional<Leaf> replaces;
};
using Targets = llvm::SmallVector<llvm::SmallVector<Target>>; // by operand of the terminator, by leaf

class FunctionLowering {
public:
  FunctionLowering(ProgramLowering &program, nn::FuncOp func);
  mlir::LogicalResult run();

private:
  using Op = mlir::Operation;

  // LowerFunction.cpp: signature, blocks, calls, loops
  void declare();
  mlir::LogicalResult lowerBlock(mlir::Block &block, const Targets &targets);
  mlir::LogicalResult lowerOp(Op *op);
  void lowerCall(nn::CallOp op);
  mlir::LogicalResult lowerLoop(nn::LoopOp op);

  // LowerEntries.cpp: globals for the arguments and results of entries
  mlir::LogicalResult declareEntry();
  void finishEntry();
  void lowerInput(nn::InputOp op);
  void wantGradients(nn::CallOp update);

  // LowerPlaces.cpp: where values lie
  void followStorage();
  void wantDestinations(const Targets &targets);
  void wantParts(Op *op, mlir::Value whole);
  bool want(Leaf leaf, mlir::Value pointer, std::optional<Leaf> replaced = {});
  void wantOrCopy(Leaf leaf, mlir::Value pointer, std::optional<Leaf> replaced = {});
  mlir::Value placeOf(Leaf result, llvm::ArrayRef<Leaf> mayReuse = {});
  bool diesAt(Leaf leaf, Op *op) const { return uses->last(leaf) == uses->position(op); }

  // LowerCompute.cpp, LowerAttention.cpp, LowerRanks.cpp
  void lowerContract(nn::ContractOp op);
  void lowerProduct(nn::ContractOp op);
  void lowerMap(nn::MapOp op);
  void lowerReduce(nn::ReduceOp op);
  void lowerGather(nn::GatherOp op);
  void lowerScatterAdd(nn::ScatterAddOp op);
  mlir::LogicalResult lowerAttention(nn::AttentionOp op);
  mlir::LogicalResult lowerAttentionBackward(nn::AttentionBackwardOp op);
  void lowerRope(nn::RopeOp op);
  void lowerIota(nn::IotaOp op);
  void lowerRandom(nn::RandomOp op);
  void lowerDropout(nn::DropoutOp op);
  void lowerCollective(Op *op, CollectiveKind kind, mlir::ArrayAttr over, llvm::StringRef from,
                       llvm::StringRef to, Fold fold);
  void lowerMask(dist::MaskOp op);

  // LowerMessages.cpp: between stages
  void lowerSend(pipes::SendOp op);
  void lowerSent(pipes::SentOp op);
  void lowerReceive(pipes::ReceiveOp op);
  /// Waits for what the op, or something it holds, is the first to use.
  void awaitOperands(Op *op);
  void awaitAll();
  void await(Leaf leaf);

  // LowerMoves.cpp: views
  void lowerView(Op *op);
  mlir::Value viewOf(mlir::Value pointer, BufferType type, RankAttr start, mlir::Location loc);
  mlir::Value renamed(mlir::Value pointer, mlir::StringAttr from, mlir::StringAttr to, mlir::Location loc);
  mlir::Value splitView(mlir::Value pointer, mlir::StringAttr axis, BufferType parts, mlir::ArrayAttr names,
                        mlir::Location loc);
  mlir::Value mergedView(mlir::Value pointer, mlir::ArrayAttr parts, mlir::StringAttr axis,
                         mlir::Location loc);
  mlir::Value indexView(mlir::Value pointer, mlir::StringAttr axis, int64_t index, mlir::Location loc);
  mlir::Value partView(mlir::Value pointer, mlir::StringAttr axis, mlir::StringAttr part, int64_t first,
                       int64_t size, mlir::Location loc);
  mlir::Value alikeOnRanks(mlir::Value pointer, mlir::Location loc);
  void copy(mlir::Value from, mlir::Value to, mlir::Location loc);

  // Pointers
  mlir::Value at(mlir::Value value) { return where.lookup(resolve(value)); }
  BufferType typeAt(mlir::Value value) { return mlir::cast<BufferType>(at(value).getType()); }
  /// The leaves of a struct pointer, as fields.
  llvm::SmallVector<mlir::Value> pointersOf(mlir::Value pointer);
  /// One pointer of `type` for these leaves: the struct that they are fields of, or a new pack.
  mlir::Value bundled(mlir::Type type, llvm::ArrayRef<mlir::Value> &leaves, mlir::Location loc);
  mlir::Value newBuffer(mlir::Type type, mlir::Location loc);
  void kernel(Op *op, llvm::ArrayRef<mlir::Value> inputs, llvm::ArrayRef<mlir::Value> outputs,
              llvm::ArrayRef<Store> stores, llvm::ArrayRef<mlir::StringAttr> order,
              llvm::function_ref<llvm::SmallVector<mlir::Value>(mlir::OpBuilder &, mlir::ValueRange)> body);

  ProgramLowering &program;
  TypeLowering &types;
  nn::FuncOp func;
  FuncOp lowered;
  mlir::OpBuilder builder;
  bool isEntry = false;

  llvm::DenseMap<Leaf, mlir::Value> where;    // lowered leaves
  llvm::DenseMap<Leaf, mlir::Value> storage;  // leaves that share an argument's or a carried value's memory
  llvm::DenseMap<Leaf, mlir::Value> addsInto; // leaves whose producer adds to an accumulator
  llvm::DenseMap<Leaf, mlir::Value> wanted;   // leaves whose producer writes where the value is needed
  llvm::DenseSet<Leaf> ownBuffers;            // leaves in a buffer of their own, which may be reused
  llvm::DenseSet<Leaf> accumulators;          // leaves that are only ever added to
  llvm::DenseMap<mlir::Value, mlir::Value> keys;
  llvm::DenseMap<std::pair<int64_t, int64_t>, mlir::Value> sent; // tokens, by stage and message
  struct Arriving {
    mlir::Value token, buffer;
  };
  llvm::MapVector<Leaf, Arriving> arriving; // received, but not waited for yet
  Targets results;
  mlir::Block *block = nullptr; // the one at hand
  LeafUses *uses = nullptr;     // in it
  struct Copy {
    Leaf from;
    mlir::Value to;
  };
  llvm::SmallVector<Copy> copies;                           // before the block's terminator
  llvm::DenseMap<Op *, llvm::SmallVector<Copy>> partCopies; // at a stack or concat
};

} // namespace exec
