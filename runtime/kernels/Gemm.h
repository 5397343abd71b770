//===- Gemm.h - matrix products on plain strides --------------------------===//
//
//   C[b, i, j] = sum over l of A[b, i, l] * B[b, l, j]   (+ C[b, i, j] where `accumulate`)
//
// for any strides and up to three batch axes. One oneDNN primitive per distinct shape, made once by
// prepareMatmuls() or by the first call, and shared by all Matmuls of that shape. Layouts that oneDNN's
// fast paths refuse (no unit stride, a broadcast result) run in a plain loop nest instead.
//
//===----------------------------------------------------------------------===//
#pragma once

#include <cstdint>

namespace rt {

/// Strides in elements: of a row index and of a column index.
struct MatrixStrides {
  int64_t row, column;
};

/// One batch axis: its size, and how far each operand moves along it (0: the operand is broadcast).
struct BatchAxis {
  int64_t size = 1;
  int64_t a = 0, b = 0, c = 0;
};

struct MatmulShape {
  int64_t m, n, k;         // A: [m, k], B: [k, n], C: [m, n]
  MatrixStrides a, b, c;   // in elements
  BatchAxis batch[3] = {}; // outermost first; unused ones have size 1
  bool accumulate = false; // C += A B (beta = 1) instead of C = A B
};

struct MatmulPrimitive; // oneDNN's side of a shape

/// A product with everything but its pointers fixed. Made as a static object; calls come from one thread
/// at a time and use OpenMP's threads.
class Matmul {
public:
  explicit Matmul(const MatmulShape &shape);
  Matmul(const Matmul &) = delete;
  Matmul &operator=(const Matmul &) = delete;
  ~Matmul();

  /// a, b, c: f32, where element (0, 0) of batch 0 lies. c overlaps neither a nor b.
  void operator()(const float *a, const float *b, float *c) const;

  const MatmulShape &shape() const { return dims; }

private:
  friend void prepareMatmuls();
  MatmulShape dims;
  mutable MatmulPrimitive *primitive = nullptr; // owned by the table of shapes
  Matmul *next = nullptr;                       // the list that prepareMatmuls() walks
};

/// Makes the primitives of every Matmul there is. Called at start, after the number of OpenMP threads is
/// set: oneDNN chooses its blocking by it.
void prepareMatmuls();

/// The same product by a plain loop nest in f32, parallel over rows: what Matmul is tested against, and
/// what it falls back to.
void matmulPlain(const MatmulShape &shape, const float *a, const float *b, float *c);

} // namespace rt
