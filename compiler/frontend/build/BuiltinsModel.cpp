//===- BuiltinsModel.cpp - gather, positions, rope, attention, dropout ----===//
#include "compiler/frontend/build/Builtins.h"

#include <cmath>
#include <fmt/format.h>

using namespace mlir;

namespace shardc::frontend::build {

/// Learned positions end where their table ends.
static void checkPositions(FunctionBuilder &b, const Expr &call, const Tensor &index, nn::AxisAttr axis) {
  auto iota = index.value.getDefiningOp<nn::IotaOp>();
  if (!iota || iota.getType().getNumElements() <= axis.getSize())
    return;
  const std::string name = axis.getName().str();
  const Located<int64_t> &seqLen = b.program.job.train.seqLen;
  if (llvm::none_of(iota.getType().names(), [](StringAttr name) { return nn::plainName(name) == "seq"; }))
    b.fail(call.at, fmt::format("{} positions are gathered from axis '{}' of size {}",
                                iota.getType().getNumElements(), name, axis.getSize()));
  b.error(seqLen.at, fmt::format("seq_len {} is more than the {} positions of axis '{}'", seqLen.value,
                                 axis.getSize(), name))
      .note(call.at, "they are gathered here")
      .note(fmt::format("seq_len can be at most {} for this model", axis.getSize()));
  throw Stop{};
}

Term buildGather(FunctionBuilder &b, const Expr &call, const std::string &name) {
  auto bound = b.bind(call, {{"w"}, {"index"}, {"axis"}});
  TensorPtr table = b.tensor(*bound[0], "the table of 'gather'");
  TensorPtr index = b.tensor(*bound[1], "the index of 'gather'");
  const std::string axis = b.singleAxis(*bound[2], "'axis' of 'gather'");
  b.requireAxes(*table, {axis}, *bound[2], "the table of 'gather'");
  if (!index->type.getElementType().isInteger(32))
    b.fail(bound[1]->at, fmt::format("the index of 'gather' must be i32, got {}", nn::toString(index->type)));
  if (index->type.has(b.str(axis)))
    b.fail(bound[2]->at,
           fmt::format("the index of 'gather' has axis '{}' itself: {}", axis, nn::toString(index->type)));
  b.refuseBatch({axis}, *bound[2], "'gather'");
  checkPositions(b, call, *index, table->type.find(b.str(axis)));

  SmallVector<nn::AxisAttr> axes(index->type.getAxes());
  for (nn::AxisAttr other : table->type.getAxes()) {
    const nn::AxisAttr shared = index->type.find(other.getName());
    if (shared && shared != other)
      b.fail(call.at, fmt::format("axis '{}' has two sizes: {} and {}", other.getName().str(),
                                  nn::toString(table->type), nn::toString(index->type)));
    if (other.getName().getValue() != axis && !shared)
      axes.push_back(other);
  }
  b.markContracted(*table);
  const std::string called = table->name.substr(0, table->name.rfind('.'));
  return b.result(b.builder.create<nn::GatherOp>(b.loc(call.at, nameOr(name, called)),
                                                 table->type.withAxes(axes), table->value, index->value,
                                                 b.str(axis)));
}

Term buildPositions(FunctionBuilder &b, const Expr &call, const std::string &) {
  auto bound = b.bind(call, {{"axis"}});
  const std::vector<std::string> over = b.axes(*bound[0]);
  b.refuseBatch(over, *bound[0], "'positions'");
  mlir::Value &iota = b.positions[over];
  if (!iota) {
    SmallVector<nn::AxisAttr> axes;
    for (const std::string &axis : over)
      axes.push_back(b.axisAttr(axis, bound[0]->at));
    iota = b.builder.create<nn::IotaOp>(b.loc(call.at, "positions"),
                                        nn::NamedTensorType::get(b.builder.getI32Type(), axes));
  }
  return b.result(iota);
}

Term buildRope(FunctionBuilder &b, const Expr &call, const std::string &name) {
  auto bound =
      b.bind(call, {{"x"}, {"positions"}, {"over"}, {"theta"}, {"scaling", false}, {"interleaved", false}});
  TensorPtr x = b.cast(b.tensor(*bound[0], "the operand of 'rope'"), b.builder.getF32Type());
  TensorPtr positions = b.tensor(*bound[1], "the positions of 'rope'");
  const std::string over = b.singleAxis(*bound[2], "'over' of 'rope'");
  b.requireAxes(*x, {over}, *bound[2], "the operand of 'rope'");
  const int64_t size = x->type.find(b.str(over)).getSize();
  if (size % 2)
    b.fail(bound[2]->at, fmt::format("'rope' turns pairs, and axis '{}' has size {}", over, size));
  if (!positions->type.getElementType().isInteger(32))
    b.fail(bound[1]->at,
           fmt::format("the positions of 'rope' must be i32, got {}", nn::toString(positions->type)));
  for (nn::AxisAttr axis : positions->type.getAxes())
    if (x->type.find(axis.getName()) != axis || axis.getName().getValue() == over)
      b.fail(bound[1]->at,
             fmt::format("the positions of 'rope' have axis '{}', which its operand lacks or turns: {}",
                         axis.getName().str(), nn::toString(x->type)));
  const double theta = *b.number(bound[3], "'theta' of 'rope'");
  if (!(theta > 1))
    b.fail(bound[3]->at, fmt::format("'theta' of 'rope' must be above 1, got {}", theta));
  DictionaryAttr scaling = bound[4] ? ropeScaling(b, *bound[4]) : DictionaryAttr();
  const bool interleaved = b.flag(bound[5], "'interleaved' of 'rope'", false);
  const std::string called = nameOr(name, x->name.empty() ? "rope" : x->name);
  mlir::Value operand = b.valueOf(*x);
  return b.result(b.builder.create<nn::RopeOp>(b.loc(call.at, called), x->type, operand, positions->value,
                                               b.str(over), b.builder.getF64FloatAttr(theta), scaling,
                                               b.builder.getBoolAttr(interleaved),
                                               b.builder.getBoolAttr(false)));
}

//===-- attention --------------------------------------------------------------===//

namespace {

constexpr const char *keyAxis = "key_seq";

struct AttentionCall {
  std::string queryAxis; ///< `seq` by its name here
  TensorPtr query, key, value;
  std::vector<std::string> over;
  const Expr *queryAt, *keyAt, *valueAt, *overAt;
};

/// Keys and values are along `seq` as the query is, each other axis of the keys is the query's and the
/// values'.
void checkAttention(FunctionBuilder &b, const AttentionCall &call) {
  b.requireAxes(*call.query, call.over, *call.overAt, "the query of 'attention'");
  b.requireAxes(*call.key, call.over, *call.overAt, "the key of 'attention'");
  b.refuseBatch(call.over, *call.overAt, "'attention'");
  b.requireAxes(*call.query, {call.queryAxis}, *call.queryAt, "the query of 'attention'");
  b.requireAxes(*call.key, {call.queryAxis}, *call.keyAt, "the key of 'attention'");
  b.requireAxes(*call.value, {call.queryAxis}, *call.valueAt, "the value of 'attention'");
  if (llvm::is_contained(call.over, call.queryAxis))
    b.fail(call.overAt->at, "'attention' cannot fold axis 'seq' of its query");
  for (nn::AxisAttr axis : call.key->type.getAxes()) {
    const std::string name = axis.getName().str();
    if (name == call.queryAxis)
      continue;
    const bool isFolded = llvm::is_contained(call.over, name);
    for (auto [side, what] : {std::pair(call.query, "query"), std::pair(call.value, "value")})
      if (side->type.find(axis.getName()) != axis && !(isFolded && side == call.value))
        b.fail(call.keyAt->at, fmt::format("the key of 'attention' has axis '{}={}', which the {} lacks: {}",
                                           name, axis.getSize(), what, nn::toString(side->type)));
  }
  for (nn::AxisAttr axis : call.value->type.getAxes()) {
    const bool isKeys =
        call.key->type.has(axis.getName()) && !llvm::is_contained(call.over, axis.getName().str());
    const bool isFolded = llvm::is_contained(call.over, axis.getName().str());
    if (!isKeys && !isFolded && call.query->type.has(axis.getName()))
      b.fail(call.valueAt->at,
             fmt::format("the value of 'attention' has axis '{}' of the query, which the key lacks: {}",
                         axis.getName().str(), nn::toString(call.key->type)));
  }
}

/// Keys and values along `key_seq`, so that scores have both sequence axes.
mlir::Value alongKeys(FunctionBuilder &b, const Expr &call, const Tensor &x, const std::string &queryAxis,
                      const std::string &name) {
  SmallVector<nn::AxisAttr> axes;
  for (nn::AxisAttr axis : x.type.getAxes())
    axes.push_back(axis.getName().getValue() == queryAxis ? axis.withName(b.str(keyAxis)) : axis);
  return b.builder.create<nn::RenameOp>(b.loc(call.at, nameOr(x.name, name)), x.type.withAxes(axes), x.value,
                                        b.str(queryAxis), b.str(keyAxis));
}

} // namespace

Term buildAttention(FunctionBuilder &b, const Expr &call, const std::string &name) {
  auto bound = b.bind(call, {{"q"},
                             {"k"},
                             {"v"},
                             {"over"},
                             {"causal", false},
                             {"window", false},
                             {"chunk", false},
                             {"scale", false},
                             {"soft_cap", false},
                             {"dropout", false},
                             {"mask", false}});
  Type f32 = b.builder.getF32Type();
  AttentionCall parts{b.config().nameOf("seq"),
                      b.cast(b.tensor(*bound[0], "the query of 'attention'"), f32),
                      b.cast(b.tensor(*bound[1], "the key of 'attention'"), f32),
                      b.cast(b.tensor(*bound[2], "the value of 'attention'"), f32),
                      b.axes(*bound[3]),
                      bound[0],
                      bound[1],
                      bound[2],
                      bound[3]};
  checkAttention(b, parts);
  if (bound[10])
    b.fail(bound[10]->at, "'mask' of 'attention' is not supported yet", "causal=, window= and chunk= are");

  int64_t folded = 1;
  for (const std::string &axis : parts.over)
    folded *= parts.query->type.find(b.str(axis)).getSize();
  const double scale =
      b.number(bound[7], "'scale' of 'attention'", true).value_or(1 / std::sqrt(double(folded)));
  const auto window = b.count(bound[5], "'window' of 'attention'");
  const auto chunk = b.count(bound[6], "'chunk' of 'attention'");
  const auto cap = b.number(bound[8], "'soft_cap' of 'attention'", true);
  if (cap && !(*cap > 0))
    b.fail(bound[8]->at, fmt::format("'soft_cap' of 'attention' must be above 0, got {}", *cap));
  const double dropout = bound[9] ? b.probability(*bound[9], "'dropout' of 'attention'") : 0;

  for (const TensorPtr &operand : {parts.query, parts.key, parts.value})
    b.valueOf(*operand);
  mlir::Value key = alongKeys(b, call, *parts.key, parts.queryAxis, "k"),
              value = alongKeys(b, call, *parts.value, parts.queryAxis, "v");
  SmallVector<nn::AxisAttr> lse, axes;
  for (nn::AxisAttr axis : parts.query->type.getAxes())
    if (!llvm::is_contained(parts.over, axis.getName().str()))
      lse.push_back(axis);
  axes = lse;
  for (nn::AxisAttr axis : parts.value->type.getAxes())
    if (!parts.key->type.has(axis.getName()) || llvm::is_contained(parts.over, axis.getName().str()))
      axes.push_back(axis);
  auto f64 = [&](std::optional<double> x) { return x ? b.builder.getF64FloatAttr(*x) : FloatAttr(); };
  auto i64 = [&](std::optional<int64_t> x) { return x ? b.builder.getI64IntegerAttr(*x) : IntegerAttr(); };
  const bool random = dropout > 0;
  auto made = b.builder.create<nn::AttentionOp>(
      b.loc(call.at, nameOr(name, "attention")), parts.query->type.withAxes(axes),
      parts.query->type.withAxes(lse), parts.query->value, key, value, random ? b.key() : mlir::Value(),
      b.strs(parts.over), b.str(parts.queryAxis), b.str(keyAxis), f64(scale),
      b.builder.getBoolAttr(b.flag(bound[4], "'causal' of 'attention'", false)), i64(window), i64(chunk),
      f64(cap), random ? f64(dropout) : FloatAttr(), b.builder.getI32IntegerAttr(random ? b.nextSite() : 0));
  return b.result(made.getResult());
}

Term buildDropout(FunctionBuilder &b, const Expr &call, const std::string &name) {
  auto bound = b.bind(call, {{"x"}, {"p"}});
  Term x = b.evaluate(*bound[0], name);
  TensorPtr operand = b.asTensor(x, *bound[0], "the operand of 'dropout'");
  const double p = b.probability(*bound[1], "'p' of 'dropout'");
  if (p == 0)
    return x;
  operand = b.cast(operand, b.builder.getF32Type());
  b.refusePadded(operand->type, call.at, "the operand of 'dropout'");
  mlir::Value value = b.valueOf(*operand);
  mlir::Value key = b.key();
  return b.result(b.builder.create<nn::DropoutOp>(b.loc(call.at, nameOr(name, "dropout")), operand->type,
                                                  value, key, b.builder.getF64FloatAttr(p),
                                                  b.builder.getI32IntegerAttr(b.nextSite())));
}

} // namespace shardc::frontend::build
