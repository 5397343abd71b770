//===- Scalars.cpp - scalar arith and math ops as C++ expressions ----------===//
//
// One row for each op: infix, a call, or a conversion. f32 functions are the runtime's, which vectorise; f64
// ones are the standard library's.
//
//===----------------------------------------------------------------------===//

#include "compiler/codegen/Scalars.h"
#include "compiler/codegen/Text.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "llvm/ADT/StringMap.h"
#include <fmt/format.h>

using namespace mlir;

namespace shardc::codegen {
namespace {

using Operands = llvm::ArrayRef<Expression>;

struct Infix {
  const char *sign;
  Binding binding;
};

Expression infix(Infix how, Operands x) {
  // The right operand binds tighter: a - (b - c), a / (b * c).
  Binding right = static_cast<Binding>(static_cast<int>(how.binding) - 1);
  return {fmt::format("{} {} {}", x[0].within(how.binding), how.sign, x[1].within(right)), how.binding};
}

Expression call(const std::string &function, Operands x) {
  std::string text = function + "(";
  for (const Expression &operand : x)
    text += (&operand == x.begin() ? "" : ", ") + operand.text;
  return {text + ")"};
}

const llvm::StringMap<Infix> &infixes() {
  static const llvm::StringMap<Infix> table = {
      {"arith.addf", {"+", Binding::sum}},     {"arith.subf", {"-", Binding::sum}},
      {"arith.mulf", {"*", Binding::product}}, {"arith.divf", {"/", Binding::product}},
      {"arith.addi", {"+", Binding::sum}},     {"arith.subi", {"-", Binding::sum}},
      {"arith.muli", {"*", Binding::product}}, {"arith.divsi", {"/", Binding::product}},
      {"arith.remsi", {"%", Binding::product}}};
  return table;
}

/// f32 and f64 function of an op. `maximum` and its like are support/Scalars.h's.
struct Functions {
  const char *single, *wide;
};

const llvm::StringMap<Functions> &functions() {
  static const llvm::StringMap<Functions> table = {{"math.exp", {"rt::exp", "std::exp"}},
                                                   {"math.log", {"rt::log", "std::log"}},
                                                   {"math.tanh", {"rt::tanh", "std::tanh"}},
                                                   {"math.erf", {"rt::erf", "std::erf"}},
                                                   {"math.rsqrt", {"rt::rsqrt", "1.0 / std::sqrt"}},
                                                   {"math.sqrt", {"std::sqrt", "std::sqrt"}},
                                                   {"math.absf", {"std::fabs", "std::fabs"}},
                                                   {"math.absi", {"std::abs", "std::abs"}},
                                                   {"math.sin", {"std::sin", "std::sin"}},
                                                   {"math.cos", {"std::cos", "std::cos"}},
                                                   {"math.exp2", {"std::exp2", "std::exp2"}},
                                                   {"math.expm1", {"std::expm1", "std::expm1"}},
                                                   {"math.log2", {"std::log2", "std::log2"}},
                                                   {"math.log1p", {"std::log1p", "std::log1p"}},
                                                   {"math.floor", {"std::floor", "std::floor"}},
                                                   {"math.ceil", {"std::ceil", "std::ceil"}},
                                                   {"math.round", {"std::round", "std::round"}},
                                                   {"math.roundeven", {"std::nearbyint", "std::nearbyint"}},
                                                   {"math.trunc", {"std::trunc", "std::trunc"}},
                                                   {"math.powf", {"std::pow", "std::pow"}},
                                                   {"math.fma", {"std::fma", "std::fma"}},
                                                   {"math.copysign", {"std::copysign", "std::copysign"}},
                                                   {"arith.maximumf", {"maximum", "maximum"}},
                                                   {"arith.minimumf", {"minimum", "minimum"}},
                                                   {"arith.maxnumf", {"std::fmax", "std::fmax"}},
                                                   {"arith.minnumf", {"std::fmin", "std::fmin"}},
                                                   {"arith.maxsi", {"std::max", "std::max"}},
                                                   {"arith.minsi", {"std::min", "std::min"}},
                                                   {"arith.remf", {"std::fmod", "std::fmod"}},
                                                   {"arith.floordivsi", {"floorDivide", "floorDivide"}}};
  return table;
}

/// Conversions to the result's type.
bool isConversion(llvm::StringRef name) {
  return llvm::is_contained({"arith.sitofp", "arith.fptosi", "arith.extf", "arith.truncf", "arith.extsi",
                             "arith.extui", "arith.trunci", "arith.index_cast"},
                            name);
}

Expression comparison(const char *sign, Operands x) {
  return infix({sign, Binding::comparison}, x);
}
Expression negated(const Expression &x) {
  return {"!" + x.within(Binding::primary), Binding::unary};
}

Expression compare(arith::CmpFPredicate predicate, Operands x) {
  using P = arith::CmpFPredicate;
  switch (predicate) {
  case P::OEQ:
    return comparison("==", x);
  case P::OGT:
    return comparison(">", x);
  case P::OGE:
    return comparison(">=", x);
  case P::OLT:
    return comparison("<", x);
  case P::OLE:
    return comparison("<=", x);
  case P::UNE:
    return comparison("!=", x);
  case P::UGT:
    return negated(comparison("<=", x));
  case P::UGE:
    return negated(comparison("<", x));
  case P::ULT:
    return negated(comparison(">=", x));
  case P::ULE:
    return negated(comparison(">", x));
  case P::ONE:
    return call("std::islessgreater", x);
  case P::UEQ:
    return negated(call("std::islessgreater", x));
  case P::UNO:
    return call("std::isunordered", x);
  case P::ORD:
    return negated(call("std::isunordered", x));
  case P::AlwaysTrue:
    return {"true"};
  case P::AlwaysFalse:
    return {"false"};
  }
  return {"false"};
}

FailureOr<Expression> compare(arith::CmpIPredicate predicate, Operands x) {
  using P = arith::CmpIPredicate;
  static const llvm::DenseMap<int, const char *> signs = {{int(P::eq), "=="}, {int(P::ne), "!="},
                                                          {int(P::slt), "<"}, {int(P::sle), "<="},
                                                          {int(P::sgt), ">"}, {int(P::sge), ">="}};
  auto found = signs.find(int(predicate));
  if (found == signs.end())
    return failure();
  return comparison(found->second, x);
}

/// and, or, xor: of truth values or of bits.
std::optional<Expression> logic(llvm::StringRef name, bool ofBits, Operands x) {
  const char *sign = name == "arith.andi"   ? (ofBits ? "&" : "&&")
                     : name == "arith.ori"  ? (ofBits ? "|" : "||")
                     : name == "arith.xori" ? (ofBits ? "^" : "!=")
                                            : nullptr;
  if (!sign)
    return std::nullopt;
  Binding operands = ofBits || *sign == '!' ? Binding::unary : Binding::comparison;
  return Expression{fmt::format("{} {} {}", x[0].within(operands), sign, x[1].within(operands)),
                    Binding::conjunction};
}

Expression constant(arith::ConstantOp op) {
  if (auto number = dyn_cast<FloatAttr>(op.getValue())) {
    double value = number.getValueAsDouble();
    return {literal(value, op.getType()), value < 0 ? Binding::unary : Binding::primary};
  }
  int64_t value = cast<IntegerAttr>(op.getValue()).getValue().getSExtValue();
  return {literal(value, op.getType()), value < 0 ? Binding::unary : Binding::primary};
}

} // namespace

FailureOr<Expression> scalarExpression(Operation *op, Operands x) {
  llvm::StringRef name = op->getName().getStringRef();
  Type type = op->getResult(0).getType();
  if (cppType(type).empty())
    return failure();
  if (auto number = dyn_cast<arith::ConstantOp>(op))
    return constant(number);
  if (auto found = infixes().find(name); found != infixes().end())
    return infix(found->second, x);
  if (auto found = functions().find(name); found != functions().end())
    return call(type.isF64() ? found->second.wide : found->second.single, x);
  if (isConversion(name))
    return call(cppType(type), x);
  if (name == "arith.negf")
    return Expression{"-" + x[0].within(Binding::primary), Binding::unary};
  if (auto compareOp = dyn_cast<arith::CmpFOp>(op))
    return compare(compareOp.getPredicate(), x);
  if (auto compareOp = dyn_cast<arith::CmpIOp>(op))
    return compare(compareOp.getPredicate(), x);
  if (name == "arith.select")
    return Expression{fmt::format("{} ? {} : {}", x[0].within(Binding::conjunction),
                                  x[1].within(Binding::conjunction), x[2].within(Binding::conjunction)),
                      Binding::conditional};
  if (std::optional<Expression> bits = logic(name, !type.isInteger(1), x))
    return *bits;
  return failure();
}

} // namespace shardc::codegen
