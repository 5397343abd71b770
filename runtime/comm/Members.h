//===- Members.h - a group as the collectives see it -----------------------===//
#pragma once
#include "runtime/comm/Collectives.h"
#include "runtime/comm/Sync.h"
#include <cstddef>
#include <vector>

namespace rt {

class Remote;

/// Either all members' arenas are mapped here (`peers`, `cell`), or blocks travel through `remote`.
class Members : public Group {
public:
  std::vector<int> ranks;         // of the world, in member order
  std::byte *arena = nullptr;     // this rank's
  std::vector<std::byte *> peers; // each member's arena; empty: not all of them are on this node
  SyncCell *cell = nullptr;
  Watch *watch = nullptr;
  Remote *remote = nullptr;
  int tag = 0; // one for each group, between the same ranks

  bool local() const { return !peers.empty(); }
  void meet() { rt::meet(*cell, size, *watch); }

  /// Where member i keeps what this rank keeps at p.
  template <class T> T *of(int i, T *p) const {
    return reinterpret_cast<T *>(peers[i] + (reinterpret_cast<std::byte *>(p) - arena));
  }
  template <class T> const T *of(int i, const T *p) const { return of(i, const_cast<T *>(p)); }
};

} // namespace rt
