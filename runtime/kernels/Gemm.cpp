//===- Gemm.cpp - matrix products through oneDNN ---------------------------===//
//
// oneDNN wants each operand of a product to have a unit stride, and the result's to be its column stride.
// canonical() brings a shape there where swapping operands is enough; an operand without any unit stride is
// copied into a packed one that the primitive owns.
//
//===----------------------------------------------------------------------===//
#include "runtime/kernels/Gemm.h"

#include <array>
#include <cstring>
#include <map>
#include <memory>
#include <oneapi/dnnl/dnnl.hpp>
#include <utility>
#include <vector>

namespace rt {

namespace {

using dnnl::memory;

const dnnl::engine &engine() {
  static dnnl::engine cpu(dnnl::engine::kind::cpu, 0);
  return cpu;
}

dnnl::stream &stream() {
  static dnnl::stream inOrder(engine());
  return inOrder;
}

int64_t batchSize(const MatmulShape &s) {
  return s.batch[0].size * s.batch[1].size * s.batch[2].size;
}

/// A dimension of size 1 may have any stride: give it the one that a dense matrix would have.
MatrixStrides tidy(MatrixStrides strides, int64_t rows, int64_t columns) {
  if (rows == 1)
    strides.row = strides.column == 1 ? columns : 1;
  if (columns == 1)
    strides.column = strides.row == 1 ? rows : 1;
  return strides;
}

/// The same product with tidy strides and, where that gives the result unit column stride, transposed:
/// C^T = B^T A^T.
struct Canonical {
  MatmulShape shape;
  bool swapped = false; // the caller's a is our B
};

Canonical canonical(MatmulShape s) {
  s.a = tidy(s.a, s.m, s.k);
  s.b = tidy(s.b, s.k, s.n);
  s.c = tidy(s.c, s.m, s.n);
  for (BatchAxis &axis : s.batch)
    if (axis.size == 1)
      axis = BatchAxis{};
  if (s.c.column == 1 || s.c.row != 1)
    return {s, false};
  std::swap(s.m, s.n);
  std::swap(s.a, s.b);
  for (MatrixStrides *strides : {&s.a, &s.b, &s.c})
    std::swap(strides->row, strides->column);
  for (BatchAxis &axis : s.batch)
    std::swap(axis.a, axis.b);
  return {s, true};
}

/// Whether oneDNN's fast paths read it: a unit stride, and the other dimension not folded onto itself.
bool isDirect(const MatrixStrides &s, int64_t rows, int64_t columns) {
  return (s.column == 1 && s.row >= columns) || (s.row == 1 && s.column >= rows);
}

/// Copies a matrix; `from` or `to` is packed, row by row.
void copyMatrix(int64_t rows, int64_t columns, const float *from, MatrixStrides in, float *to,
                MatrixStrides out) {
#pragma omp parallel for schedule(static)
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < columns; ++j)
      to[i * out.row + j * out.column] = from[i * in.row + j * in.column];
}

template <class F> void forEachBatch(const MatmulShape &s, F visit) {
  const BatchAxis *x = s.batch;
  for (int64_t i = 0; i < x[0].size; ++i)
    for (int64_t j = 0; j < x[1].size; ++j)
      for (int64_t l = 0; l < x[2].size; ++l)
        visit(i * x[0].a + j * x[1].a + l * x[2].a, i * x[0].b + j * x[1].b + l * x[2].b,
              i * x[0].c + j * x[1].c + l * x[2].c);
}

} // namespace

/// A canonical shape's oneDNN primitive. It covers all batches where oneDNN has a fast kernel for that, else
/// one matrix, called batch by batch.
struct MatmulPrimitive {
  explicit MatmulPrimitive(const MatmulShape &shape);
  void execute(const float *a, const float *b, float *c);

private:
  bool create(const MatmulShape &covered);
  void executeCovered(const float *a, const float *b, float *c);

