//===- Context.h - a rank's arena, place in the mesh and groups ------------===//
//
// What generated code is handed; every file of it includes this one, so it includes next to nothing.
// `at<T>(offset)` is a pointer into the rank's arena; `enter(op)` tells the status page which operation runs,
// in one store.
//
//===----------------------------------------------------------------------===//
#pragma once
#include <cstddef>
#include <cstdint>

namespace rt {

class Group; // runtime/comm/Collectives.h
class Peer;  // runtime/comm/Messages.h

class Context {
public:
  /// Bytes of this rank's arena, 64-aligned.
  std::byte *arena = nullptr;

  template <class T> T *at(std::int64_t offset) const { return reinterpret_cast<T *>(arena + offset); }

  /// The group of Program::groups[i] that this rank is in.
  Group &group(int i) const { return *groups[i]; }

  /// The rank that has this one's place in stage i of the pipeline.
  Peer &stage(int i) const { return *stages[i]; }

  /// This rank's coordinate on a mesh axis.
  int coordinate(int meshAxis) const { return coordinates[meshAxis]; }

  /// From here on this rank is in operation `id` of Program::operations.
  void enter(std::int32_t id) const { __atomic_store_n(operation, id, __ATOMIC_RELAXED); }

  int rank = 0, world = 1;
  const int *coordinates = nullptr;  // per mesh axis
  Group *const *groups = nullptr;    // per Program::groups; as all that is pointed to, the world's
  Peer *const *stages = nullptr;     // per stage; null: this rank's own
  std::int32_t *operation = nullptr; // the status page's cell
};

} // namespace rt
