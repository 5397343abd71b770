//===- Movers.cpp - loops of the ops that move or draw elements ------------===//

#include "compiler/codegen/Work.h"
#include "dialects/exec/Loops.h"

#include <fmt/format.h>

using namespace mlir;

namespace shardc::codegen {
namespace {

/// The nest of an op's loops, and the strides of one operand in it.
struct OpNest {
  Nest nest;
  llvm::SmallVector<exec::LoopAttr> loops;

  explicit OpNest(ArrayAttr attribute) : loops(exec::loopsOf(attribute)) {
    for (exec::LoopAttr loop : loops)
      nest.add(loop);
  }
  size_t size() const { return loops.size(); }
  Strides strides(size_t operand) const {
    return llvm::map_to_vector<4>(loops, [&](exec::LoopAttr loop) { return loop.getStrides()[operand]; });
  }
  std::string element(const std::string &pointer, size_t operand) const {
    return nest.element(pointer, strides(operand));
  }
  /// "start + i * 8 + j"
  std::string number(const std::string &start, size_t operand) const {
    std::string sum = nest.offset(strides(operand));
    return sum.empty() ? start : start == "0" ? sum : start + " + " + sum;
  }
};

/// A name for a number that differs between ranks; a constant is its own name.
std::string startOf(exec::RankAttr rank, Work &work, llvm::StringRef name,
                    llvm::SmallVectorImpl<Statement> &statements) {
  std::string value = work.rank(rank);
  if (rank.isConstant())
    return value;
  std::string variable = work.names.fresh(name);
  statements.push_back({0, fmt::format("const int64_t {} = {};", variable, value)});
  return variable;
}

Type elementOf(Value buffer) {
  return cast<exec::BufferType>(buffer.getType()).getElementType();
}

} // namespace

LogicalResult printLoops(exec::CopyOp op, Work &work) {
  OpNest nest(op.getLoops());
  std::string from = work.read(op.getOperand()), to = work.written(op.getOut());
  Statement move{nest.size(), fmt::format("{} = {};", nest.element(to, 1), nest.element(from, 0))};
  nest.nest.print(work.body, move, {.parallelLoops = nest.size()});
  return success();
}

LogicalResult printLoops(exec::MaskOp op, Work &work) {
  OpNest nest(op.getLoops());
  std::string from = work.read(op.getOperand()), to = work.written(op.getOut());
  std::string zero = elementOf(op.getOut()).isIntOrIndex() ? "0" : literal(0.0, elementOf(op.getOut()));
  llvm::SmallVector<Statement> statements;
  statements.push_back({0, fmt::format("const bool keeps = {};", work.isFirst(op.getOver()))});
  statements.push_back(
      {nest.size(), fmt::format("{} = keeps ? {} : {};", nest.element(to, 1), nest.element(from, 0), zero)});
  nest.nest.print(work.body, statements, {.parallelLoops = nest.size()});
  return success();
}

LogicalResult printLoops(exec::IotaOp op, Work &work) {
  OpNest nest(op.getLoops());
  std::string to = work.written(op.getOut());
  llvm::SmallVector<Statement> statements;
  std::string start = startOf(op.getStart(), work, "start", statements);
  statements.push_back({nest.size(), fmt::format("{} = {}({});", nest.element(to, 0),
                                                 cppType(elementOf(op.getOut())), nest.number(start, 1))});
  nest.nest.print(work.body, statements, {.parallelLoops = nest.size()});
  return success();
}

LogicalResult printLoops(exec::RandomOp op, Work &work) {
  OpNest nest(op.getLoops());
  std::string key = work.read(op.getKey()), to = work.written(op.getOut());
  llvm::SmallVector<Statement> statements;
  std::string start = startOf(op.getStart(), work, "start", statements);
  statements.push_back(
      {nest.size(), fmt::format("{} = {} * rt::normal(seed, {}, {}, {});", nest.element(to, 0),
                                literal(op.getStd().convertToDouble(), elementOf(op.getOut())), key,
                                op.getSite(), nest.number(start, 1))});
  nest.nest.print(work.body, statements, {.parallelLoops = nest.size(), .simd = false});
  return success();
}

LogicalResult printLoops(exec::DropoutOp op, Work &work) {
  OpNest nest(op.getLoops());
  Type element = elementOf(op.getOut());
  std::string from = work.read(op.getOperand()), key = work.read(op.getKey()), to = work.written(op.getOut());
  llvm::SmallVector<Statement> statements;
  std::string start = startOf(op.getStart(), work, "start", statements);
  std::string firstSample = startOf(op.getSampleStart(), work, "first_sample", statements);
  std::string sample = work.names.fresh("sample"), drawn = work.names.fresh("drawn");
  double p = op.getP().convertToDouble();
  statements.push_back(
      {nest.nest.depthOf(nest.strides(3)),
       fmt::format("const uint64_t {} = {}.firstSample + {};", sample, key, nest.number(firstSample, 3))});
  statements.push_back({nest.size(), fmt::format("const float {} = rt::uniform(seed, {}, {}, {}, {});", drawn,
                                                 key, op.getSite(), sample, nest.number(start, 2))});
  statements.push_back({nest.size(), fmt::format("{} = {} >= {} ? {} * {} : {};", nest.element(to, 1), drawn,
                                                 literal(p, element), nest.element(from, 0),
                                                 literal(1.0 / (1.0 - p), element), literal(0.0, element))});
  nest.nest.print(work.body, statements, {.parallelLoops = nest.size()});
  return success();
}

//===-- rows by index ------------------------------------------------------===//

LogicalResult printLoops(exec::GatherOp op, Work &work) {
  OpNest nest(op.getLoops());
  std::string table = work.read(op.getTable()), index = work.read(op.getIndex()),
              to = work.written(op.getOut());
  Type element = elementOf(op.getOut());
  llvm::SmallVector<Statement> statements;
  std::string start = startOf(op.getStart(), work, "start", statements);
  std::string row = work.names.fresh("row"), here = work.names.fresh("here");
  int64_t stride = op.getAxis().getStrides()[0];
  size_t depth = nest.nest.depthOf(nest.strides(1));
  std::string shift = start == "0" ? "" : " - " + start;
  statements.push_back({depth, fmt::format("const int64_t {} = {}{};", row, nest.element(index, 1), shift)});
  statements.push_back(
      {depth, fmt::format("const bool {0} = {1} >= 0 && {1} < {2};", here, row, op.getAxis().getSize())});
  std::string rest = nest.nest.offset(nest.strides(0));
  std::string at = fmt::format("{}[{} * {}{}]", table, row, stride, rest.empty() ? "" : " + " + rest);
  std::string zero = element.isIntOrIndex() ? "0" : literal(0.0, element);
  statements.push_back({nest.size(), fmt::format("{} = {} ? {} : {};", nest.element(to, 2), here, at, zero)});
  nest.nest.print(work.body, statements, {.parallelLoops = nest.size(), .simd = depth < nest.size()});
  return success();
}

/// All of a scatter's result becomes zero.
static void printZero(const OpNest &nest, exec::LoopAttr axis, const std::string &to, Type element,
                      Work &work) {
  Nest all;
  Strides strides;
  auto add = [&](exec::LoopAttr loop, int64_t stride) {
    all.add(loop);
    strides.push_back(stride);
  };
  for (exec::LoopAttr loop : nest.loops)
    if (loop.getStrides()[2] > axis.getStrides()[0])
      add(loop, loop.getStrides()[2]);
  add(axis, axis.getStrides()[0]);
  for (exec::LoopAttr loop : nest.loops)
    if (loop.getStrides()[2] != 0 && loop.getStrides()[2] <= axis.getStrides()[0])
      add(loop, loop.getStrides()[2]);
  std::string zero = element.isIntOrIndex() ? "0" : literal(0.0, element);
  all.print(work.body, Statement{all.loops.size(), all.element(to, strides) + " = " + zero + ";"},
            {.parallelLoops = all.loops.size()});
}

/// Points may meet in one row. Either each point of the first loop has rows of its own, or a row belongs to
/// the thread of its number: sums are then in the points' order, for any number of threads.
LogicalResult printLoops(exec::ScatterAddOp op, Work &work) {
  OpNest nest(op.getLoops());
  std::string from = work.read(op.getUpdates()), index = work.read(op.getIndex()),
              to = work.written(op.getOut());
  exec::LoopAttr axis = op.getAxis();
  if (op.getBeta() == 0)
    printZero(nest, axis, to, elementOf(op.getOut()), work);
  llvm::SmallVector<Statement> statements;
  std::string start = startOf(op.getStart(), work, "start", statements), row = work.names.fresh("row");
  bool ownRows = nest.size() > 0 && nest.strides(2)[0] != 0;
  size_t depth = nest.nest.depthOf(nest.strides(1));
  bool shared = !ownRows && depth > 0 && nest.nest.points() >= kParallelPoints;
  std::string shift = start == "0" ? "" : " - " + start;
  std::string others = shared ? fmt::format(" || {} % threads != thread", row) : "";
  const char *skip = depth > 0 ? "continue" : "return";
  statements.push_back({depth, fmt::format("const int64_t {} = {}{};", row, nest.element(index, 1), shift)});
  statements.push_back({depth, fmt::format("if ({0} < 0 || {0} >= {1}{2})", row, axis.getSize(), others)});
  statements.push_back({depth, fmt::format("  {};", skip)});
  std::string rest = nest.nest.offset(nest.strides(2));
  statements.push_back({nest.size(), fmt::format("{}[{} * {}{}] += {};", to, row, axis.getStrides()[0],
                                                 rest.empty() ? "" : " + " + rest, nest.element(from, 0))});
  if (shared) {
    work.body.line("#pragma omp parallel");
    work.body.open("");
    work.body.line("const int64_t thread = omp_get_thread_num(), threads = omp_get_num_threads();");
  }
  nest.nest.print(work.body, statements,
                  {.parallelLoops = ownRows ? size_t(1) : 0, .simd = depth < nest.size()});
  if (shared)
    work.body.close();
  return success();
}

//===-- rope ---------------------------------------------------------------===//

void printRope(exec::RopeOp op, Work &work, const std::string &table) {
  OpNest nest(op.getLoops());
  std::string from = work.read(op.getOperand()), positions = work.read(op.getPositions()),
              to = work.written(op.getOut());
  exec::LoopAttr dim = op.getDim();
  int64_t half = dim.getSize() / 2;
  std::string head = work.names.fresh("turn"), d = nest.nest.variable(nest.size());
  std::string a = work.names.fresh("a"), b = work.names.fresh("b"), sine = work.names.fresh("sine");
  size_t depth = nest.nest.depthOf(nest.strides(1));

  // A pair lies `apart` elements apart, pairs follow each other every `next` elements.
  int64_t apart = op.getInterleaved() ? 1 : half, next = op.getInterleaved() ? 2 : 1;
  auto element = [&](const std::string &pointer, size_t operand, int64_t stride, int64_t shift) {
    Nest inner = nest.nest;
    inner.loops.push_back({.variable = d});
    Strides strides = nest.strides(operand);
    strides.push_back(stride * next);
    return fmt::format("{}[{}{}]", pointer, inner.offset(strides),
                       shift ? fmt::format(" + {}", shift * stride) : "");
  };
  int64_t in = dim.getStrides()[0], out = dim.getStrides()[1];
  work.body.line(fmt::format("{}.cover({}, {});", table, positions,
                             cast<exec::BufferType>(op.getPositions().getType()).getExtent()));
  llvm::SmallVector<Statement> statements;
  Nest all = nest.nest;
  all.loops.push_back({.variable = d, .size = half, .axes = "pairs"});
  size_t deepest = all.loops.size();
  statements.push_back(
      {depth, fmt::format("const RopeTable::Row {} = {}.row({});", head, table, nest.element(positions, 1))});
  statements.push_back({deepest, fmt::format("const float {} = {}, {} = {};", a, element(from, 0, in, 0), b,
                                             element(from, 0, in, apart))});
  statements.push_back(
      {deepest, fmt::format("const float {} = {}{}.sines[{}];", sine, op.getInverse() ? "-" : "", head, d)});
  statements.push_back({deepest, fmt::format("{} = {} * {}.cosines[{}] - {} * {};", element(to, 2, out, 0), a,
                                             head, d, b, sine)});
  statements.push_back({deepest, fmt::format("{} = {} * {}.cosines[{}] + {} * {};",
                                             element(to, 2, out, apart), b, head, d, a, sine)});
  all.print(work.body, statements, {.parallelLoops = nest.size()});
}

} // namespace shardc::codegen
