//===- Tiles.h - small products on packed operands ------------------------===//
//
// What attention is made of: products of packed, zero-padded blocks that lie in the caches, by register tiles
// of kMicroRows x 2 vectors, and the packing itself. Rows are padded to kMicroRows, columns to kLanes, so no
// tile has an edge. Vectors are GCC's: the compiler picks the instructions of the machine.
//
//===----------------------------------------------------------------------===//
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace rt::tiles {

/// Lanes of the widest vector, and rows of a register tile: 16 accumulators leave room for operands.
#if defined(__AVX512F__)
constexpr int64_t kLanes = 16, kMicroRows = 8;
#elif defined(__AVX__)
constexpr int64_t kLanes = 8, kMicroRows = 4;
#else
constexpr int64_t kLanes = 4, kMicroRows = 4;
#endif

using Vector __attribute__((vector_size(sizeof(float) * kLanes))) = float;
using Indices __attribute__((vector_size(sizeof(float) * kLanes))) = int32_t;

inline Vector load(const float *from) {
  Vector v;
  std::memcpy(&v, from, sizeof v);
  return v;
}
inline void store(float *to, Vector v) {
  std::memcpy(to, &v, sizeof v);
}

/// C[Rows, Vectors * kLanes] (+)= sum over `depth` of A's column times B's row, held in registers.
/// A's element (i, l) is a[i * aRow + l * aDepth]; rows of B and C lie bDepth and cRow apart.
template <int Rows, int Vectors>
__attribute__((always_inline)) inline void tile(int64_t depth, const float *a, int64_t aRow, int64_t aDepth,
                                                const float *b, int64_t bDepth, float *c, int64_t cRow,
                                                bool accumulate) {
  Vector sum[Rows][Vectors];
  for (int i = 0; i < Rows; ++i)
    for (int j = 0; j < Vectors; ++j)
      sum[i][j] = accumulate ? load(c + i * cRow + j * kLanes) : Vector{};
  for (int64_t l = 0; l < depth; ++l) {
    Vector row[Vectors];
    for (int j = 0; j < Vectors; ++j)
      row[j] = load(b + l * bDepth + j * kLanes);
#pragma GCC unroll 8
    for (int i = 0; i < Rows; ++i)
      for (int j = 0; j < Vectors; ++j)
        sum[i][j] += a[i * aRow + l * aDepth] * row[j];
  }
  for (int i = 0; i < Rows; ++i)
    for (int j = 0; j < Vectors; ++j)
      store(c + i * cRow + j * kLanes, sum[i][j]);
}

/// One strip of kMicroRows rows: C[kMicroRows, columns] (+)= A[kMicroRows, depth] B[depth, columns], A by
/// rows.
inline void strip(int64_t columns, int64_t depth, const float *a, int64_t aRow, const float *b,
                  int64_t bDepth, float *c, int64_t cRow, bool accumulate) {
  int64_t j = 0;
  for (; j + 2 * kLanes <= columns; j += 2 * kLanes)
    tile<kMicroRows, 2>(depth, a, aRow, 1, b + j, bDepth, c + j, cRow, accumulate);
  if (j < columns)
    tile<kMicroRows, 1>(depth, a, aRow, 1, b + j, bDepth, c + j, cRow, accumulate);
}

/// The same with A by columns: A's element (i, l) is a[l * aDepth + i].
inline void stripTransposed(int64_t columns, int64_t depth, const float *a, int64_t aDepth, const float *b,
                            int64_t bDepth, float *c, int64_t cRow, bool accumulate) {
  int64_t j = 0;
  for (; j + 2 * kLanes <= columns; j += 2 * kLanes)
    tile<kMicroRows, 2>(depth, a, 1, aDepth, b + j, bDepth, c + j, cRow, accumulate);
  if (j < columns)
    tile<kMicroRows, 1>(depth, a, 1, aDepth, b + j, bDepth, c + j, cRow, accumulate);
}

/// One stage of a transpose: swaps the off-diagonal Step x Step blocks of every 2 Step x 2 Step block.
template <int Step> inline void swapBlocks(Vector (&rows)[kLanes]) {
  Indices upper, lower; // indices into the kLanes lanes of the first and then of the second operand
  for (int lane = 0; lane < kLanes; ++lane) {
    upper[lane] = lane & Step ? int(kLanes) + lane - Step : lane;
    lower[lane] = lane & Step ? int(kLanes) + lane : lane + Step;
  }
  for (int i = 0; i < kLanes; ++i)
    if (!(i & Step)) {
      Vector first = rows[i], second = rows[i + Step];
      rows[i] = __builtin_shuffle(first, second, upper);
      rows[i + Step] = __builtin_shuffle(first, second, lower);
    }
  if constexpr (Step * 2 < kLanes)
    swapBlocks<Step * 2>(rows);
}

/// to[columns, rows] = from[rows, columns] transposed; both dense in their last index, rows `fromRow` and
/// `toRow` apart; whole blocks of kLanes x kLanes.
inline void transposeBlock(const float *from, int64_t fromRow, float *to, int64_t toRow) {
  Vector rows[kLanes];
  for (int i = 0; i < kLanes; ++i)
    rows[i] = load(from + i * fromRow);
  swapBlocks<1>(rows);
  for (int i = 0; i < kLanes; ++i)
    store(to + i * toRow, rows[i]);
}

/// Where a matrix lies in the caller's memory.
struct Source {
  const float *at;
  int64_t row, column; // strides in elements
};

/// to[paddedRows, paddedColumns] = factor * from[rows, columns], the rest zero.
inline void pack(Source from, int64_t rows, int64_t columns, float factor, float *to, int64_t paddedRows,
                 int64_t paddedColumns) {
  for (int64_t i = 0; i < rows; ++i) {
    const float *in = from.at + i * from.row;
    float *out = to + i * paddedColumns;
    if (from.column == 1)
      for (int64_t j = 0; j < columns; ++j)
        out[j] = factor * in[j];
    else
      for (int64_t j = 0; j < columns; ++j)
        out[j] = factor * in[j * from.column];
    std::fill(out + columns, out + paddedColumns, 0.0f);
  }
  std::fill(to + rows * paddedColumns, to + paddedRows * paddedColumns, 0.0f);
}

/// to[paddedColumns, paddedRows] = from[rows, columns] transposed, the rest zero.
inline void packTransposed(Source from, int64_t rows, int64_t columns, float *to, int64_t paddedColumns,
                           int64_t paddedRows) {
  int64_t wholeRows = from.column == 1 ? rows / kLanes * kLanes : 0;
  int64_t wholeColumns = columns / kLanes * kLanes;
  for (int64_t i = 0; i < wholeRows; i += kLanes)
    for (int64_t j = 0; j < wholeColumns; j += kLanes)
      transposeBlock(from.at + i * from.row + j, from.row, to + j * paddedRows + i, paddedRows);
  for (int64_t j = 0; j < columns; ++j) {
    for (int64_t i = j < wholeColumns ? wholeRows : 0; i < rows; ++i)
      to[j * paddedRows + i] = from.at[i * from.row + j * from.column];
    std::fill(to + j * paddedRows + rows, to + (j + 1) * paddedRows, 0.0f);
  }
  std::fill(to + columns * paddedRows, to + paddedColumns * paddedRows, 0.0f);
}

/// to[rows, columns] = factor * from, whose rows lie `fromRow` apart.
inline void unpack(const float *from, int64_t fromRow, int64_t rows, int64_t columns, float factor, float *to,
                   int64_t toRow, int64_t toColumn) {
  for (int64_t i = 0; i < rows; ++i) {
    const float *in = from + i * fromRow;
    float *out = to + i * toRow;
    if (toColumn == 1)
      for (int64_t j = 0; j < columns; ++j)
        out[j] = factor * in[j];
    else
      for (int64_t j = 0; j < columns; ++j)
        out[j * toColumn] = factor * in[j];
  }
}

} // namespace rt::tiles
