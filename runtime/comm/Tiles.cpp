//===- Tiles.cpp - strided copies and folds of tiles -----------------------===//
#include "runtime/comm/Tiles.h"
#include <algorithm>
#include <cstring>
#include <omp.h>

namespace rt {
namespace {

constexpr int last = 4;                            // index of a tile's innermost axis
constexpr std::int64_t parallelElements = 1 << 16; // below, a thread team costs more than it saves

/// Calls visit(from, to, count) for the tile's elements first .. end, in order, a piece of a row each.
template <class Visit>
void forSegments(const Tile &tile, std::int64_t first, std::int64_t end, const Visit &visit) {
  const std::int64_t row = tile.size[last];
  while (first < end) {
    const std::int64_t column = first % row, count = std::min(row - column, end - first);
    std::int64_t from = column * tile.from[last], to = column * tile.to[last], rest = first / row;
    for (int axis = last - 1; axis >= 0; --axis) {
      const std::int64_t i = rest % tile.size[axis];
      from += i * tile.from[axis];
      to += i * tile.to[axis];
      rest /= tile.size[axis];
    }
    visit(from, to, count);
    first += count;
  }
}

/// The same over the whole tile, by all threads if it is worth it.
template <class Visit> void forAll(const Tile &tile, const Visit &visit) {
  const std::int64_t n = elements(tile);
  if (n < parallelElements || omp_get_max_threads() == 1) {
    forSegments(tile, 0, n, visit);
    return;
  }
#pragma omp parallel
  {
    const std::int64_t threads = omp_get_num_threads(), me = omp_get_thread_num();
    auto cut = [&](std::int64_t t) { return t == threads ? n : n * t / threads / 16 * 16; };
    forSegments(tile, cut(me), cut(me + 1), visit);
  }
}

/// One element that only gets moved. (May alias float and int32.)
using Cell [[gnu::may_alias]] = std::uint32_t;

void copySegment(const Cell *in, std::int64_t inStride, Cell *out, std::int64_t outStride,
                 std::int64_t count) {
  if (inStride == 1 && outStride == 1) {
    std::memcpy(out, in, count * sizeof(Cell));
    return;
  }
  for (std::int64_t i = 0; i < count; ++i)
    out[i * outStride] = in[i * inStride];
}

/// Accumulates a block that stays in the first-level cache, so that `out` may be one of the sources.
template <Fold fold>
void foldSegment(std::span<const float *const> sources, std::int64_t from, std::int64_t fromStride,
                 float *out, std::int64_t toStride, std::int64_t count) {
  constexpr std::int64_t block = 512;
  float total[block];
  for (std::int64_t first = 0; first < count; first += block) {
    const std::int64_t n = std::min(block, count - first);
    for (std::size_t q = 0; q < sources.size(); ++q) {
      const float *x = sources[q] + from + first * fromStride;
      auto add = [&](std::int64_t i, float value) {
        if (q == 0)
          total[i] = value;
        else if constexpr (fold == Fold::sum)
          total[i] += value;
        else
          total[i] = value > total[i] ? value : total[i];
      };
      if (fromStride == 1)
        for (std::int64_t i = 0; i < n; ++i)
          add(i, x[i]);
      else
        for (std::int64_t i = 0; i < n; ++i)
          add(i, x[i * fromStride]);
    }
    float *y = out + first * toStride;
    if (toStride == 1)
      std::memcpy(y, total, n * sizeof(float));
    else
      for (std::int64_t i = 0; i < n; ++i)
        y[i * toStride] = total[i];
  }
}

} // namespace

std::int64_t elements(const Tile &tile) {
  std::int64_t n = 1;
  for (std::int64_t size : tile.size)
    n *= size;
  return n;
}

Tile squeeze(const Tile &tile) {
  Tile result{.fromStep = tile.fromStep, .toStep = tile.toStep};
  result.from[last] = result.to[last] = 1;
  int at = last + 1; // the outermost axis written so far
  for (int axis = last; axis >= 0; --axis) {
    const std::int64_t size = tile.size[axis], from = tile.from[axis], to = tile.to[axis];
    if (size == 1)
      continue;
    const bool runsOn =
        at <= last && from == result.size[at] * result.from[at] && to == result.size[at] * result.to[at];
    if (runsOn) {
      result.size[at] *= size;
      continue;
    }
    --at;
    result.size[at] = size;
    result.from[at] = from;
    result.to[at] = to;
  }
  return result;
}

Tile chunked(std::int64_t outer, std::int64_t chunk, std::int64_t fromStride, std::int64_t toStride) {
  return {.size = {1, 1, 1, outer, chunk}, .from = {0, 0, 0, fromStride, 1}, .to = {0, 0, 0, toStride, 1}};
}

Tile gathering(const Group &group, const Part &part) {
  if (part.tile)
    return *part.tile;
  const Chunks c = part.chunks;
  Tile tile = chunked(c.outer, c.chunk, c.chunk, group.size * c.chunk);
  tile.toStep = c.chunk;
  return tile;
}

Tile scattering(const Group &group, const Part &part) {
  if (part.tile)
    return *part.tile;
  const Chunks c = part.chunks;
  Tile tile = chunked(c.outer, c.chunk, group.size * c.chunk, c.chunk);
  tile.fromStep = c.chunk;
  return tile;
}

namespace {
void makeDense(const std::int64_t (&size)[5], std::int64_t (&strides)[5]) {
  std::int64_t stride = 1;
  for (int axis = last; axis >= 0; --axis) {
    strides[axis] = stride;
    stride *= size[axis];
  }
}
} // namespace

Tile packed(const Tile &tile) {
  Tile result = tile;
  makeDense(result.size, result.to);
  return result;
}

Tile unpacked(const Tile &tile) {
  Tile result = tile;
  makeDense(result.size, result.from);
  return result;
}

void copyTile(const void *in, void *out, const Tile &tile) {
  const Tile t = squeeze(tile);
  const auto *source = static_cast<const Cell *>(in);
  auto *result = static_cast<Cell *>(out);
  forAll(t, [&](std::int64_t from, std::int64_t to, std::int64_t count) {
    copySegment(source + from, t.from[last], result + to, t.to[last], count);
  });
}

void foldTile(std::span<const float *const> sources, float *out, const Tile &tile, Fold fold) {
  const Tile t = squeeze(tile);
  forAll(t, [&](std::int64_t from, std::int64_t to, std::int64_t count) {
    if (fold == Fold::sum)
      foldSegment<Fold::sum>(sources, from, t.from[last], out + to, t.to[last], count);
    else
      foldSegment<Fold::max>(sources, from, t.from[last], out + to, t.to[last], count);
  });
}

} // namespace rt
