//===- ScalarTape.cpp - the scalar region of an op, compiled to columns ---===//

#include "dialects/nn/ScalarTape.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

#include "llvm/ADT/StringMap.h"

#include <cmath>

using namespace mlir;
using namespace nn;

namespace {

using Kernel = ScalarTape::Kernel;

template <auto f> void unary(double *r, const double *a, const double *, const double *, int64_t n) {
  for (int64_t i = 0; i < n; ++i)
    r[i] = f(a[i]);
}
template <auto f> void binary(double *r, const double *a, const double *b, const double *, int64_t n) {
  for (int64_t i = 0; i < n; ++i)
    r[i] = f(a[i], b[i]);
}
template <auto f> void ternary(double *r, const double *a, const double *b, const double *c, int64_t n) {
  for (int64_t i = 0; i < n; ++i)
    r[i] = f(a[i], b[i], c[i]);
}

using D = double;
int64_t whole(double x) {
  return static_cast<int64_t>(x);
}
double bits(uint64_t x) {
  return static_cast<double>(static_cast<int64_t>(x));
}

const llvm::StringMap<Kernel> &kernels() {
  static const llvm::StringMap<Kernel> table = {
      {"arith.addf", binary<[](D a, D b) { return a + b; }>},
      {"arith.subf", binary<[](D a, D b) { return a - b; }>},
      {"arith.mulf", binary<[](D a, D b) { return a * b; }>},
      {"arith.divf", binary<[](D a, D b) { return a / b; }>},
      {"arith.remf", binary<[](D a, D b) { return std::fmod(a, b); }>},
      {"arith.negf", unary<[](D a) { return -a; }>},
      {"arith.maximumf", binary<[](D a, D b) { return (a > b) || std::isnan(a) ? a : b; }>},
      {"arith.minimumf", binary<[](D a, D b) { return a < b || std::isnan(a) ? a : b; }>},
      {"arith.maxnumf", binary<[](D a, D b) { return std::fmax(a, b); }>},
      {"arith.minnumf", binary<[](D a, D b) { return std::fmin(a, b); }>},
      {"arith.select", ternary<[](D a, D b, D c) { return a != 0 ? b : c; }>},
      {"arith.addi", binary<[](D a, D b) { return a + b; }>},
      {"arith.subi", binary<[](D a, D b) { return a - b; }>},
      {"arith.muli", binary<[](D a, D b) { return a * b; }>},
      {"arith.divsi", binary<[](D a, D b) { return b != 0 ? D(whole(a) / whole(b)) : 0.0; }>},
      {"arith.divui", binary<[](D a, D b) { return b != 0 ? D(whole(a) / whole(b)) : 0.0; }>},
      {"arith.floordivsi", binary<[](D a, D b) { return std::floor(a / b); }>},
      {"arith.remsi", binary<[](D a, D b) { return b != 0 ? D(whole(a) % whole(b)) : 0.0; }>},
      {"arith.remui", binary<[](D a, D b) { return b != 0 ? D(whole(a) % whole(b)) : 0.0; }>},
      {"arith.maxsi", binary<[](D a, D b) { return std::max(a, b); }>},
      {"arith.minsi", binary<[](D a, D b) { return std::min(a, b); }>},
      {"arith.andi", binary<[](D a, D b) { return bits(whole(a) & whole(b)); }>},
      {"arith.ori", binary<[](D a, D b) { return bits(whole(a) | whole(b)); }>},
      {"arith.xori", binary<[](D a, D b) { return bits(whole(a) ^ whole(b)); }>},
      {"arith.sitofp", unary<[](D a) { return a; }>},
      {"arith.uitofp", unary<[](D a) { return a; }>},
      {"arith.fptosi", unary<[](D a) { return std::trunc(a); }>},
      {"arith.fptoui", unary<[](D a) { return std::trunc(a); }>},
      {"arith.extf", unary<[](D a) { return a; }>},
      {"arith.truncf", unary<[](D a) { return a; }>}, // all floats are f64 here
      {"arith.extsi", unary<[](D a) { return a; }>},
      {"arith.extui", unary<[](D a) { return a; }>},
      {"arith.trunci", unary<[](D a) { return a; }>},
      {"math.absf", unary<[](D a) { return std::fabs(a); }>},
      {"math.absi", unary<[](D a) { return std::fabs(a); }>},
      {"math.ceil", unary<[](D a) { return std::ceil(a); }>},
      {"math.floor", unary<[](D a) { return std::floor(a); }>},
      {"math.cos", unary<[](D a) { return std::cos(a); }>},
      {"math.sin", unary<[](D a) { return std::sin(a); }>},
      {"math.erf", unary<[](D a) { return std::erf(a); }>},
      {"math.exp", unary<[](D a) { return std::exp(a); }>},
      {"math.exp2", unary<[](D a) { return std::exp2(a); }>},
      {"math.expm1", unary<[](D a) { return std::expm1(a); }>},
      {"math.log", unary<[](D a) { return std::log(a); }>},
      {"math.log1p", unary<[](D a) { return std::log1p(a); }>},
      {"math.log2", unary<[](D a) { return std::log2(a); }>},
      {"math.sqrt", unary<[](D a) { return std::sqrt(a); }>},
      {"math.rsqrt", unary<[](D a) { return 1.0 / std::sqrt(a); }>},
      {"math.tanh", unary<[](D a) { return std::tanh(a); }>},
      {"math.powf", binary<[](D a, D b) { return std::pow(a, b); }>},
      {"math.fpowi", binary<[](D a, D b) { return std::pow(a, b); }>},
      {"math.ipowi", binary<[](D a, D b) { return std::pow(a, b); }>},
      {"math.fma", ternary<[](D a, D b, D c) { return a * b + c; }>},
      {"math.copysign", binary<[](D a, D b) { return std::copysign(a, b); }>},
  };
  return table;
}

/// Ordered comparisons are false on NaN, unordered ones true; integers are never NaN.
Kernel comparison(arith::CmpFPredicate predicate) {
  using P = arith::CmpFPredicate;
  switch (predicate) {
  case P::OEQ:
    return binary<[](D a, D b) { return D(a == b); }>;
  case P::OGT:
    return binary<[](D a, D b) { return D(a > b); }>;
  case P::OGE:
    return binary<[](D a, D b) { return D(a >= b); }>;
  case P::OLT:
    return binary<[](D a, D b) { return D(a < b); }>;
  case P::OLE:
    return binary<[](D a, D b) { return D(a <= b); }>;
  case P::ONE:
    return binary<[](D a, D b) { return D(a < b || a > b); }>;
  case P::ORD:
    return binary<[](D a, D b) { return D(!std::isunordered(a, b)); }>;
  case P::UEQ:
    return binary<[](D a, D b) { return D(!(a < b || a > b)); }>;
  case P::UGT:
    return binary<[](D a, D b) { return D(!(a <= b)); }>;
  case P::UGE:
    return binary<[](D a, D b) { return D(!(a < b)); }>;
  case P::ULT:
    return binary<[](D a, D b) { return D(!(a >= b)); }>;
  case P::ULE:
    return binary<[](D a, D b) { return D(!(a > b)); }>;
  case P::UNE:
    return binary<[](D a, D b) { return D(a != b); }>;
  case P::UNO:
    return binary<[](D a, D b) { return D(std::isunordered(a, b)); }>;
  case P::AlwaysFalse:
    return binary<[](D, D) { return 0.0; }>;
  case P::AlwaysTrue:
    return binary<[](D, D) { return 1.0; }>;
  }
  llvm_unreachable("all predicates are above");
}

/// i1 is held as 0 or 1 and everything else is signed and far below 2^53; unsigned comparisons order negative
/// numbers last.
Kernel comparison(arith::CmpIPredicate predicate) {
  using P = arith::CmpIPredicate;
  switch (predicate) {
  case P::eq:
    return binary<[](D a, D b) { return D(a == b); }>;
  case P::ne:
    return binary<[](D a, D b) { return D(a != b); }>;
  case P::slt:
    return binary<[](D a, D b) { return D(a < b); }>;
  case P::sle:
    return binary<[](D a, D b) { return D(a <= b); }>;
  case P::sgt:
    return binary<[](D a, D b) { return D(a > b); }>;
  case P::sge:
    return binary<[](D a, D b) { return D(a >= b); }>;
  case P::ult:
    return binary<[](D a, D b) { return D(uint64_t(whole(a)) < uint64_t(whole(b))); }>;
  case P::ule:
    return binary<[](D a, D b) { return D(uint64_t(whole(a)) <= uint64_t(whole(b))); }>;
  case P::ugt:
    return binary<[](D a, D b) { return D(uint64_t(whole(a)) > uint64_t(whole(b))); }>;
  case P::uge:
    return binary<[](D a, D b) { return D(uint64_t(whole(a)) >= uint64_t(whole(b))); }>;
  }
  llvm_unreachable("all predicates are above");
}

Kernel kernelOf(Operation &op) {
  if (auto compare = dyn_cast<arith::CmpFOp>(op))
    return comparison(compare.getPredicate());
  if (auto compare = dyn_cast<arith::CmpIOp>(op))
    return comparison(compare.getPredicate());
  return kernels().lookup(op.getName().getStringRef());
}

std::optional<double> constantOf(Operation &op) {
  auto constant = dyn_cast<arith::ConstantOp>(op);
  if (!constant)
    return std::nullopt;
  if (auto number = dyn_cast<FloatAttr>(constant.getValue()))
    return number.getValueAsDouble();
  auto number = dyn_cast<IntegerAttr>(constant.getValue());
  if (!number)
    return std::nullopt;
  return number.getType().isInteger(1) ? D(!number.getValue().isZero()) : D(number.getInt());
}

} // namespace

