//===- Blocks.h - a rank's block of a tensor and the file's tensor ---------===//
#pragma once
#include "runtime/core/Mesh.h"
#include <algorithm>

namespace rt {

/// Calls visit(local element, file element) for what the block at `coordinates` holds, without padding.
/// `local` and `file` are where it begins; its axes are walked in their order, the last one fastest.
template <class Visit>
void walk(const Block &block, Mesh mesh, const std::vector<int> &coordinates, std::int64_t local,
          std::int64_t file, const Visit &visit, int axis = 0) {
  if (axis == block.axes.size())
    return visit(local, file);
  const BlockAxis &a = block.axes[axis];
  const std::int64_t first = placeOn(mesh, a.mesh, coordinates) * a.localCount;
  const std::int64_t count = std::min(a.localCount, a.fileSize - first);
  for (std::int64_t i = 0; i < count; ++i)
    walk(block, mesh, coordinates, local + i * a.localStride, file + (first + i) * a.fileStride, visit,
         axis + 1);
}

} // namespace rt
