//===- EvaluateMovers.cpp - reference values of the movers ----------------===//

#include "dialects/nn/EvaluateLoops.h"
#include "dialects/nn/Nn.h"

using namespace mlir;
using namespace nn;

/// The axes of `shard` other than those named.
static Nest others(const Shard &shard, ArrayRef<StringAttr> named) {
  return filter(nestOf(shard), [&](StringAttr name) { return !llvm::is_contained(named, name); });
}

/// The axes called `names`, in that order.
static Nest pick(const Shard &shard, ArrayRef<StringAttr> names) {
  Nest nest;
  for (StringAttr name : names)
    nest.push_back({name, shard.find(name)->count});
  return nest;
}

static SmallVector<StringAttr> namesIn(ArrayAttr names) {
  return llvm::to_vector(names.getAsRange<StringAttr>());
}

LogicalResult RenameOp::evaluate(EvaluateContext &context, ArrayRef<Shard> operands,
                                 SmallVectorImpl<Shard> &results) {
  Nest nest = nestOf(operands[0]);
  for (Extent &extent : nest)
    if (extent.name == getFromAttr())
      extent.name = getToAttr();
  results.push_back(context.shardFor(getType()));
  store(operands[0].values, nest, results.back());
  return success();
}

LogicalResult SplitOp::evaluate(EvaluateContext &context, ArrayRef<Shard> operands,
                                SmallVectorImpl<Shard> &results) {
  const Shard &operand = operands[0];
  Nest rest = others(operand, getAxisAttr());
  results.push_back(context.shardFor(getType()));
  Nest parts = pick(results.back(), namesIn(getParts()));
  store(arrange(operand, concat({rest, pick(operand, getAxisAttr())})), concat({rest, parts}),
        results.back());
  return success();
}

LogicalResult MergeOp::evaluate(EvaluateContext &context, ArrayRef<Shard> operands,
                                SmallVectorImpl<Shard> &results) {
  const Shard &operand = operands[0];
  SmallVector<StringAttr> parts = namesIn(getParts());
  Nest rest = others(operand, parts);
  results.push_back(context.shardFor(getType()));
  Nest whole = pick(results.back(), getAxisAttr());
  store(arrange(operand, concat({rest, pick(operand, parts)})), concat({rest, whole}), results.back());
  return success();
}

/// Cuts `operand` along `axis` into one piece for each result, `part(i)` being the piece's own axes.
static void cut(EvaluateContext &context, const Shard &operand, StringAttr axis, TypeRange types,
                function_ref<Nest(size_t, const Shard &)> part, SmallVectorImpl<Shard> &results) {
  Nest rest = others(operand, axis);
  Values values = arrange(operand, concat({pick(operand, axis), rest}));
  const double *from = values->data();
  for (auto [index, type] : llvm::enumerate(types)) {
    results.push_back(context.shardFor(cast<NamedTensorType>(type)));
    Nest nest = concat({part(index, results.back()), rest});
    store(std::vector<double>(from, from + product(nest)), nest, results.back());
    from += product(nest);
  }
}

/// The inverse: operands one after the other along `axis`.
static void join(ArrayRef<Shard> operands, StringAttr axis, function_ref<Nest(size_t, const Shard &)> part,
                 Shard result, SmallVectorImpl<Shard> &results) {
  Nest rest = others(result, axis);
  std::vector<double> values;
  for (auto [index, operand] : llvm::enumerate(operands)) {
    Values piece = arrange(operand, concat({part(index, operand), rest}));
    values.insert(values.end(), piece->begin(), piece->end());
  }
  store(std::move(values), concat({pick(result, axis), rest}), result);
  results.push_back(std::move(result));
}

LogicalResult SliceOp::evaluate(EvaluateContext &context, ArrayRef<Shard> operands,
                                SmallVectorImpl<Shard> &results) {
  SmallVector<StringAttr> parts = namesIn(getParts());
  cut(
      context, operands[0], getAxisAttr(), getResultTypes(),
      [&](size_t index, const Shard &result) { return pick(result, parts[index]); }, results);
  return success();
}

LogicalResult ConcatOp::evaluate(EvaluateContext &context, ArrayRef<Shard> operands,
                                 SmallVectorImpl<Shard> &results) {
  SmallVector<StringAttr> parts = namesIn(getParts());
  join(
      operands, getAxisAttr(),
      [&](size_t index, const Shard &operand) { return pick(operand, parts[index]); },
      context.shardFor(getType()), results);
  return success();
}

LogicalResult UnstackOp::evaluate(EvaluateContext &context, ArrayRef<Shard> operands,
                                  SmallVectorImpl<Shard> &results) {
  cut(
      context, operands[0], getAxisAttr(), getResultTypes(), [](size_t, const Shard &) { return Nest(); },
      results);
  return success();
}

LogicalResult StackOp::evaluate(EvaluateContext &context, ArrayRef<Shard> operands,
                                SmallVectorImpl<Shard> &results) {
  join(
      operands, getAxisAttr(), [](size_t, const Shard &) { return Nest(); }, context.shardFor(getType()),
      results);
  return success();
}

LogicalResult DetachOp::evaluate(EvaluateContext &context, ArrayRef<Shard> operands,
                                 SmallVectorImpl<Shard> &results) {
  results.push_back(context.shardFor(getType()));
  store(operands[0].values, nestOf(operands[0]), results.back());
  return success();
}
