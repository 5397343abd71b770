//===- Local.h - collectives of a group whose arenas are all mapped --------===//
//
// Between two meetings each member reads what it needs out of its peers' arenas: nothing is packed. The first
// meeting says that sources are written, the last that all have read them, so that the next operation may
// overwrite them.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "runtime/comm/Members.h"
#include "runtime/comm/Tiles.h"

namespace rt::local {

void allReduce(Members &group, Bucket bucket, Fold fold);
/// Each part's out's tile at i * toStep = in's tile at index * fromStep of member i, for all i.
void exchange(Members &group, Bucket bucket, TileOf tileOf);
void reduceScatter(Members &group, Bucket bucket, Fold fold);
void broadcast(Members &group, void *x, std::int64_t n, int root);

} // namespace rt::local
