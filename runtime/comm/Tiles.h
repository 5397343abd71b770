//===- Tiles.h - strided copies and folds of tiles -------------------------===//
//
// A Tile is first squeezed: axes of size 1 go, neighbours that run on in source and result become one. What
// remains is walked as segments along its innermost axis; threads each take an equal run of elements, so a
// tile of one long row is as parallel as one of many short ones. Elements have four bytes.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "runtime/comm/Collectives.h"
#include <span>

namespace rt {

std::int64_t elements(const Tile &tile);

/// The same elements in the same order, in as few axes as possible (innermost last; leading axes have size
/// 1).
Tile squeeze(const Tile &tile);

/// [outer, chunk] taken from and put to buffers whose outer strides are given.
Tile chunked(std::int64_t outer, std::int64_t chunk, std::int64_t fromStride, std::int64_t toStride);

/// A part's tile, where its chunks lie apart in the result, or in the source.
Tile gathering(const Group &group, const Part &part);
Tile scattering(const Group &group, const Part &part);
using TileOf = Tile (*)(const Group &group, const Part &part);

/// The tile with its result (or its source) dense in row-major order: for packing and unpacking.
Tile packed(const Tile &tile);
Tile unpacked(const Tile &tile);

/// out[to] = in[from] over the tile; bases are already moved by fromStep and toStep.
void copyTile(const void *in, void *out, const Tile &tile);

/// out[to] = sources[0][from] + sources[1][from] + ..., in that order. `out` may be one of the sources if the
/// tile has the same strides on both sides.
void foldTile(std::span<const float *const> sources, float *out, const Tile &tile, Fold fold);

} // namespace rt
