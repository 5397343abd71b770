//===- Kernels.h - one kernel as text --------------------------------------===//
//
// Each output that folds gets a nest of its own; the others share one, which stands last because it may
// overwrite inputs. Scalars stand at the depth at which they are known.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/codegen/Scalars.h"
#include "compiler/codegen/Work.h"

namespace shardc::codegen {

class KernelPrinter {
public:
  KernelPrinter(exec::KernelOp op, Work &work);
  mlir::LogicalResult print();

private:
  /// The nest of some of the op's loops in this order, and how its loops are numbered in the op.
  struct Order {
    Nest nest;
    llvm::SmallVector<int> from; ///< the op's loop, or -1
    Strides strides(llvm::ArrayRef<int64_t> ofOp) const {
      return llvm::map_to_vector<4>(from, [&](int loop) { return loop < 0 ? 0 : ofOp[loop]; });
    }
  };
  struct Staged {
    llvm::SmallVector<Statement> statements;
    llvm::SmallVector<Expression> results;
  };

  Strides stridesOf(size_t operand) const {
    return llvm::map_to_vector<4>(loops, [&](exec::LoopAttr loop) { return loop.getStrides()[operand]; });
  }
  Strides stridesOfOutput(size_t output) const { return stridesOf(inputs.size() + output); }
  bool folds(size_t output) const {
    return op.getStore(output) != exec::Store::write && llvm::is_contained(stridesOfOutput(output), 0);
  }
  bool isMax(size_t output) const { return op.getStore(output) == exec::Store::max; }
  mlir::Type typeOf(size_t output) const {
    return mlir::cast<exec::BufferType>(op.getOutputs()[output].getType()).getElementType();
  }

  Order order(llvm::ArrayRef<int> indices) const;
  mlir::FailureOr<Staged> stage(const Order &order, llvm::ArrayRef<size_t> wanted);
  std::string neutral(size_t output) const;
  std::string fold(size_t output, const std::string &into, const Expression &value) const;
  std::string store(const Order &order, size_t output, const std::string &value) const;

  mlir::LogicalResult printPointwise(llvm::ArrayRef<size_t> which);
  mlir::LogicalResult printFold(size_t output);
  mlir::LogicalResult printRowFold(size_t output, llvm::ArrayRef<int> kept, llvm::ArrayRef<int> folded);
  mlir::LogicalResult printWholeFold(size_t output, llvm::ArrayRef<int> kept, llvm::ArrayRef<int> folded);
  mlir::LogicalResult printColumnFold(size_t output, llvm::ArrayRef<int> kept, llvm::ArrayRef<int> folded);

  mutable exec::KernelOp op; // a handle, whose accessors are not const
  Work &work;
  llvm::SmallVector<exec::LoopAttr> loops;
  llvm::SmallVector<std::string> inputs, outputs;
};

} // namespace shardc::codegen
