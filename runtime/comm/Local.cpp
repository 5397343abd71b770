//===- Local.cpp - collectives of a group whose arenas are all mapped ------===//
#include "runtime/comm/Local.h"
#include <algorithm>
#include <array>
#include <cstring>
#include <stdexcept>

namespace rt::local {
namespace {

constexpr int maxMembers = 256;

using Cell = std::uint32_t; // an element that only gets moved

/// Each member's copy of x, in member order.
class Sources {
public:
  Sources(const Members &group, const float *x) : count(group.size) {
    if (count > maxMembers)
      throw std::length_error("a group has more than 256 ranks on one node");
    for (int i = 0; i < count; ++i)
      pointers[i] = group.of(i, x);
  }
  Sources &operator+=(std::int64_t offset) {
    for (int i = 0; i < count; ++i)
      pointers[i] += offset;
    return *this;
  }
  operator std::span<const float *const>() const {
    return {pointers.data(), static_cast<std::size_t>(count)};
  }

private:
  std::array<const float *, maxMembers> pointers;
  int count;
};

Tile flat(std::int64_t n) {
  return chunked(1, n, n, n);
}

constexpr std::int64_t smallReduce = 2048; // elements: below, everybody sums everything

/// Calls visit(part, first, count) for the elements first .. end of the parts one behind the other.
template <class Visit>
void forElements(Bucket bucket, std::int64_t first, std::int64_t end, const Visit &visit) {
  for (const Part &part : bucket) {
    const std::int64_t n = part.chunks.chunk, from = std::max<std::int64_t>(first, 0);
    if (const std::int64_t to = std::min(end, n); from < to)
      visit(part, from, to - from);
    first -= n;
    end -= n;
  }
}

const float *sourceOf(const Part &part) {
  return static_cast<const float *>(part.in);
}

float *resultOf(const Part &part) {
  return static_cast<float *>(part.out);
}

/// Two meetings: what is summed goes to a scratch first, since peers still read `out` where it is `in`.
void reduceSmall(Members &group, Bucket bucket, std::int64_t n, Fold fold) {
  float total[smallReduce], *next = total;
  group.meet();
  forElements(bucket, 0, n, [&](const Part &part, std::int64_t, std::int64_t count) {
    foldTile(Sources(group, sourceOf(part)), next, flat(count), fold);
    next += count;
  });
  group.meet();
  next = total;
  forElements(bucket, 0, n, [&](const Part &part, std::int64_t, std::int64_t count) {
    std::memcpy(part.out, next, count * sizeof(float));
    next += count;
  });
}

} // namespace

// Of all elements, one part of the bucket behind the other, each member sums its own share and puts it in its
// own `out`; then all collect the shares. In place nobody is in another's way: share i of any source is read
// by member i alone.
void allReduce(Members &group, Bucket bucket, Fold fold) {
  std::int64_t n = 0;
  for (const Part &part : bucket)
    n += part.chunks.chunk;
  if (n <= smallReduce)
    return reduceSmall(group, bucket, n, fold);
  auto cut = [&](std::int64_t i) { return i == group.size ? n : n * i / group.size / 16 * 16; };
  group.meet();
  forElements(bucket, cut(group.index), cut(group.index + 1),
              [&](const Part &part, std::int64_t first, std::int64_t count) {
                foldTile(Sources(group, sourceOf(part)) += first, resultOf(part) + first, flat(count), fold);
              });
  group.meet();
  for (int step = 1; step < group.size; ++step) {
    const int i = (group.index + step) % group.size; // not all at one member at once
    forElements(bucket, cut(i), cut(i + 1), [&](const Part &part, std::int64_t first, std::int64_t count) {
      copyTile(group.of(i, resultOf(part)) + first, resultOf(part) + first, flat(count));
    });
  }
  group.meet();
}

void exchange(Members &group, Bucket bucket, TileOf tileOf) {
  group.meet();
  for (int step = 0; step < group.size; ++step) {
    const int i = (group.index + step) % group.size;
    for (const Part &part : bucket) {
      const Tile tile = tileOf(group, part);
      const auto *source = static_cast<const Cell *>(part.in) + group.index * tile.fromStep;
      copyTile(group.of(i, source), static_cast<Cell *>(part.out) + i * tile.toStep, tile);
    }
  }
  group.meet();
}

void reduceScatter(Members &group, Bucket bucket, Fold fold) {
  group.meet();
  for (const Part &part : bucket) {
    const Tile tile = scattering(group, part);
    foldTile(Sources(group, sourceOf(part) + group.index * tile.fromStep), resultOf(part), tile, fold);
  }
  group.meet();
}

void broadcast(Members &group, void *x, std::int64_t n, int root) {
  auto *cells = static_cast<Cell *>(x);
  group.meet();
  if (group.index != root)
    copyTile(group.of(root, cells), cells, flat(n));
  group.meet();
}

} // namespace rt::local
