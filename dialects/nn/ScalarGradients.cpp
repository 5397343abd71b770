//===- ScalarGradients.cpp - reverse mode over the body of a map ----------===//
//
// One rule for each scalar op of arith and math. Products with 1, sums with 0 and double signs are folded
// while writing, so that a gradient reads as if written by hand.
//
//===----------------------------------------------------------------------===//

#include "dialects/nn/ScalarGradients.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/TypeSwitch.h"

#include <numbers>

using namespace mlir;

namespace {

/// Writes scalar arithmetic, folding what is trivial. A null value is zero.
class Scalars {
public:
  Scalars(MLIRContext *context, Block &block) : builder(context) { builder.setInsertionPointToEnd(&block); }
  OpBuilder builder;
  Location loc = UnknownLoc::get(builder.getContext());

  Value constant(Type type, double number) {
    return builder.create<arith::ConstantOp>(loc, builder.getFloatAttr(type, number));
  }
  Value add(Value a, Value b) {
    if (isZero(a) || isZero(b))
      return isZero(a) ? b : a;
    if (auto minus = b.getDefiningOp<arith::NegFOp>())
      return builder.createOrFold<arith::SubFOp>(loc, a, minus.getOperand());
    return builder.createOrFold<arith::AddFOp>(loc, a, b);
  }
  Value neg(Value a) {
    if (isZero(a))
      return {};
    if (auto minus = a.getDefiningOp<arith::NegFOp>())
      return minus.getOperand();
    return builder.createOrFold<arith::NegFOp>(loc, a);
  }
  Value sub(Value a, Value b) { return add(a, neg(b)); }
  Value mul(Value a, Value b) {
    if (isZero(a) || isZero(b))
      return {};
    if (matchPattern(a, m_OneFloat()))
      return b;
    if (isMinusOne(a) || isMinusOne(b))
      return neg(isMinusOne(a) ? b : a);
    if (auto minus = a.getDefiningOp<arith::NegFOp>()) // signs move outwards, where they meet
      return neg(mul(minus.getOperand(), b));
    if (auto minus = b.getDefiningOp<arith::NegFOp>())
      return neg(mul(a, minus.getOperand()));
    return builder.createOrFold<arith::MulFOp>(loc, a, b); // folds a * 1 too
  }
  Value mul(Value a, double number) { return isZero(a) ? Value() : mul(a, constant(a.getType(), number)); }
  Value div(Value a, Value b) { return isZero(a) ? Value() : builder.createOrFold<arith::DivFOp>(loc, a, b); }
  /// `condition ? a : b`
  Value select(Value condition, Value a, Value b) {
    if (!a && !b)
      return {};
    Type type = (a ? a : b).getType();
    a = a ? a : constant(type, 0);
    b = b ? b : constant(type, 0);
    return builder.create<arith::SelectOp>(loc, condition, a, b);
  }
  Value compare(arith::CmpFPredicate predicate, Value a, Value b) {
    return builder.create<arith::CmpFOp>(loc, predicate, a, b);
  }
  template <typename Op> Value call(Value a) { return builder.create<Op>(loc, a); }

private:
  static bool isZero(Value value) { return !value || matchPattern(value, m_AnyZeroFloat()); }
  static bool isMinusOne(Value value) {
    FloatAttr number;
    return matchPattern(value, m_Constant(&number)) && number.getValueAsDouble() == -1;
  }
};

/// The adjoints of the values of one body.
class Reverse {
public:
  Reverse(MLIRContext *context, Block &block, const IRMapping &forward)
      : s(context, block), forward(forward) {}

