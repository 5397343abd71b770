//===- BuiltinsAxes.cpp - other axes for the same numbers -----------------===//
//
// Between axes, whole = parts: split(x, embed=[heads, head_dim]) and merge with
// the same argument; slice(x, qk_dim=[nope, rotary]) and concat likewise.
//
//===----------------------------------------------------------------------===//
#include "compiler/frontend/build/Builtins.h"
#include "compiler/frontend/build/Scalars.h"

#include <fmt/format.h>

using namespace mlir;

namespace shardc::frontend::build {
namespace {

/// The one argument `whole=[parts]` of a call.
struct Parts {
  std::string whole;
  std::vector<std::string> parts;
  const Expr *at;
};

/// The operands of a mover, which are all its arguments without a name.
std::vector<TensorPtr> operandsOf(FunctionBuilder &b, const Expr &call, size_t least, size_t most) {
  if (call.operands.size() < least || call.operands.size() > most)
    b.fail(call.at, fmt::format("'{}' takes {} tensor{}, got {}", call.name,
                                least == most ? std::to_string(least) : fmt::format("{} or more", least),
                                most == 1 ? "" : "s", call.operands.size()));
  std::vector<TensorPtr> operands;
  for (const ExprPtr &operand : call.operands) {
    const std::string what = fmt::format("the operand of '{}'", call.name);
    operands.push_back(b.tensor(*operand, what));
    b.refusePadded(operands.back()->type, operand->at, what);
  }
  return operands;
}

/// An axis that is the name of a keyword.
std::string keywordAxis(FunctionBuilder &b, const Keyword &keyword) {
  Expr axis{Expr::Kind::Name, keyword.at};
  axis.name = keyword.name;
  return b.singleAxis(axis, "the whole");
}

Parts bindParts(FunctionBuilder &b, const Expr &call) {
  if (call.keywords.size() != 1 || call.keywords[0].value->kind != Expr::Kind::List)
    b.fail(call.at, fmt::format("'{}' is told one axis and its parts", call.name),
           fmt::format("it is written {}(x, whole=[part, part])", call.name));
  const Keyword &keyword = call.keywords[0];
  return {keywordAxis(b, keyword), b.axes(*keyword.value), keyword.value.get()};
}

SmallVector<nn::AxisAttr> attrsOf(FunctionBuilder &b, const Parts &parts) {
  return llvm::map_to_vector(parts.parts, [&](const std::string &p) { return b.axisAttr(p, parts.at->at); });
}

/// The tensor's axes with `from` replaced; an axis of `to` that it has already is an error.
nn::NamedTensorType replaced(FunctionBuilder &b, const Expr &call, const Tensor &x, StringRef from,
                             ArrayRef<nn::AxisAttr> to) {
  SmallVector<nn::AxisAttr> axes;
  for (nn::AxisAttr axis : x.type.getAxes()) {
    if (axis.getName().getValue() != from)
      axes.push_back(axis);
    else
      axes.append(to.begin(), to.end());
    for (nn::AxisAttr added : to)
      if (axis.getName().getValue() != from && axis.getName() == added.getName())
        b.fail(call.at, fmt::format("the result of '{}' would have axis '{}' twice: {}", call.name,
                                    added.getName().str(), nn::toString(x.type)));
  }
  return x.type.withAxes(axes);
}

void checkSize(FunctionBuilder &b, const Expr &call, const Parts &parts, int64_t whole, int64_t found,
               const char *how) {
  if (whole != found)
    b.fail(call.at,
           fmt::format("the parts of '{}' {} to {}, its size is {}", parts.whole, how, found, whole));
}

int64_t productOf(ArrayRef<nn::AxisAttr> axes) {
  int64_t product = 1;
  for (nn::AxisAttr axis : axes)
    product *= axis.getSize();
  return product;
}

int64_t sumOf(ArrayRef<nn::AxisAttr> axes) {
  int64_t sum = 0;
  for (nn::AxisAttr axis : axes)
    sum += axis.getSize();
  return sum;
}

Term tuple(FunctionBuilder &b, ResultRange values, const Tensor &of) {
  Term term{.kind = Term::Kind::Tuple};
  for (mlir::Value value : values)
    term.parts.push_back(b.view(value, of));
  return term;
}

} // namespace

Term buildRename(FunctionBuilder &b, const Expr &call, const std::string &name) {
  TensorPtr x = operandsOf(b, call, 1, 1)[0];
  if (call.keywords.empty())
    b.fail(call.at, "'rename' is told no axis", "it is written rename(x, old=new)");
  for (const Keyword &keyword : call.keywords) {
    const std::string from = keywordAxis(b, keyword), to = b.singleAxis(*keyword.value, "the new name");
    b.requireAxes(*x, {from}, call, "the operand of 'rename'");
    if (plainAxis(from) == "batch" || plainAxis(to) == "batch")
      b.fail(keyword.at, "axis 'batch' cannot be renamed");
    const nn::AxisAttr axis = b.axisAttr(to, keyword.value->at);
    const int64_t size = x->type.find(b.str(from)).getSize();
    if (axis.getSize() != size)
      b.fail(keyword.at,
             fmt::format("axis '{}' has size {}, axis '{}' has size {}", from, size, to, axis.getSize()));
    nn::NamedTensorType type = replaced(b, call, *x, from, axis);
    mlir::Value value = b.builder.create<nn::RenameOp>(b.loc(call.at, nameOr(name, x->name)), type, x->value,
                                                       b.str(from), b.str(to));
    x = b.view(value, *x).tensor;
  }
  return Term::of(x);
}

Term buildSplit(FunctionBuilder &b, const Expr &call, const std::string &name) {
  TensorPtr x = operandsOf(b, call, 1, 1)[0];
  const Parts parts = bindParts(b, call);
  b.requireAxes(*x, {parts.whole}, call, "the operand of 'split'");
  const auto attrs = attrsOf(b, parts);
  checkSize(b, call, parts, x->type.find(b.str(parts.whole)).getSize(), productOf(attrs), "multiply");
  return b.view(b.builder.create<nn::SplitOp>(b.loc(call.at, nameOr(name, x->name)),
                                              replaced(b, call, *x, parts.whole, attrs), x->value,
                                              b.str(parts.whole), b.strs(parts.parts)),
                *x);
}

Term buildMerge(FunctionBuilder &b, const Expr &call, const std::string &name) {
  TensorPtr x = operandsOf(b, call, 1, 1)[0];
  const Parts parts = bindParts(b, call);
  b.requireAxes(*x, parts.parts, *parts.at, "the operand of 'merge'");
  const nn::AxisAttr whole = b.axisAttr(parts.whole, parts.at->at);
  SmallVector<nn::AxisAttr> axes, merged;
  for (nn::AxisAttr axis : x->type.getAxes()) {
    const bool isPart = llvm::is_contained(parts.parts, axis.getName().str());
    (isPart ? merged : axes).push_back(axis);
    if (axis.getName() == whole.getName())
      b.fail(call.at, fmt::format("the operand of 'merge' has axis '{}' already: {}", parts.whole,
                                  nn::toString(x->type)));
  }
  checkSize(b, call, parts, whole.getSize(), productOf(merged), "multiply");
  axes.push_back(whole);
  return b.view(b.builder.create<nn::MergeOp>(b.loc(call.at, nameOr(name, x->name)), x->type.withAxes(axes),
                                              x->value, b.strs(parts.parts), b.str(parts.whole)),
                *x);
}

Term buildSlice(FunctionBuilder &b, const Expr &call, const std::string &name) {
  TensorPtr x = operandsOf(b, call, 1, 1)[0];
  const Parts parts = bindParts(b, call);
  b.requireAxes(*x, {parts.whole}, call, "the operand of 'slice'");
  const auto attrs = attrsOf(b, parts);
  checkSize(b, call, parts, x->type.find(b.str(parts.whole)).getSize(), sumOf(attrs), "add up");
  SmallVector<Type> types;
  for (nn::AxisAttr part : attrs)
    types.push_back(replaced(b, call, *x, parts.whole, part));
  auto slice = b.builder.create<nn::SliceOp>(b.loc(call.at, nameOr(name, x->name)), types, x->value,
                                             b.str(parts.whole), b.strs(parts.parts));
  return tuple(b, slice.getResults(), *x);
}

/// Operands that lack axes of the others are broadcast first.
Term buildConcat(FunctionBuilder &b, const Expr &call, const std::string &name) {
  std::vector<TensorPtr> operands = operandsOf(b, call, 2, 1000);
  const Parts parts = bindParts(b, call);
  if (parts.parts.size() != operands.size())
    b.fail(call.at, fmt::format("'concat' joins {} tensors, '{}' has {} parts", operands.size(), parts.whole,
                                parts.parts.size()));
  SmallVector<nn::NamedTensorType> others;
  for (auto [operand, part] : llvm::zip(operands, parts.parts)) {
    operand = b.cast(operand, b.builder.getF32Type());
    b.requireAxes(*operand, {part}, *parts.at, "the operand of 'concat'");
    others.push_back(replaced(b, call, *operand, part, {}));
  }
  size_t first = 0, second = 0;
  nn::NamedTensorType common = broadcast(others, b.builder.getF32Type(), first, second);
  if (!common)
    b.fail(call.at,
           fmt::format("operands of 'concat' do not fit: {} and {}", nn::toString(others[first]),
                       nn::toString(others[second])),
           "besides the parts, one must have all axes of the other");
  const nn::AxisAttr whole = b.axisAttr(parts.whole, parts.at->at);
  const auto attrs = attrsOf(b, parts);
  checkSize(b, call, parts, whole.getSize(), sumOf(attrs), "add up");
  auto with = [&](nn::AxisAttr axis) {
    SmallVector<nn::AxisAttr> axes(common.getAxes());
    if (common.has(axis.getName()))
      b.fail(call.at, fmt::format("the result of 'concat' would have axis '{}' twice", axis.getName().str()));
    axes.push_back(axis);
    return common.withAxes(axes);
  };
  SmallVector<mlir::Value> values;
  for (auto [operand, attr] : llvm::zip(operands, attrs)) {
    if (operand->type.getAxes().size() != common.getAxes().size() + 1)
      operand = elementwise(b.builder, with(attr), {operand}, identityScalar(), operand->name, operand->loc);
    values.push_back(b.valueOf(*operand));
  }
  return b.result(b.builder.create<nn::ConcatOp>(b.loc(call.at, nameOr(name, "concat")), with(whole), values,
                                                 b.strs(parts.parts), b.str(parts.whole)));
}

Term buildUnstack(FunctionBuilder &b, const Expr &call, const std::string &name) {
  constexpr int64_t most = 1024; // each is a value of its own
  auto bound = b.bind(call, {{"x"}, {"axis"}});
  TensorPtr x = b.tensor(*bound[0], "the operand of 'unstack'");
  const std::string axis = b.singleAxis(*bound[1], "'axis'");
  b.requireAxes(*x, {axis}, *bound[1], "the operand of 'unstack'");
  b.refusePadded(x->type, bound[0]->at, "the operand of 'unstack'");
  b.refuseBatch({axis}, *bound[1], "'unstack'");
  const int64_t size = x->type.find(b.str(axis)).getSize();
  if (size > most)
    b.fail(call.at,
           fmt::format("'unstack' along axis '{}' would make {} tensors, at most {} are", axis, size, most));
  SmallVector<Type> types(size, replaced(b, call, *x, axis, {}));
  auto unstack =
      b.builder.create<nn::UnstackOp>(b.loc(call.at, nameOr(name, x->name)), types, x->value, b.str(axis));
  return tuple(b, unstack.getResults(), *x);
}

} // namespace shardc::frontend::build
