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

void exchange(Group &group, const void *in, void *out, const Tile &tile) {
  if (group.size == 1)
    copyTile(in, out, tile);
  else if (members(group).local())
    local::exchange(members(group), in, out, tile);
  else
    members(group).remote->exchange(members(group), in, out, tile);
}

void broadcastCells(Group &group, void *x, std::int64_t n, int root) {
  if (group.size == 1)
    return;
  if (members(group).local())
    local::broadcast(members(group), x, n, root);
  else
    members(group).remote->broadcast(members(group), x, n, root);
}

Tile gathering(const Group &group, Chunks c) {
  Tile tile = chunked(c.outer, c.chunk, c.chunk, group.size * c.chunk);
  tile.toStep = c.chunk;
  return tile;
}

Tile scattering(const Group &group, Chunks c) {
  Tile tile = chunked(c.outer, c.chunk, group.size * c.chunk, c.chunk);
  tile.fromStep = c.chunk;
  return tile;
}

} // namespace

void allReduce(Group &group, const float *in, float *out, std::int64_t n, Fold fold) {
  if (group.size == 1) {
    if (in != out)
      std::memcpy(out, in, n * sizeof(float));
  } else if (members(group).local()) {
    local::allReduce(members(group), in, out, n, fold);
  } else {
    members(group).remote->allReduce(members(group), in, out, n, fold);
  }
}

void allReduce(Group &group, float *x, std::int64_t n, Fold fold) {
  allReduce(group, x, x, n, fold);
}

void allGather(Group &group, const float *in, float *out, const Tile &tile) {
  exchange(group, in, out, tile);
}

void allGather(Group &group, const std::int32_t *in, std::int32_t *out, const Tile &tile) {
  exchange(group, in, out, tile);
}

void allGather(Group &group, const float *in, float *out, Chunks chunks) {
  exchange(group, in, out, gathering(group, chunks));
}

void allGather(Group &group, const std::int32_t *in, std::int32_t *out, Chunks chunks) {
  exchange(group, in, out, gathering(group, chunks));
}

void reduceScatter(Group &group, const float *in, float *out, const Tile &tile, Fold fold) {
  if (group.size == 1)
    copyTile(in, out, tile);
  else if (members(group).local())
    local::reduceScatter(members(group), in, out, tile, fold);
  else
    members(group).remote->reduceScatter(members(group), in, out, tile, fold);
}

void reduceScatter(Group &group, const float *in, float *out, Chunks chunks, Fold fold) {
  reduceScatter(group, in, out, scattering(group, chunks), fold);
}

void allToAll(Group &group, const float *in, float *out, const Tile &tile) {
  exchange(group, in, out, tile);
}

void allToAll(Group &group, const std::int32_t *in, std::int32_t *out, const Tile &tile) {
  exchange(group, in, out, tile);
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
