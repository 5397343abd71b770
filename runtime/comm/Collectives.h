//===- Collectives.h - what ranks of a group do together -------------------===//
//
// Every buffer lies in the arena, at the same offset on each rank of the group. All members call the same
// collectives in the same order. On one node a collective is strided copies and sums straight out of the
// peers' arenas, between two syncs of the group; across nodes blocks are packed and sent. Sums run in member
// order: the same bits each run, on either path, and on every member.
//
//   tp = 2, gather along an inner axis:  a [outer, chunk] of each  ->  [outer, 2, chunk]
//
//===----------------------------------------------------------------------===//
#pragma once
#include <cstdint>
#include <initializer_list>

namespace rt {

/// The ranks that differ only on some mesh axes.
class Group {
public:
  virtual ~Group() = default;
  int size = 1;
  int index = 0; // this rank's place in it
};

/// Repetitions of contiguous chunks, in elements: how an axis cut into group.size parts lies in a buffer.
struct Chunks {
  std::int64_t outer = 1;
  std::int64_t chunk = 0;
};

/// A block of up to five axes, innermost last, in elements: what one member takes from another. Axes that are
/// not there have size 1. The part of member i starts at i * fromStep in the source, at i * toStep in the
/// result.
struct Tile {
  std::int64_t size[5] = {1, 1, 1, 1, 1};
  std::int64_t from[5] = {0, 0, 0, 0, 0}; // strides in the source
  std::int64_t to[5] = {0, 0, 0, 0, 0};   // strides in the result
  std::int64_t fromStep = 0;
  std::int64_t toStep = 0;
};

enum class Fold : std::uint8_t { sum, max };

/// One buffer of a bucket: what it would be a collective's alone. Its blocks are the chunks, or the tile
/// where there is one; an all-reduce takes the chunk as its elements.
struct Part {
  const void *in;
  void *out;
  Chunks chunks;
  const Tile *tile = nullptr;
};

/// Buffers that are moved by one collective: the group meets as often as for a single one. No part's result
/// is another's source.
using Bucket = std::initializer_list<Part>;

/// x: [n] on every member -> its sum (or maximum) over the members, in place.
void allReduce(Group &group, float *x, std::int64_t n, Fold fold = Fold::sum);
/// The same into another buffer; in is kept.
void allReduce(Group &group, const float *in, float *out, std::int64_t n, Fold fold = Fold::sum);

void allReduce(Group &group, Bucket bucket, Fold fold = Fold::sum);

/// in: [outer, chunk] -> out: [outer, size, chunk].
void allGather(Group &group, const float *in, float *out, Chunks chunks);
void allGather(Group &group, const std::int32_t *in, std::int32_t *out, Chunks chunks);
/// The general form: member i's tile goes to i * toStep; fromStep is 0.
void allGather(Group &group, const float *in, float *out, const Tile &tile);
void allGather(Group &group, const std::int32_t *in, std::int32_t *out, const Tile &tile);

void allGather(Group &group, Bucket bucket);

/// in: [outer, size, chunk] -> out: [outer, chunk], this member's part of the sum (or maximum).
void reduceScatter(Group &group, const float *in, float *out, Chunks chunks, Fold fold = Fold::sum);
/// The general form: member i's part of in starts at i * fromStep; toStep is 0.
void reduceScatter(Group &group, const float *in, float *out, const Tile &tile, Fold fold = Fold::sum);

void reduceScatter(Group &group, Bucket bucket, Fold fold = Fold::sum);

/// The tile of `in` that starts at (receiver's index) * fromStep goes to (sender's index) * toStep of `out`:
/// one axis becomes whole, another placed.
///   in [rows, size, cols] -> out [size, rows, cols]: size {rows, cols}, from {size * cols, 1}, fromStep
///   cols,
///                                                    to {cols, 1}, toStep rows * cols
void allToAll(Group &group, const float *in, float *out, const Tile &tile);
void allToAll(Group &group, const std::int32_t *in, std::int32_t *out, const Tile &tile);
void allToAll(Group &group, Bucket bucket);

/// x: [n] of member `root` -> every member's x.
void broadcast(Group &group, float *x, std::int64_t n, int root);
void broadcast(Group &group, std::int32_t *x, std::int64_t n, int root);

/// This member's part of a whole value (no communication): the tile at index * fromStep -> out.
void shardSlice(const Group &group, const float *in, float *out, const Tile &tile);
void shardSlice(const Group &group, const std::int32_t *in, std::int32_t *out, const Tile &tile);

} // namespace rt