  void markActive(Block &body, ArrayRef<bool> wanted) {
    for (auto [argument, want] : llvm::zip(body.getArguments(), wanted))
      if (want && isa<FloatType>(argument.getType()))
        active.insert(argument);
    for (Operation &op : body.without_terminator())
      if (llvm::any_of(op.getOperands(), [&](Value operand) { return active.contains(operand); }))
        for (Value result : op.getResults())
          if (isa<FloatType>(result.getType()))
            active.insert(result);
  }
  void accumulate(Value value, Value gradient) {
    if (active.contains(value))
      adjoints[value] = s.add(adjoints.lookup(value), gradient);
  }
  Value adjoint(Value value) const { return adjoints.lookup(value); }
  LogicalResult visit(Operation &op);

private:
  LogicalResult visitArith(Operation &op, Value d);
  LogicalResult visitMath(Operation &op, Value d);
  void visitExtremum(Operation &op, Value d, arith::CmpFPredicate wins, arith::CmpFPredicate winsOrTies);
  /// The forward value, as the gradient's block sees it.
  Value at(Value value) const { return forward.lookup(value); }
  bool isActive(Value value) const { return active.contains(value); }

  Scalars s;
  const IRMapping &forward;
  llvm::DenseSet<Value> active; // floats that depend on a wanted argument
  llvm::DenseMap<Value, Value> adjoints;
};

LogicalResult Reverse::visit(Operation &op) {
  if (op.getNumResults() != 1)
    return success();
  Value d = adjoint(op.getResult(0));
  if (!d)
    return success();
  s.loc = op.getLoc();
  return isa<math::MathDialect>(op.getDialect()) ? visitMath(op, d) : visitArith(op, d);
}

/// The gradient goes to the winner. At a tie it goes to the left operand, or to the one that is not constant
/// only when it wins strictly: relu(0) has the gradient 0.
void Reverse::visitExtremum(Operation &op, Value d, arith::CmpFPredicate wins,
                            arith::CmpFPredicate winsOrTies) {
  Value lhs = op.getOperand(0), rhs = op.getOperand(1);
  bool strictly = !isActive(rhs);
  if (isActive(lhs))
    accumulate(lhs, s.select(s.compare(strictly ? wins : winsOrTies, at(lhs), at(rhs)), d, {}));
  if (isActive(rhs))
    accumulate(rhs, s.select(s.compare(wins, at(rhs), at(lhs)), d, {}));
}

LogicalResult Reverse::visitArith(Operation &op, Value d) {
  auto in = [&](unsigned i) { return op.getOperand(i); };
  Value y = at(op.getResult(0));
  return llvm::TypeSwitch<Operation *, LogicalResult>(&op)
      .Case([&](arith::AddFOp) {
        accumulate(in(0), d);
        accumulate(in(1), d);
        return success();
      })
      .Case([&](arith::SubFOp) {
        accumulate(in(0), d);
        if (isActive(in(1)))
          accumulate(in(1), s.neg(d));
        return success();
      })
      .Case([&](arith::MulFOp) {
        if (in(0) == in(1)) {
          accumulate(in(0), s.mul(d, s.mul(at(in(0)), 2)));
          return success();
        }
        if (isActive(in(0)))
          accumulate(in(0), s.mul(d, at(in(1))));
        if (isActive(in(1)))
          accumulate(in(1), s.mul(d, at(in(0))));
        return success();
      })
      .Case([&](arith::DivFOp) {
        Value quotient = s.div(d, at(in(1)));
        accumulate(in(0), quotient);
        if (isActive(in(1)))
          accumulate(in(1), s.neg(s.mul(quotient, y)));
        return success();
      })
      .Case([&](arith::NegFOp) {
        accumulate(in(0), s.neg(d));
        return success();
      })
      .Case<arith::MaximumFOp, arith::MaxNumFOp>([&](auto) {
        visitExtremum(op, d, arith::CmpFPredicate::OGT, arith::CmpFPredicate::OGE);
        return success();
      })
      .Case<arith::MinimumFOp, arith::MinNumFOp>([&](auto) {
        visitExtremum(op, d, arith::CmpFPredicate::OLT, arith::CmpFPredicate::OLE);
        return success();
      })
      .Case([&](arith::SelectOp) {
        if (isActive(in(1)))
          accumulate(in(1), s.select(at(in(0)), d, {}));
        if (isActive(in(2)))
          accumulate(in(2), s.select(at(in(0)), {}, d));
        return success();
      })
      .Case([&](arith::ExtFOp) {
        accumulate(in(0), s.builder.create<arith::TruncFOp>(s.loc, in(0).getType(), d));
        return success();
      })
      .Case([&](arith::TruncFOp) {
        accumulate(in(0), s.builder.create<arith::ExtFOp>(s.loc, in(0).getType(), d));
        return success();
      })
      .Default(
          [&](Operation *) { return op.emitError() << "'" << op.getName() << "' has no derivative here"; });
}

LogicalResult Reverse::visitMath(Operation &op, Value d) {
  Value x = at(op.getOperand(0)), y = at(op.getResult(0));
  auto to = [&](Value gradient) {
    accumulate(op.getOperand(0), gradient);
    return success();
  };
  auto one = [&] { return s.constant(x.getType(), 1); };
  return llvm::TypeSwitch<Operation *, LogicalResult>(&op)
      .Case([&](math::ExpOp) { return to(s.mul(d, y)); })
      .Case([&](math::Exp2Op) { return to(s.mul(d, s.mul(y, std::numbers::ln2))); })
      .Case([&](math::ExpM1Op) { return to(s.mul(d, s.add(y, one()))); })
      .Case([&](math::LogOp) { return to(s.div(d, x)); })
      .Case([&](math::Log2Op) { return to(s.div(d, s.mul(x, std::numbers::ln2))); })
      .Case([&](math::Log1pOp) { return to(s.div(d, s.add(x, one()))); })
      .Case([&](math::SqrtOp) { return to(s.div(s.mul(d, 0.5), y)); })
      .Case([&](math::RsqrtOp) { // -1/2 y^3
        return to(s.mul(s.mul(d, s.mul(y, -0.5)), s.mul(y, y)));
      })
      .Case([&](math::TanhOp) { return to(s.mul(d, s.sub(one(), s.mul(y, y)))); })
      .Case([&](math::ErfOp) { // 2 / sqrt(pi) exp(-x^2)
        Value bell = s.call<math::ExpOp>(s.neg(s.mul(x, x)));
        return to(s.mul(d, s.mul(bell, 2 * std::numbers::inv_sqrtpi)));
      })
      .Case([&](math::SinOp) { return to(s.mul(d, s.call<math::CosOp>(x))); })
      .Case([&](math::CosOp) { return to(s.neg(s.mul(d, s.call<math::SinOp>(x)))); })
      .Case([&](math::AbsFOp) { // 0 at 0, as everywhere
        Value zero = s.constant(x.getType(), 0);
        Value negative = s.select(s.compare(arith::CmpFPredicate::OLT, x, zero), s.neg(d), {});
        return to(s.select(s.compare(arith::CmpFPredicate::OGT, x, zero), d, negative));
      })
      .Case([&](math::PowFOp) {
        Value base = op.getOperand(0), exponent = op.getOperand(1);
        if (isActive(base)) {
          Value less = s.sub(at(exponent), one());
          Value power = s.builder.create<math::PowFOp>(s.loc, x, less);
          accumulate(base, s.mul(d, s.mul(at(exponent), power)));
        }
        if (isActive(exponent))
          accumulate(exponent, s.mul(d, s.mul(y, s.call<math::LogOp>(x))));
        return success();
      })
      .Case<math::FloorOp, math::CeilOp, math::RoundOp, math::RoundEvenOp, math::TruncOp>(
          [](auto) { return success(); }) // flat almost everywhere
      .Default(
          [&](Operation *) { return op.emitError() << "'" << op.getName() << "' has no derivative here"; });
}

} // namespace

FailureOr<SmallVector<Value>> nn::differentiateBody(Block &block, Block &body, const IRMapping &forward,
                                                    ArrayRef<Value> seeds, ArrayRef<bool> wanted) {
  Reverse reverse(body.getParentOp()->getContext(), block, forward);
  reverse.markActive(body, wanted);
  for (auto [yielded, seed] : llvm::zip(body.getTerminator()->getOperands(), seeds))
    if (seed)
      reverse.accumulate(yielded, seed);
  for (Operation &op : llvm::drop_begin(llvm::reverse(body)))
    if (failed(reverse.visit(op)))
      return failure();
  SmallVector<Value> gradients;
  for (auto [argument, want] : llvm::zip(body.getArguments(), wanted))
    gradients.push_back(want ? reverse.adjoint(argument) : Value());
  return gradients;
}
