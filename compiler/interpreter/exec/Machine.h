//===- Machine.h - what an op of an exec program runs on ------------------===//
//
// The Machine is shared by all ranks: memory, mesh, seed. A Work is one op on one rank: it reads whole
// buffers, computes on plain arrays, and writes whole buffers.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/interpreter/Mesh.h"
#include "compiler/interpreter/exec/Memory.h"

#include "dialects/exec/Exec.h"
#include "runtime/kernels/Philox.h"

#include "llvm/ADT/DenseMap.h"

#include <memory>

namespace shardc::interpreter {

struct Transfer;

/// What an SSA value is while the program runs: a pointer, a struct of them, a random key on each rank, or a
/// movement under way.
struct Handle {
  Pointer pointer;
  std::vector<Handle> fields;
  std::vector<rt::Key> keys;
  std::shared_ptr<Transfer> transfer;
};

using Scope = llvm::DenseMap<mlir::Value, Handle>;

struct Machine {
  Machine(Mesh mesh, uint64_t seed) : mesh(std::move(mesh)), memory(this->mesh.numRanks()), seed(seed) {}

  int64_t numRanks() const { return mesh.numRanks(); }
  /// A number that differs between ranks.
  int64_t valueOf(exec::RankAttr number, int64_t rank) const;

  Mesh mesh;
  Memory memory;
  uint64_t seed;
};

/// One op on one rank.
class Work {
public:
  Work(Machine &machine, const Scope &scope, mlir::Operation *op, int64_t rank)
      : machine(machine), scope(scope), op(op), rank(rank) {}

  llvm::FailureOr<Image> read(mlir::Value buffer) {
    return machine.memory.read(op, pointerOf(buffer), typeOf(buffer), rank);
  }
  llvm::LogicalResult write(mlir::Value buffer, const Image &image) {
    return machine.memory.write(op, pointerOf(buffer), typeOf(buffer), rank, image);
  }
  /// What an op that writes all of a buffer starts from.
  static Image blank(mlir::Value buffer, double value = 0) {
    return Image(typeOf(buffer).getExtent(), value);
  }

  int64_t number(exec::RankAttr attribute) const { return machine.valueOf(attribute, rank); }
  int64_t number(std::optional<exec::RankAttr> attribute) const { return attribute ? number(*attribute) : 0; }
  rt::Key key(mlir::Value value) const { return scope.find(value)->second.keys[rank]; }
  uint64_t seed() const { return machine.seed; }
  const Mesh &mesh() const { return machine.mesh; }
  int64_t getRank() const { return rank; }

private:
  const Pointer &pointerOf(mlir::Value value) const { return scope.find(value)->second.pointer; }
  static exec::BufferType typeOf(mlir::Value value) { return mlir::cast<exec::BufferType>(value.getType()); }

  Machine &machine;
  const Scope &scope;
  mlir::Operation *op;
  int64_t rank;
};

/// How an op that works on each rank by itself is evaluated; null for other ops.
using Evaluation = llvm::LogicalResult (*)(Work &work, mlir::Operation *op);
Evaluation evaluationOf(mlir::Operation *op);

//===-- the ops ------------------------------------------------------------===//

llvm::LogicalResult evaluate(Work &work, exec::GemmOp op);
llvm::LogicalResult evaluate(Work &work, exec::KernelOp op);
llvm::LogicalResult evaluate(Work &work, exec::GatherOp op);
llvm::LogicalResult evaluate(Work &work, exec::ScatterAddOp op);
llvm::LogicalResult evaluate(Work &work, exec::AttentionOp op);
llvm::LogicalResult evaluate(Work &work, exec::AttentionBackwardOp op);
llvm::LogicalResult evaluate(Work &work, exec::RopeOp op);
llvm::LogicalResult evaluate(Work &work, exec::IotaOp op);
llvm::LogicalResult evaluate(Work &work, exec::RandomOp op);
llvm::LogicalResult evaluate(Work &work, exec::DropoutOp op);
llvm::LogicalResult evaluate(Work &work, exec::CopyOp op);
llvm::LogicalResult evaluate(Work &work, exec::MaskOp op);

} // namespace shardc::interpreter
