//===- Mesh.cpp - ranks, their coordinates, and what each holds -----------===//

#include "compiler/interpreter/Mesh.h"

#include "dialects/nn/Layout.h"

using namespace mlir;
using namespace nn;
using namespace shardc::interpreter;

int64_t Mesh::numRanks() const {
  int64_t ranks = 1;
  for (const MeshAxis &axis : axes)
    ranks *= axis.size;
  return ranks;
}

bool Mesh::has(StringRef name) const {
  return llvm::any_of(axes, [&](const MeshAxis &axis) { return axis.name == name; });
}

int64_t Mesh::coordinate(int64_t rank, StringRef name) const {
  for (const MeshAxis &axis : llvm::reverse(axes)) {
    if (axis.name == name)
      return rank % axis.size;
    rank /= axis.size;
  }
  llvm_unreachable("types are checked against the mesh before a run");
}

int64_t Mesh::size(ArrayRef<StringAttr> along) const {
  int64_t ranks = 1;
  for (StringAttr name : along)
    for (const MeshAxis &axis : axes)
      if (axis.name == name.getValue())
        ranks *= axis.size;
  return ranks;
}

int64_t Mesh::index(int64_t rank, ArrayRef<StringAttr> along) const {
  int64_t index = 0;
  for (StringAttr name : along)
    index = index * size(name) + coordinate(rank, name);
  return index;
}

SmallVector<int64_t> Mesh::group(int64_t rank, ArrayRef<StringAttr> along) const {
  SmallVector<int64_t> members(size(along));
  for (int64_t other = 0, end = numRanks(); other < end; ++other) {
    bool sameElsewhere = llvm::all_of(axes, [&](const MeshAxis &axis) {
      bool isAlong = llvm::any_of(along, [&](StringAttr name) { return name.getValue() == axis.name; });
      return isAlong || coordinate(rank, axis.name) == coordinate(other, axis.name);
    });
    if (sameElsewhere)
      members[index(other, along)] = other;
  }
  return members;
}

Shard Mesh::shardFor(NamedTensorType type, int64_t rank) const {
  Shard shard;
  for (AxisAttr axis : type.getAxes()) {
    int64_t count = axis.getSize() / size(axis.getMesh());
    shard.axes.push_back({axis.getName(), axis.getSize(), index(rank, axis.getMesh()) * count, count});
  }
  return shard;
}

std::string Mesh::whyNot(NamedTensorType type) const {
  for (StringAttr name : meshAxesOf(type))
    if (!has(name))
      return "mesh axis '" + name.str() + "' is not an axis of the mesh";
  for (AxisAttr axis : type.getAxes())
    if (axis.getSize() % size(axis.getMesh()))
      return "axis " + toString(axis) + " is not divided by its " + std::to_string(size(axis.getMesh())) +
             " ranks";
  return "";
}

SmallVector<StringAttr> shardc::interpreter::meshAxesOf(NamedTensorType type) {
  SmallVector<StringAttr> names;
  for (AxisAttr axis : type.getAxes())
    llvm::append_range(names, axis.getMesh());
  if (type.getPartial())
    llvm::append_range(names, type.getPartial().getMesh());
  return names;
}

std::string shardc::interpreter::globalIndex(const Shard &shard, int64_t offset) {
  SmallVector<int64_t> position;
  for (const ShardAxis &axis : llvm::reverse(shard.axes)) {
    position.push_back(axis.start + offset % axis.count);
    offset /= axis.count;
  }
  std::string text = "[";
  for (auto [i, index] : llvm::enumerate(llvm::reverse(position)))
    text += (i ? ", " : "") + std::to_string(index);
  return text + "]";
}