LogicalResult ScalarTape::compile(Block &body) {
  llvm::DenseMap<Value, int> columnOf;
  for (Value argument : body.getArguments())
    columnOf[argument] = columns++;
  for (Operation &op : body.without_terminator()) {
    columnOf[op.getResult(0)] = columns;
    if (std::optional<double> constant = constantOf(op)) {
      constants.push_back({columns++, *constant});
      continue;
    }
    Kernel kernel = kernelOf(op);
    if (!kernel || op.getNumOperands() > 3 || op.getNumResults() != 1)
      return op.emitOpError() << "has no reference value";
    std::array<int, 3> inputs = {-1, -1, -1};
    for (auto [index, operand] : llvm::enumerate(op.getOperands()))
      inputs[index] = columnOf.at(operand);
    instructions.push_back({kernel, columns++, inputs});
  }
  for (Value value : body.getTerminator()->getOperands())
    yielded.push_back(columnOf.at(value));
  storage.resize(columns * blockSize);
  for (int i = 0; i < columns; ++i)
    column.push_back(storage.data() + i * blockSize);
  for (auto [index, constant] : constants)
    std::fill_n(storage.data() + index * blockSize, blockSize, constant);
  return success();
}

void ScalarTape::run(ArrayRef<const double *> inputs, int64_t n) {
  llvm::copy(inputs, column.begin());
  auto at = [&](int index) { return index < 0 ? nullptr : column[index]; };
  for (const Instruction &instruction : instructions)
    instruction.kernel(storage.data() + instruction.result * blockSize, at(instruction.inputs[0]),
                       at(instruction.inputs[1]), at(instruction.inputs[2]), n);
}
