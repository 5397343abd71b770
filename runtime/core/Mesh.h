//===- Mesh.h - ranks and their coordinates --------------------------------===//
#pragma once
#include "runtime/core/Program.h"
#include <algorithm>
#include <vector>

namespace rt {

using Mesh = std::span<const MeshAxis>;

/// A rank's coordinate on each mesh axis; the last axis runs fastest.
inline std::vector<int> coordinatesOf(Mesh mesh, int rank) {
  std::vector<int> result(mesh.size());
  for (int axis = static_cast<int>(mesh.size()) - 1; axis >= 0; --axis) {
    result[axis] = rank % mesh[axis].size;
    rank /= mesh[axis].size;
  }
  return result;
}

inline int rankAt(Mesh mesh, const std::vector<int> &coordinates) {
  int rank = 0;
  for (std::size_t axis = 0; axis < mesh.size(); ++axis)
    rank = rank * mesh[axis].size + coordinates[axis];
  return rank;
}

/// Which part of an axis placed on `axes` (major first) the rank at `coordinates` has.
inline std::int64_t placeOn(Mesh mesh, const MeshAxes &axes, const std::vector<int> &coordinates) {
  std::int64_t place = 0;
  for (int axis : axes)
    place = place * mesh[axis].size + coordinates[axis];
  return place;
}

/// Which of a run's programs the rank at `coordinates` runs: that of its stage of the pipeline.
inline int stageAt(std::span<const Program> programs, const std::vector<int> &coordinates) {
  const int axis = programs[0].pipeline.axis;
  return axis < 0 ? 0 : coordinates[axis];
}

inline bool contains(const MeshAxes &axes, int axis) {
  return std::find(axes.begin(), axes.end(), axis) != axes.end();
}

} // namespace rt