  MatmulShape shape;
  bool coversBatch = false, isPlain = false;
  std::vector<float> packedA, packedB, packedC; // empty: the operand is read where it lies
  dnnl::matmul primitive;
  memory memoryA, memoryB, memoryC;
  std::array<dnnl_exec_arg_t, 3> arguments{};
};

namespace {

/// dims and strides of one operand, batch axes first; an operand that does not move along a batch axis has
/// size 1 there.
memory::desc describe(const MatmulShape &s, int64_t BatchAxis::*stride, int64_t rows, int64_t columns,
                      MatrixStrides strides) {
  memory::dims dims, steps;
  for (const BatchAxis &axis : s.batch)
    if (axis.size > 1) {
      dims.push_back(axis.*stride ? axis.size : 1);
      steps.push_back(axis.*stride ? axis.*stride : rows * columns);
    }
  dims.insert(dims.end(), {rows, columns});
  steps.insert(steps.end(), {strides.row, strides.column});
  return memory::desc(dims, memory::data_type::f32, steps);
}

} // namespace

MatmulPrimitive::MatmulPrimitive(const MatmulShape &s) : shape(s) {
  bool direct =
      isDirect(s.a, s.m, s.k) && isDirect(s.b, s.k, s.n) && s.c.column == 1 && isDirect(s.c, s.m, s.n);
  coversBatch = batchSize(s) == 1;
  if (direct && create(s)) {
    coversBatch = true;
    return;
  }

  MatmulShape one = s;
  for (BatchAxis &axis : one.batch)
    axis = BatchAxis{};
  auto pack = [](MatrixStrides &strides, int64_t rows, int64_t columns) {
    strides = {columns, 1};
    return std::vector<float>(size_t(rows * columns));
  };
  if (!isDirect(s.a, s.m, s.k))
    packedA = pack(one.a, s.m, s.k);
  if (!isDirect(s.b, s.k, s.n))
    packedB = pack(one.b, s.k, s.n);
  if (s.c.column != 1 || !isDirect(s.c, s.m, s.n))
    packedC = pack(one.c, s.m, s.n);
  isPlain = !create(one);
}

/// False where oneDNN has no kernel, or only its reference one.
bool MatmulPrimitive::create(const MatmulShape &s) {
  memory::desc a = describe(s, &BatchAxis::a, s.m, s.k, s.a);
  memory::desc b = describe(s, &BatchAxis::b, s.k, s.n, s.b);
  memory::desc c = describe(s, &BatchAxis::c, s.m, s.n, s.c);
  try {
    dnnl::primitive_attr attributes;
    if (s.accumulate) {
      dnnl::post_ops sum;
      sum.append_sum(1.0f);
      attributes.set_post_ops(sum);
    }
    dnnl::matmul::primitive_desc description(dnnl::matmul::desc(a, b, c), attributes, engine());
    if (!std::strncmp(description.impl_info_str(), "ref", 3))
      return false;
    primitive = dnnl::matmul(description);
  } catch (const dnnl::error &) {
    return false;
  }
  memoryA = memory(a, engine(), nullptr);
  memoryB = memory(b, engine(), nullptr);
  memoryC = memory(c, engine(), nullptr);
  arguments = {
      {{DNNL_ARG_SRC, memoryA.get()}, {DNNL_ARG_WEIGHTS, memoryB.get()}, {DNNL_ARG_DST, memoryC.get()}}};
  return true;
}

void MatmulPrimitive::executeCovered(const float *a, const float *b, float *c) {
  memoryA.set_data_handle(const_cast<float *>(a), stream());
  memoryB.set_data_handle(const_cast<float *>(b), stream());
  memoryC.set_data_handle(c, stream());
  // The C interface: the C++ one builds a hash table of arguments on each call.
  dnnl_primitive_execute(primitive.get(), stream().get(), int(arguments.size()), arguments.data());
}

