//===- Layouts.h - where every value and op of a function lies ------------===//
//
// Reads the plan for one function after another, callees first, without changing the program. For each op it
// finds the types that its operands must have and the types that its results then have; and which partial
// values are reduced right after their producer.
//
// A partial value is carried on only where that costs nothing: into accumulators, through movers and sums of
// partials alike. Which values can be carried depends on their users, so a function is read until no further
// value turns out to need reducing and no accumulator to be partial over more: both only grow.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/transforms/dist/Accumulators.h"
#include "dialects/dist/Dist.h"

namespace dist {

/// Types that an op's operands must have (null: as they are), and that its results have.
struct OpLayout {
  llvm::SmallVector<mlir::Type> operands, results;
};

/// Mesh axes that an accumulator is partial over.
using MeshSet = llvm::SmallSetVector<mlir::StringAttr, 2>;

/// What callers see of a placed function.
struct Signature {
  llvm::SmallVector<mlir::Type> arguments, results;
  llvm::SmallVector<AccumulatorLink> links;
};

class ModuleLayouts;

/// The layouts of one function.
class FunctionLayouts {
public:
  FunctionLayouts(nn::FuncOp func, ModuleLayouts &module);
  mlir::LogicalResult infer();

  nn::FuncOp func;
  Signature signature;
  llvm::DenseMap<mlir::Operation *, OpLayout> ops;
  /// Values that are reduced right after their producer, to the layout of their own names.
  llvm::DenseSet<mlir::Value> reduced;
  mlir::Type typeWhereProduced(mlir::Value value) const { return produced.lookup(value); }
  /// The type in the layout that the names of its axes give it; null after an error.
  mlir::Type canonical(mlir::Type type, llvm::StringRef kind);
  llvm::StringRef kindOf(mlir::Value value) const { return kinds.lookup(value); }

private:
  mlir::LogicalResult inferOnce();
  mlir::LogicalResult visit(mlir::Operation *op);
  mlir::LogicalResult visitBlock(mlir::Block &block);
  mlir::LogicalResult visitUnpack(nn::UnpackOp unpack);
  mlir::LogicalResult visitPack(nn::PackOp pack);
  mlir::LogicalResult visitCall(nn::CallOp call);
  mlir::LogicalResult visitLoop(nn::LoopOp loop);
  mlir::LogicalResult visitYield(nn::LoopOp loop, mlir::Operation *yield);
  mlir::LogicalResult visitReturn(nn::ReturnOp op);
  mlir::LogicalResult visitOther(mlir::Operation *op);
  mlir::LogicalResult visitAccumulation(nn::MapOp map);
  mlir::LogicalResult visitLayoutOp(nn::LayoutOpInterface op);

  /// Tries to run the op on its operands as they are, all partial alike.
  bool carry(nn::LayoutOpInterface op, llvm::StringRef kind);
  /// Tries a linear function of scalars: those that are not partial are masked.
  bool carryScalars(nn::LayoutOpInterface op);
  bool inferOn(nn::LayoutOpInterface op, const nn::Placement &space, nn::PartialAttr partial,
               nn::EmitError error);

  /// The type that users of a value see.
  mlir::Type available(mlir::Value value);
  /// Sets the type of a value where it is produced.
  void produce(mlir::Value value, mlir::Type type, llvm::StringRef kind);
  /// The user can't take the value's partial: it must be reduced.
  void reduce(mlir::Value value);
  /// Reduces `value` unless `wanted` is partial in the same way.
  void need(mlir::Value value, mlir::Type wanted);
  bool usersMayCarry(mlir::Value value);

  mlir::FailureOr<nn::Placement> place(llvm::ArrayRef<nn::AxisAttr> axes, llvm::StringRef kind,
                                       llvm::ArrayRef<mlir::StringAttr> taken = {});
  /// The layout of an accumulator's field, or of a fresh contribution that crosses a function's edge.
  nn::NamedTensorType partialAtEdge(nn::NamedTensorType type, llvm::StringRef kind,
                                    llvm::ArrayRef<mlir::StringAttr> mesh);
  nn::NamedTensorType accumulatorType(nn::NamedTensorType type, int id);
  mlir::Type edgeType(mlir::Value value, llvm::StringRef kind);
  mlir::Type contributionType(mlir::Value value, llvm::StringRef kind);
  void agreeOnAccumulators(nn::CallOp call, FunctionLayouts &callee);
  void growAccumulator(int id, nn::NamedTensorType contribution);
  /// The kind of an op at rest: that of its operands where all rest, or "".
  llvm::StringRef kindOfOp(mlir::Operation *op);
  llvm::StringRef kindOfUse(mlir::Value value);

  ModuleLayouts &module;
  Accumulators accumulators;
  llvm::SmallVector<MeshSet> partialOver; // of each accumulator
  llvm::DenseMap<mlir::Value, mlir::Type> produced;
  llvm::DenseMap<mlir::Value, llvm::StringRef> kinds;
  mlir::Operation *current = nullptr; // for errors
  bool grew = false;
};

/// The layouts of all functions.
class ModuleLayouts {
public:
  ModuleLayouts(mlir::ModuleOp module, PlanAttr plan) : module(module), plan(plan) {}
  mlir::LogicalResult infer();

  /// Callees before callers.
  llvm::SmallVector<nn::FuncOp> inOrder();
  FunctionLayouts *find(nn::FuncOp func) { return functions[func].get(); }
  FunctionLayouts *calleeOf(nn::CallOp call);
  bool isCalled(nn::FuncOp func) const { return called.contains(func); }

  mlir::ModuleOp module;
  PlanAttr plan;
  /// Mesh axes that callers need an accumulator of the function to be partial over, besides its own.
  llvm::DenseMap<std::pair<mlir::Operation *, std::pair<unsigned, unsigned>>, MeshSet> widened;
  bool widenedAgain = false;
  /// What is known already: layouts by names, for the levels of a kind; and partial over mesh axes besides.
  llvm::DenseMap<std::pair<mlir::Type, const void *>, mlir::Type> canonicalTypes;
  llvm::DenseMap<std::pair<mlir::Type, mlir::Attribute>, nn::NamedTensorType> partialTypes;

private:
  llvm::DenseMap<nn::FuncOp, std::unique_ptr<FunctionLayouts>> functions;
  llvm::DenseMap<mlir::StringAttr, nn::FuncOp> symbols;
  llvm::DenseSet<mlir::Operation *> called;
};

} // namespace dist
