//===- Mesh.h - ranks, their coordinates, and what each holds -------------===//
//
// Rank r has row-major coordinates in the mesh, the first axis slowest: neighbours along the last axis are
// neighbours in rank. A program of one device has the mesh without axes.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "dialects/nn/Evaluate.h"

#include <string>

namespace shardc::interpreter {

struct MeshAxis {
  std::string name;
  int64_t size;
};

class Mesh {
public:
  Mesh() = default;
  explicit Mesh(std::vector<MeshAxis> axes) : axes(std::move(axes)) {}

  const std::vector<MeshAxis> &getAxes() const { return axes; }
  int64_t numRanks() const;
  bool has(llvm::StringRef axis) const;
  int64_t coordinate(int64_t rank, llvm::StringRef axis) const;

  /// Ranks along several mesh axes together, and which of them `rank` is: the first axis is major.
  int64_t size(llvm::ArrayRef<mlir::StringAttr> along) const;
  int64_t index(int64_t rank, llvm::ArrayRef<mlir::StringAttr> along) const;
  /// The ranks that differ from `rank` along these mesh axes at most, by their index.
  llvm::SmallVector<int64_t> group(int64_t rank, llvm::ArrayRef<mlir::StringAttr> along) const;

  /// The part of a tensor of `type` that `rank` holds, without values.
  nn::Shard shardFor(nn::NamedTensorType type, int64_t rank) const;
  /// Why a type can't lie on this mesh, or "".
  std::string whyNot(nn::NamedTensorType type) const;

private:
  std::vector<MeshAxis> axes; // slowest first
};

/// All mesh axes that a type names: those that place an axis, then those it is partial over.
llvm::SmallVector<mlir::StringAttr> meshAxesOf(nn::NamedTensorType type);

/// `[2, 0, 5]`: where element number `offset` of a shard stands in the whole tensor.
std::string globalIndex(const nn::Shard &shard, int64_t offset);

} // namespace shardc::interpreter
