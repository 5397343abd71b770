//===- Calls.cpp - attention, rope and collectives -------------------------===//

#include "compiler/codegen/Functions.h"
#include "dialects/exec/Loops.h"

#include <fmt/format.h>

using namespace mlir;

namespace shardc::codegen {

//===-- attention ----------------------------------------------------------===//

namespace {

/// What both attention ops are asked for.
template <class Op> class AttentionText {
public:
  explicit AttentionText(Op op) : op(op) {}

  /// `operand` counts as in the loops; keys and values follow key_seq, values and outputs value_dim.
  std::string strides(unsigned operand, bool ofKeys, bool ofValues, bool hasDim = true) {
    auto at = [&](exec::LoopAttr loop) { return loop.getStrides()[operand]; };
    exec::LoopAttr seq = ofKeys ? op.getKeySeq() : op.getQuerySeq(),
                   dim = ofValues ? op.getValueDim() : op.getDim();
    return fmt::format("{{{}, {}, {}, {}, {}}}", at(op.getBatch()), at(seq), at(op.getKvHead()),
                       at(op.getGroup()), hasDim ? at(dim) : 0);
  }

  std::string shape() {
    std::string text = fmt::format(
        "{{.batch = {}, .seq = {}, .keySeq = {}, .kvHeads = {}, .group = {}, .headDim = {}, .valueDim = {}",
        op.getBatch().getSize(), op.getQuerySeq().getSize(), op.getKeySeq().getSize(),
        op.getKvHead().getSize(), op.getGroup().getSize(), op.getDim().getSize(), op.getValueDim().getSize());
    text += fmt::format(", .q = {}, .k = {}, .v = {}, .out = {}, .lse = {}", strides(0, false, false),
                        strides(1, true, false), strides(2, true, true), strides(3, false, true),
                        strides(4, false, false, false));
    Type f32 = Float32Type::get(op.getContext());
    text += fmt::format(", .scale = {}, .causal = {}", literal(op.getScale().convertToDouble(), f32),
                        op.getCausal());
    if (op.getWindow())
      text += fmt::format(", .window = {}", *op.getWindow());
    if (op.getSoftCap())
      text += ", .softCap = " + literal(op.getSoftCap()->convertToDouble(), f32);
    if (op.getDropout())
      text += ", .dropout = " + literal(op.getDropout()->convertToDouble(), f32);
    return text + "}";
  }

  std::string gradients() {
    return fmt::format("{{.dOut = {}, .dQ = {}, .dK = {}, .dV = {}}}", strides(5, false, true),
                       strides(6, false, false), strides(7, true, false), strides(8, true, true));
  }

  /// Where this rank's part lies in the whole.
  std::string place() {
    std::string text;
    auto add = [&](const char *name, std::optional<exec::RankAttr> start) {
      if (start && !start->isZero())
        text += fmt::format(".{} = {}, ", name, rankExpression(*start));
    };
    add("batch", op.getBatchStart());
    add("kvHead", op.getKvHeadStart());
    add("group", op.getGroupStart());
    add("query", op.getQueryStart());
    add("key", op.getKeyStart());
    return fmt::format("{{{}.groups = {}, .seq = {}, .keySeq = {}}}", text, op.getGroups(), op.getQuerySize(),
                       op.getKeySize());
  }

  LogicalResult check() {
    if (op.getChunk())
      return op.emitOpError("attends within chunks, which the trainer's kernels do not");
    return success();
  }

private:
  Op op;
};

} // namespace

/// "{seed, key, 3}", or "{}" without dropout.
static std::string randomOf(const std::string &key, uint32_t site) {
  return key.empty() ? "{}" : fmt::format("{{seed, {}, {}}}", key, site);
}

LogicalResult FunctionPrinter::call(exec::AttentionOp op) {
  AttentionText text(op);
  if (failed(text.check()))
    return failure();
  std::string attention =
      file.addObject("static const AttentionKernel", "attention_" + shortName(op.getOut()), text.shape(), "");
  std::string key = op.getRandomKey() ? expression(op.getRandomKey()) : "";
  enterAndCall(op, "attention",
               fmt::format("{}.forward({}{}, {}, {}, {}, {}, {}, {})", attention, shared.target.leadArgument,
                           text.place(), randomOf(key, op.getSite()), expression(op.getQuery()),
                           expression(op.getKey()), expression(op.getValue()), expression(op.getOut()),
                           expression(op.getLse())));
  return success();
}

LogicalResult FunctionPrinter::call(exec::AttentionBackwardOp op) {
  AttentionText text(op);
  if (failed(text.check()))
    return failure();
  std::string suffix = shortName(op.getDQuery());
  std::string attention =
      file.addObject("static const AttentionKernel", "attention_" + suffix, text.shape(), "");
  std::string gradients = file.addObject("static constexpr rt::AttentionGradientStrides", "strides_" + suffix,
                                         text.gradients(), "");
  std::string key = op.getRandomKey() ? expression(op.getRandomKey()) : "", operands;
  for (Value operand : {op.getQuery(), op.getKey(), op.getValue(), op.getOut(), op.getLse(), op.getDOut(),
                        op.getDQuery(), op.getDKey(), op.getDValue()})
    operands += ", " + expression(operand);
  enterAndCall(op, "attention backward",
               fmt::format("{}.backward({}{}, {}, {}{})", attention, shared.target.leadArgument, gradients,
                           text.place(), randomOf(key, op.getSite()), operands));
  return success();
}

//===-- rope ---------------------------------------------------------------===//

/// rope_scaling as rt::RopeScaling; fails where the runtime has no such kind.
static FailureOr<std::string> ropeScaling(exec::RopeOp op) {
  auto scaling = op.getScaling();
  if (!scaling)
    return std::string("{}");
  auto text = [&](llvm::StringRef key) {
    auto value = scaling->getAs<StringAttr>(key);
    return value ? value.getValue() : llvm::StringRef();
  };
  llvm::StringRef kind = text("rope_type").empty() ? text("type") : text("rope_type");
  std::string result;
  if (kind == "linear")
    result = "{.kind = rt::RopeScaling::Linear";
  else if (kind == "llama3")
    result = "{.kind = rt::RopeScaling::Llama3";
  else if (kind == "yarn")
    result = "{.kind = rt::RopeScaling::Yarn";
  else if (kind == "default" || kind.empty())
    return std::string("{}");
  else
    return op.emitOpError() << "has rope scaling '" << kind << "'; linear, llama3 and yarn are known",
           failure();
  static const std::pair<const char *, const char *> numbers[] = {
      {"factor", "factor"},
      {"original_max_position_embeddings", "originalMaxPosition"},
      {"low_freq_factor", "lowFreqFactor"},
      {"high_freq_factor", "highFreqFactor"},
      {"beta_fast", "betaFast"},
      {"beta_slow", "betaSlow"},
      {"attention_factor", "attentionFactor"},
      {"mscale", "mscale"},
      {"mscale_all_dim", "mscaleAllDim"}};
  for (auto [theirs, ours] : numbers) {
    Attribute value = scaling->get(theirs);
    if (auto number = dyn_cast_or_null<FloatAttr>(value))
      result += fmt::format(", .{} = {}", ours, number.getValueAsDouble());
    else if (auto whole = dyn_cast_or_null<IntegerAttr>(value))
      result += fmt::format(", .{} = {}", ours, whole.getValue().getSExtValue());
  }
  if (auto truncate = scaling->getAs<BoolAttr>("truncate"))
    result += fmt::format(", .truncate = {}", truncate.getValue());
  return result + "}";
}

LogicalResult FunctionPrinter::call(exec::RopeOp op) {
  FailureOr<std::string> scaling = ropeScaling(op);
  if (failed(scaling))
    return failure();
  std::string initial =
      fmt::format("{{{}, {}, {}}}", op.getDim().getSize(), op.getTheta().convertToDouble(), *scaling);
  std::string table =
      shared.target.hasLoops ? file.addObject("static RopeTable", "rope_table", initial, "") : "";
  return work(op, "rope_" + shortName(op.getOut()), [&](Work &work) {
    printRope(op, work, table);
    return success();
  });
}

//===-- collectives --------------------------------------------------------===//

namespace {

/// The tile as "{.outer = 4, .chunk = 128}" where it is repetitions of chunks, which lie `whole` chunks apart
/// on the side of all members and side by side on the other.
std::optional<std::string> chunksOf(llvm::ArrayRef<exec::LoopAttr> tile, llvm::ArrayRef<int64_t> step,
                                    unsigned all, int64_t members) {
  int64_t outer = 1, chunk = 1;
  if (tile.size() > 2)
    return std::nullopt;
  if (!tile.empty()) {
    if (tile.back().getStrides()[0] != 1 || tile.back().getStrides()[1] != 1)
      return std::nullopt;
    chunk = tile.back().getSize();
  }
  if (tile.size() == 2) {
    outer = tile[0].getSize();
    if (tile[0].getStrides()[1 - all] != chunk || tile[0].getStrides()[all] != members * chunk)
      return std::nullopt;
  }
  if (step[all] != chunk)
    return std::nullopt;
  return outer == 1 ? fmt::format("{{.chunk = {}}}", chunk)
                    : fmt::format("{{.outer = {}, .chunk = {}}}", outer, chunk);
}

/// The tile as rt::Tile's initialiser, its axes last.
FailureOr<std::string> tileOf(exec::CollectiveOp op, llvm::ArrayRef<exec::LoopAttr> tile) {
  if (tile.size() > 5)
    return op.emitOpError() << "has a tile of " << tile.size() << " loops, a trainer's have at most 5",
           failure();
  std::string size, from, to;
  for (size_t i = tile.size(); i < 5; ++i) {
    size += "1, ";
    from += "0, ";
    to += "0, ";
  }
  for (exec::LoopAttr loop : tile) {
    size += std::to_string(loop.getSize()) + ", ";
    from += std::to_string(loop.getStrides()[0]) + ", ";
    to += std::to_string(loop.getStrides()[1]) + ", ";
  }
  auto list = [](const std::string &text) { return "{" + text.substr(0, text.size() - 2) + "}"; };
  return fmt::format("{{.size = {}, .from = {}, .to = {}, .fromStep = {}, .toStep = {}}}", list(size),
                     list(from), list(to), op.getStep()[0], op.getStep()[1]);
}

} // namespace

FailureOr<std::string> FunctionPrinter::blocksOf(exec::CollectiveOp op, bool isPart) {
  using Kind = exec::CollectiveKind;
  llvm::SmallVector<exec::LoopAttr> tile = exec::loopsOf(op.getTile());
  int64_t members = 1, elements = 1;
  for (StringAttr axis : op.getMesh().getAsRange<StringAttr>())
    members *= shared.mesh.sizeOf(axis);
  for (exec::LoopAttr loop : tile)
    elements *= loop.getSize();
  if (op.getKind() == Kind::all_reduce) {
    if (!op.getOperand().getType().isDense() || !op.getOut().getType().isDense())
      return op.emitOpError("reduces a buffer that is not dense, which a trainer does not"), failure();
    return isPart ? fmt::format("{{.chunk = {}}}", elements) : std::to_string(elements);
  }
  if (auto chunks = op.getKind() == Kind::all_to_all
                        ? std::nullopt
                        : chunksOf(tile, op.getStep(), op.getKind() == Kind::all_gather, members))
    return (isPart ? "" : "rt::Chunks") + *chunks;
  FailureOr<std::string> initial = tileOf(op, tile);
  if (failed(initial))
    return failure();
  std::string object =
      file.addObject("static constexpr rt::Tile", "tile_" + shortName(op.getOut()), *initial, "");
  return isPart ? "{}, &" + object : object;
}

LogicalResult FunctionPrinter::move(llvm::ArrayRef<exec::CollectiveOp> bucket) {
  static const char *const functions[] = {"allReduce", "allGather", "reduceScatter", "allToAll"};
  exec::CollectiveOp first = bucket.front();
  exec::CollectiveKind kind = first.getKind();
  std::string group = shared.group(first.getMesh()), parts;
  for (exec::CollectiveOp op : bucket) {
    std::string in = expression(op.getOperand()), out = expression(op.getOut());
    FailureOr<std::string> blocks = blocksOf(op, bucket.size() > 1);
    if (failed(blocks))
      return failure();
    if (bucket.size() > 1)
      parts += fmt::format("{}{{{}, {}, {}}}", parts.empty() ? "" : ", ", in, out, *blocks);
    else if (kind == exec::CollectiveKind::all_reduce && in == out)
      parts = in + ", " + *blocks;
    else
      parts = in + ", " + out + ", " + *blocks;
  }
  std::string name = exec::stringifyCollectiveKind(kind).str();
  if (bucket.size() > 1) {
    parts = "{" + parts + "}";
    name += " of " + std::to_string(bucket.size());
  }
  const char *fold = first.getFold() == exec::Fold::max ? ", rt::Fold::max" : "";
  enterAndCall(first, name + " over " + group,
               fmt::format("rt::{}({}context.group(groups::{}), {}{})", functions[static_cast<int>(kind)],
                           shared.target.leadArgument, group, parts, fold));
  return success();
}

/// What is started does its work where it is waited for: a collective's peers are at the same place then, and
/// what it moves is still in the caches when it is used.
LogicalResult FunctionPrinter::call(exec::CollectiveOp op) {
  return op.getToken() ? success() : move(op);
}

LogicalResult FunctionPrinter::call(exec::WaitOp op) {
  llvm::SmallVector<Operation *> started = op.getStarted();
  if (auto function = dyn_cast<exec::CallOp>(started.front()))
    return callFunction(function);
  if (auto message = dyn_cast<exec::SendOp>(started.front()))
    return finish(message), success();
  if (auto message = dyn_cast<exec::ReceiveOp>(started.front()))
    return finish(message), success();
  return move(llvm::map_to_vector(started, [](Operation *one) { return cast<exec::CollectiveOp>(one); }));
}

} // namespace shardc::codegen
