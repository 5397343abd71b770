//===- Collectives.cpp - one node or several: which way a group goes -------===//
#include "runtime/comm/Collectives.h"
#include "runtime/comm/Local.h"
#include "runtime/comm/Remote.h"
#include "runtime/comm/Tiles.h"
#include <cstring>

namespace rt {
namespace {

Members &members(Group &group) {
  return static_cast<Members &>(group);
}

void exchange(Group &group, Bucket bucket, TileOf tileOf) {
  if (group.size == 1)
    for (const Part &part : bucket)
      copyTile(part.in, part.out, tileOf(group, part));
  else if (members(group).local())
    local::exchange(members(group), bucket, tileOf);
  else
    members(group).remote->exchange(members(group), bucket, tileOf);
}

void broadcastCells(Group &group, void *x, std::int64_t n, int root) {
  if (group.size == 1)
    return;
  if (members(group).local())
    local::broadcast(members(group), x, n, root);
  else
    members(group).remote->broadcast(members(group), x, n, root);
}

} // namespace

void allReduce(Group &group, Bucket bucket, Fold fold) {
  if (group.size == 1) {
    for (const Part &part : bucket)
      if (part.in != part.out)
        std::memcpy(part.out, part.in, part.chunks.chunk * sizeof(float));
  } else if (members(group).local()) {
    local::allReduce(members(group), bucket, fold);
  } else {
    members(group).remote->allReduce(members(group), bucket, fold);
  }
}

void allReduce(Group &group, const float *in, float *out, std::int64_t n, Fold fold) {
  allReduce(group, {{in, out, {.chunk = n}}}, fold);
}

void allReduce(Group &group, float *x, std::int64_t n, Fold fold) {
  allReduce(group, x, x, n, fold);
}

void allGather(Group &group, Bucket bucket) {
  exchange(group, bucket, gathering);
}

void allGather(Group &group, const float *in, float *out, const Tile &tile) {
  allGather(group, {{in, out, {}, &tile}});
}

void allGather(Group &group, const std::int32_t *in, std::int32_t *out, const Tile &tile) {
  allGather(group, {{in, out, {}, &tile}});
}

void allGather(Group &group, const float *in, float *out, Chunks chunks) {
  allGather(group, {{in, out, chunks}});
}

void allGather(Group &group, const std::int32_t *in, std::int32_t *out, Chunks chunks) {
  allGather(group, {{in, out, chunks}});
}

void reduceScatter(Group &group, Bucket bucket, Fold fold) {
  if (group.size == 1)
    for (const Part &part : bucket)
      copyTile(part.in, part.out, scattering(group, part));
  else if (members(group).local())
    local::reduceScatter(members(group), bucket, fold);
  else
    members(group).remote->reduceScatter(members(group), bucket, fold);
}

void reduceScatter(Group &group, const float *in, float *out, const Tile &tile, Fold fold) {
  reduceScatter(group, {{in, out, {}, &tile}}, fold);
}

void reduceScatter(Group &group, const float *in, float *out, Chunks chunks, Fold fold) {
  reduceScatter(group, {{in, out, chunks}}, fold);
}

void allToAll(Group &group, Bucket bucket) {
  exchange(group, bucket, scattering);
}

void allToAll(Group &group, const float *in, float *out, const Tile &tile) {
  allToAll(group, {{in, out, {}, &tile}});
}

void allToAll(Group &group, const std::int32_t *in, std::int32_t *out, const Tile &tile) {
  allToAll(group, {{in, out, {}, &tile}});
}

void broadcast(Group &group, float *x, std::int64_t n, int root) {
  broadcastCells(group, x, n, root);
}

void broadcast(Group &group, std::int32_t *x, std::int64_t n, int root) {
  broadcastCells(group, x, n, root);
}

void shardSlice(const Group &group, const float *in, float *out, const Tile &tile) {
  copyTile(in + group.index * tile.fromStep, out, tile);
}

void shardSlice(const Group &group, const std::int32_t *in, std::int32_t *out, const Tile &tile) {
  copyTile(in + group.index * tile.fromStep, out, tile);
}

} // namespace rt