void MatmulPrimitive::execute(const float *a, const float *b, float *c) {
  const MatmulShape &s = shape;
  if (isPlain)
    return matmulPlain(s, a, b, c);
  if (coversBatch && packedA.empty() && packedB.empty() && packedC.empty())
    return executeCovered(a, b, c);
  forEachBatch(s, [&](int64_t offsetA, int64_t offsetB, int64_t offsetC) {
    const float *readA = a + offsetA, *readB = b + offsetB;
    float *written = c + offsetC;
    if (!packedA.empty()) {
      copyMatrix(s.m, s.k, readA, s.a, packedA.data(), {s.k, 1});
      readA = packedA.data();
    }
    if (!packedB.empty()) {
      copyMatrix(s.k, s.n, readB, s.b, packedB.data(), {s.n, 1});
      readB = packedB.data();
    }
    if (!packedC.empty()) {
      if (s.accumulate)
        copyMatrix(s.m, s.n, written, s.c, packedC.data(), {s.n, 1});
      executeCovered(readA, readB, packedC.data());
      return copyMatrix(s.m, s.n, packedC.data(), {s.n, 1}, written, s.c);
    }
    executeCovered(readA, readB, written);
  });
}

//===----------------------------------------------------------------------===//
// Matmul: the list of all, and the table of distinct shapes
//===----------------------------------------------------------------------===//

namespace {

Matmul *&firstMatmul() {
  static Matmul *first = nullptr;
  return first;
}

using ShapeKey = std::array<int64_t, 22>;

ShapeKey keyOf(const MatmulShape &s) {
  ShapeKey key = {s.m, s.n, s.k, s.accumulate, s.a.row, s.a.column, s.b.row, s.b.column, s.c.row, s.c.column};
  size_t at = 10;
  for (const BatchAxis &axis : s.batch)
    for (int64_t value : {axis.size, axis.a, axis.b, axis.c})
      key[at++] = value;
  return key;
}

/// Never destroyed: static Matmuls may outlive any other static object.
MatmulPrimitive *primitiveOf(const MatmulShape &canonicalShape) {
  static auto &table = *new std::map<ShapeKey, std::unique_ptr<MatmulPrimitive>>;
  std::unique_ptr<MatmulPrimitive> &entry = table[keyOf(canonicalShape)];
  if (!entry)
    entry = std::make_unique<MatmulPrimitive>(canonicalShape);
  return entry.get();
}

} // namespace

Matmul::Matmul(const MatmulShape &shape) : dims(shape), next(firstMatmul()) {
  firstMatmul() = this;
}

Matmul::~Matmul() {
  Matmul **link = &firstMatmul();
  while (*link != this)
    link = &(*link)->next;
  *link = next;
}

void prepareMatmuls() {
  for (Matmul *matmul = firstMatmul(); matmul; matmul = matmul->next)
    if (!matmul->primitive)
      matmul->primitive = primitiveOf(canonical(matmul->dims).shape);
}

void Matmul::operator()(const float *a, const float *b, float *c) const {
  if (dims.m == 0 || dims.n == 0 || batchSize(dims) == 0)
    return;
  if (dims.k == 0)
    return matmulPlain(dims, a, b, c);
  Canonical form = canonical(dims);
  if (!primitive)
    primitive = primitiveOf(form.shape);
  form.swapped ? primitive->execute(b, a, c) : primitive->execute(a, b, c);
}

void matmulPlain(const MatmulShape &s, const float *a, const float *b, float *c) {
  forEachBatch(s, [&](int64_t offsetA, int64_t offsetB, int64_t offsetC) {
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < s.m; ++i)
      for (int64_t j = 0; j < s.n; ++j) {
        float &to = c[offsetC + i * s.c.row + j * s.c.column];
        float sum = s.accumulate ? to : 0.0f;
        for (int64_t l = 0; l < s.k; ++l)
          sum += a[offsetA + i * s.a.row + l * s.a.column] * b[offsetB + l * s.b.row + j * s.b.column];
        to = sum;
      }
  });
}

} // namespace rt
