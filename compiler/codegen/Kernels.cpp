//===- Kernels.cpp - the scalars of a kernel, and outputs that do not fold -===//

#include "compiler/codegen/Kernels.h"
#include "dialects/exec/Loops.h"

#include <fmt/format.h>

using namespace mlir;

namespace shardc::codegen {

static constexpr size_t kLongest = 84; ///< columns of an expression; longer ones get a name

KernelPrinter::KernelPrinter(exec::KernelOp op, Work &work)
    : op(op), work(work), loops(exec::loopsOf(op.getLoops())) {
  for (Value input : op.getInputs())
    inputs.push_back(work.read(input));
  for (Value output : op.getOutputs())
    outputs.push_back(work.written(output));
}

KernelPrinter::Order KernelPrinter::order(llvm::ArrayRef<int> indices) const {
  Order result;
  for (int index : indices) {
    result.nest.add(loops[index]);
    result.from.push_back(index);
  }
  return result;
}

//===-- scalars ------------------------------------------------------------===//

/// Turns the region into statements and expressions; each scalar at the depth at which its operands are
/// known.
FailureOr<KernelPrinter::Staged> KernelPrinter::stage(const Order &order, llvm::ArrayRef<size_t> wanted) {
  Block &body = op.getBody().front();
  Operation *yield = body.getTerminator();
  size_t innermost = order.nest.loops.size();

  // What is needed, and how often.
  llvm::DenseMap<Value, int> uses;
  for (size_t output : wanted)
    ++uses[yield->getOperand(output)];
  for (Operation &scalar : llvm::reverse(body.without_terminator()))
    if (uses.count(scalar.getResult(0)))
      for (Value operand : scalar.getOperands())
        ++uses[operand];

  llvm::DenseMap<Value, size_t> depth;
  for (auto [index, argument] : llvm::enumerate(body.getArguments()))
    depth[argument] = order.nest.depthOf(order.strides(stridesOf(index)));
  for (Operation &scalar : body.without_terminator()) {
    size_t deepest = 0;
    for (Value operand : scalar.getOperands())
      deepest = std::max(deepest, depth[operand]);
    depth[scalar.getResult(0)] = deepest;
  }
  auto usedAt = [&](Value value) {
    size_t shallowest = innermost;
    for (Operation *user : value.getUsers())
      if (user != yield && uses.count(user->getResult(0)))
        shallowest = std::min(shallowest, depth[user->getResult(0)]);
    return shallowest;
  };

  Staged staged;
  llvm::DenseMap<Value, Expression> known;
  auto define = [&](Value value, Expression expression, llvm::StringRef name, bool always) {
    bool inlined =
        !always && uses[value] == 1 && depth[value] == usedAt(value) && expression.text.size() <= kLongest;
    if (!inlined) {
      std::string variable = work.names.fresh(name);
      staged.statements.push_back({depth[value], fmt::format("const {} {} = {};", cppType(value.getType()),
                                                             variable, expression.text)});
      expression = {variable};
    }
    known[value] = expression;
  };

  // Where several outputs are stored, one of them may overwrite an input: everything is read before.
  for (auto [index, argument] : llvm::enumerate(body.getArguments()))
    if (uses.count(argument))
      define(argument, {order.nest.element(inputs[index], order.strides(stridesOf(index)))},
             inputs[index] + (depth[argument] ? "_i" : "_value"), wanted.size() > 1);
  for (Operation &scalar : body.without_terminator()) {
    Value result = scalar.getResult(0);
    if (!uses.count(result))
      continue;
    auto operands = llvm::map_to_vector(scalar.getOperands(), [&](Value v) { return known[v]; });
    FailureOr<Expression> expression = scalarExpression(&scalar, operands);
    if (failed(expression))
      return scalar.emitOpError("cannot be written as C++"), failure();
    if (isa<arith::ConstantOp>(scalar)) {
      known[result] = *expression;
      continue;
    }
    llvm::StringRef name = exec::nameOf(scalar.getLoc());
    define(result, *expression, name.empty() ? "t" : name, false);
  }
  for (size_t output : wanted)
    staged.results.push_back(known[yield->getOperand(output)]);
  return staged;
}

std::string KernelPrinter::neutral(size_t output) const {
  std::string type = cppType(typeOf(output));
  return isMax(output) ? fmt::format("std::numeric_limits<{}>::lowest()", type)
                       : literal(0.0, typeOf(output));
}

std::string KernelPrinter::fold(size_t output, const std::string &into, const Expression &value) const {
  if (isMax(output))
    return fmt::format("{0} = {1} > {0} ? {1} : {0};", into, value.within(Binding::sum));
  return fmt::format("{} += {};", into, value.text);
}

std::string KernelPrinter::store(const Order &order, size_t output, const std::string &value) const {
  const char *how = op.getStore(output) == exec::Store::add ? "+=" : "=";
  return fmt::format("{} {} {};", order.nest.element(outputs[output], order.strides(stridesOfOutput(output))),
                     how, value);
}

//===-- nests --------------------------------------------------------------===//

LogicalResult KernelPrinter::printPointwise(llvm::ArrayRef<size_t> which) {
  auto all = llvm::map_to_vector(llvm::seq<int>(0, loops.size()), [](int i) { return i; });
  Order nest = order(all);
  FailureOr<Staged> staged = stage(nest, which);
  if (failed(staged))
    return failure();
  for (auto [output, result] : llvm::zip(which, staged->results))
    staged->statements.push_back({loops.size(), store(nest, output, result.text)});
  nest.nest.print(work.body, staged->statements, {.parallelLoops = loops.size()});
  return success();
}

LogicalResult KernelPrinter::print() {
  for (Value operand : op->getOperands())
    if (Type element = cast<exec::BufferType>(operand.getType()).getElementType(); cppType(element).empty())
      return op.emitOpError() << "has elements of " << element << ", which a trainer does not have";
  llvm::SmallVector<size_t> pointwise;
  for (size_t output = 0; output < outputs.size(); ++output) {
    if (!folds(output))
      pointwise.push_back(output);
    else if (failed(printFold(output)))
      return failure();
  }
  return pointwise.empty() ? success() : printPointwise(pointwise);
}

LogicalResult printLoops(exec::KernelOp op, Work &work) {
  return KernelPrinter(op, work).print();
}

} // namespace shardc::codegen
