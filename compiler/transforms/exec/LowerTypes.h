//===- LowerTypes.h - what a rank holds of a placed type ------------------===//
#pragma once

#include "dialects/dist/Dist.h"
#include "dialects/exec/Exec.h"

#include "llvm/ADT/StringMap.h"

namespace exec {

/// Types and numbers of one rank, from types with placements. The order of a tensor's axes is its order in
/// memory (exec-layout).
class TypeLowering {
public:
  explicit TypeLowering(mlir::ModuleOp module);

  /// A tensor becomes a dense local buffer, a bundle a struct, a key a key.
  mlir::Type lower(mlir::Type type);
  BufferType buffer(nn::NamedTensorType type);

  int64_t localSize(nn::AxisAttr axis) const;
  int64_t sizeOf(llvm::ArrayRef<mlir::StringAttr> meshAxes) const;
  int64_t sizeOf(mlir::ArrayAttr meshAxes) const;

  /// This rank's number in its group along `meshAxes` (major first), times `factor`.
  RankAttr place(llvm::ArrayRef<mlir::StringAttr> meshAxes, int64_t factor) const;
  /// The global index of this rank's first element along `axis`, times `factor`.
  RankAttr start(nn::AxisAttr axis, int64_t factor = 1) const {
    return place(axis.getMesh(), localSize(axis) * factor);
  }
  RankAttr add(RankAttr a, RankAttr b) const;

  MeshAttr getMesh() const { return mesh; }

private:
  mlir::MLIRContext *context;
  MeshAttr mesh; // of size 1 axes too
  llvm::DenseMap<mlir::Type, mlir::Type> structs;
  llvm::StringMap<int> namesTaken;
};

/// A buffer type whose strides are numbers of something else than memory: the global index of an element.
/// `axes` in the order of numbering, those named `without` left out.
BufferType numbering(TypeLowering &types, nn::NamedTensorType type, llvm::ArrayRef<mlir::StringAttr> order,
                     llvm::StringRef without, RankAttr &start);

} // namespace exec
