//===- Local.cpp - collectives of a group whose arenas are all mapped ------===//
#include "runtime/comm/Local.h"
#include "runtime/comm/Tiles.h"
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

/// Two meetings: what is summed goes to a scratch first, since peers still read `out` where it is `in`.
void reduceSmall(Members &group, const float *in, float *out, std::int64_t n, Fold fold) {
  float total[smallReduce];
  group.meet();
  foldTile(Sources(group, in), total, flat(n), fold);
  group.meet();
  std::memcpy(out, total, n * sizeof(float));
}

} // namespace

// Each member sums its own part and puts it in its own `out`; then all collect the parts. In place nobody is
// in another's way: part i of any source is read by member i alone.
void allReduce(Members &group, const float *in, float *out, std::int64_t n, Fold fold) {
  if (n <= smallReduce)
    return reduceSmall(group, in, out, n, fold);
  auto cut = [&](std::int64_t i) { return i == group.size ? n : n * i / group.size / 16 * 16; };
  const std::int64_t mine = cut(group.index);
  group.meet();
  foldTile(Sources(group, in) += mine, out + mine, flat(cut(group.index + 1) - mine), fold);
  group.meet();
  for (int step = 1; step < group.size; ++step) {
    const int i = (group.index + step) % group.size; // not all at one member at once
    copyTile(group.of(i, out) + cut(i), out + cut(i), flat(cut(i + 1) - cut(i)));
  }
  group.meet();
}

void exchange(Members &group, const void *in, void *out, const Tile &tile) {
  const auto *source = static_cast<const Cell *>(in) + group.index * tile.fromStep;
  auto *result = static_cast<Cell *>(out);
  group.meet();
  for (int step = 0; step < group.size; ++step) {
    const int i = (group.index + step) % group.size;
    copyTile(group.of(i, source), result + i * tile.toStep, tile);
  }
  group.meet();
}

void reduceScatter(Members &group, const float *in, float *out, const Tile &tile, Fold fold) {
  group.meet();
  foldTile(Sources(group, in + group.index * tile.fromStep), out, tile, fold);
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
