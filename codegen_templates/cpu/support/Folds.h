//===- Folds.h - sums that do not depend on the number of threads ----------===//
//
// What is summed is cut into blocks, by its size alone; a block is summed in f32, the blocks' sums are added
// in order.
//
//===----------------------------------------------------------------------===//
#pragma once

#include <cstdint>
#include <limits>

namespace trainer {

/// std::min, without the weight of <algorithm> in every file of a trainer.
inline int64_t lesser(int64_t a, int64_t b) {
  return b < a ? b : a;
}

/// The sum of block(0) + ... + block(blocks - 1), added in f64.
template <class Block> double sumOfBlocks(int64_t blocks, const Block &block) {
  constexpr int64_t most = 256; // parts that threads share
  double parts[most];
  int64_t count = lesser(blocks, most);
#pragma omp parallel for schedule(static)
  for (int64_t part = 0; part < count; ++part) {
    double sum = 0;
    for (int64_t i = blocks * part / count; i < blocks * (part + 1) / count; ++i)
      sum += block(i);
    parts[part] = sum;
  }
  double total = 0;
  for (int64_t part = 0; part < count; ++part)
    total += parts[part];
  return total;
}

/// Folds rows into a vector of `columns`: fold(row, first, last, totals) folds one row's columns [first,
/// last) into totals. Rows are taken in blocks of 64; `splits`: threads share the columns as well. scratch:
/// columns for each block of rows, the first of which becomes the result.
template <class T, class Row, class Combine>
const T *foldRows(int64_t rows, int64_t columns, bool splits, void *scratch, T neutral, const Row &fold,
                  const Combine &combine) {
  constexpr int64_t blockRows = 64, chunk = 64;
  T *partials = static_cast<T *>(scratch); // [blocks, columns]
  const int64_t blocks = (rows + blockRows - 1) / blockRows;
  const int64_t eighth = columns / 8 / chunk * chunk;
  const int64_t width = !splits ? columns : eighth > chunk ? eighth : chunk;
  const int64_t parts = (columns + width - 1) / width;
  const bool worthwhile = rows * columns >= 16384;
#pragma omp parallel if (worthwhile)
  {
#pragma omp for schedule(static)
    for (int64_t task = 0; task < blocks * parts; ++task) {
      const int64_t block = task / parts, first = task % parts * width;
      const int64_t last = lesser(columns, first + width);
      T *partial = partials + block * columns;
      for (int64_t j = first; j < last; ++j)
        partial[j] = neutral;
      for (int64_t row = block * blockRows; row < lesser(rows, (block + 1) * blockRows); ++row)
        fold(row, first, last, partial);
    }

    // A column belongs to one thread, which goes through its blocks in order.
#pragma omp for schedule(static)
    for (int64_t first = 0; first < columns; first += chunk)
      for (int64_t block = 1; block < blocks; ++block)
        for (int64_t j = first; j < lesser(columns, first + chunk); ++j)
          partials[j] = combine(partials[j], partials[block * columns + j]);
  }
  return partials;
}

template <class T, class Row>
const T *sumOfRows(int64_t rows, int64_t columns, bool splits, void *scratch, const Row &add) {
  return foldRows<T>(rows, columns, splits, scratch, T(0), add, [](T a, T b) { return a + b; });
}

template <class T, class Row>
const T *maxOfRows(int64_t rows, int64_t columns, bool splits, void *scratch, const Row &larger) {
  return foldRows<T>(rows, columns, splits, scratch, std::numeric_limits<T>::lowest(), larger,
                     [](T a, T b) { return b > a ? b : a; });
}

} // namespace trainer
