//===- KernelFolds.cpp - the nests of outputs that fold --------------------===//
//
//   [kept][folded]   a sum in a register for each kept point
//   [folded] alone   blocks of 1024, their sums added in f64 and in order by sumOfBlocks
//   [folded][kept]   rows in blocks of 64 by sumOfRows, which has a vector of sums
//
// Sums are the same for any number of threads.
//
//===----------------------------------------------------------------------===//

#include "compiler/codegen/Kernels.h"

#include <fmt/format.h>

using namespace mlir;

namespace shardc::codegen {

static constexpr int64_t kBlock = 1024;     ///< elements that are added in f32, one after the other
static constexpr int64_t kColumnBlock = 64; ///< rows, as support/Folds.h has it

LogicalResult KernelPrinter::printFold(size_t output) {
  llvm::SmallVector<int> kept, folded;
  int64_t keptPoints = 1, foldedPoints = 1;
  for (auto [index, stride] : llvm::enumerate(stridesOfOutput(output))) {
    (stride ? kept : folded).push_back(index);
    (stride ? keptPoints : foldedPoints) *= loops[index].getSize();
  }
  bool columns = !kept.empty() && kept.back() > folded.back();
  if (columns)
    return printColumnFold(output, kept, folded);
  if (keptPoints < 8 && foldedPoints > kParallelPoints && !isMax(output))
    return printWholeFold(output, kept, folded);
  return printRowFold(output, kept, folded);
}

/// [kept][folded]: a register for each kept point. Long rows are added block by block.
LogicalResult KernelPrinter::printRowFold(size_t output, llvm::ArrayRef<int> kept,
                                          llvm::ArrayRef<int> folded) {
  llvm::SmallVector<int> indices(kept);
  llvm::append_range(indices, folded);
  Order nest = order(indices);
  size_t row = kept.size();
  std::string type = cppType(typeOf(output)), total = work.names.fresh(isMax(output) ? "largest" : "sum");
  llvm::SmallVector<Statement> statements;
  std::string sum = total;
  bool long_ = !isMax(output) && type == "float" && loops[folded.back()].getSize() > 4 * kBlock;
  if (long_) {
    Loop &inner = nest.nest.loops.back();
    std::string block = work.names.fresh("block");
    Loop outer{.variable = block,
               .size = (inner.size + kBlock - 1) / kBlock,
               .axes = fmt::format("in blocks of {}", kBlock),
               .last = std::to_string(inner.size),
               .step = kBlock};
    inner.first = block;
    inner.last = fmt::format("std::min<int64_t>({} + {}, {})", block, kBlock, inner.size);
    nest.nest.loops.insert(nest.nest.loops.end() - 1, outer);
    nest.from.insert(nest.from.end() - 1, -1);
    sum = work.names.fresh("partial");
    size_t inBlock = nest.nest.loops.size() - 1;
    statements.push_back({row, fmt::format("double {} = 0.0;", total)});
    statements.push_back({inBlock, fmt::format("float {} = 0.0f;", sum)});
    statements.push_back({inBlock, fmt::format("{} += {};", total, sum), true});
  } else {
    statements.push_back({row, fmt::format("{} {} = {};", type, sum, neutral(output))});
  }
  FailureOr<Staged> staged = stage(nest, {output});
  if (failed(staged))
    return failure();
  llvm::append_range(statements, staged->statements);
  statements.push_back({nest.nest.loops.size(), fold(output, sum, staged->results[0])});
  statements.push_back({row, store(nest, output, long_ ? type + "(" + total + ")" : total), true});
  nest.nest.print(work.body, statements,
                  {.parallelLoops = row,
                   .reduction = fmt::format("reduction({} : {})", isMax(output) ? "max" : "+", sum)});
  return success();
}

/// `const int64_t i = row / 12 % 4;` for each bound loop of a nest, from the number of a row over all of
/// them.
static void bindLoops(Nest &nest, size_t count, const std::string &row, int64_t inner,
                      llvm::SmallVectorImpl<Statement> &out) {
  for (size_t i = 0; i < count; ++i) {
    nest.loops[i].bound = true;
    int64_t below = inner;
    for (size_t j = i + 1; j < count; ++j)
      below *= nest.loops[j].size;
    std::string value = below == 1 ? row : fmt::format("{} / {}", row, below);
    if (i > 0)
      value += fmt::format(" % {}", nest.loops[i].size);
    if (value == nest.loops[i].variable)
      continue;
    out.push_back({0, fmt::format("const int64_t {} = {};", nest.loops[i].variable, value)});
  }
}

/// [folded], perhaps below a few kept points: blocks by all threads.
LogicalResult KernelPrinter::printWholeFold(size_t output, llvm::ArrayRef<int> kept,
                                            llvm::ArrayRef<int> folded) {
  llvm::SmallVector<int> indices(kept);
  llvm::append_range(indices, folded);
  Order nest = order(indices);
  llvm::SmallVector<Statement> statements;
  std::string type = cppType(typeOf(output)), sum = work.names.fresh("sum"),
              block = work.names.fresh("block");
  Loop &inner = nest.nest.loops.back();
  int64_t perRow = (inner.size + kBlock - 1) / kBlock, blocks = perRow;
  for (int loop : folded.drop_back())
    blocks *= loops[loop].getSize();

  // Kept loops stand around; the folded ones but the last are bound by the block's number.
  for (size_t i = 0; i < kept.size(); ++i) {
    work.body.open(fmt::format("for (int64_t {0} = 0; {0} < {1}; ++{0})", nest.nest.loops[i].variable,
                               nest.nest.loops[i].size),
                   nest.nest.loops[i].axes);
    nest.nest.loops[i].bound = true;
  }
  Nest rows;
  rows.loops.append(nest.nest.loops.begin() + kept.size(), nest.nest.loops.end());
  bindLoops(rows, folded.size() - 1, block, perRow, statements);
  for (size_t i = kept.size(); i + 1 < nest.nest.loops.size(); ++i)
    nest.nest.loops[i].bound = true;
  if (perRow > 1) {
    std::string chunk = folded.size() > 1 ? fmt::format("{} % {}", block, perRow) : block;
    statements.push_back({0, fmt::format("const int64_t first = {} * {};", chunk, kBlock)});
    inner.first = "first";
    inner.last = fmt::format("std::min<int64_t>(first + {}, {})", kBlock, inner.size);
  }
  FailureOr<Staged> staged = stage(nest, {output});
  if (failed(staged))
    return failure();
  statements.push_back({0, fmt::format("{} {} = {};", type, sum, neutral(output))});
  llvm::append_range(statements, staged->statements);
  statements.push_back({nest.nest.loops.size(), fold(output, sum, staged->results[0])});
  statements.push_back({0, fmt::format("return {};", sum), true});
  std::string total = work.names.fresh("total");
  work.body.open(fmt::format("const double {} = sumOfBlocks({}, [=](int64_t {})", total, blocks, block));
  nest.nest.print(work.body, statements,
                  {.parallelLoops = 0, .reduction = fmt::format("reduction(+ : {})", sum)});
  work.body.close(");");
  work.body.line(store(nest, output, fmt::format("{}({})", type, total)));
  for (size_t i = 0; i < kept.size(); ++i)
    work.body.close();
  return success();
}

/// [folded][kept]: rows one after the other into a vector of sums, in blocks of 64 rows.
LogicalResult KernelPrinter::printColumnFold(size_t output, llvm::ArrayRef<int> kept,
                                             llvm::ArrayRef<int> folded) {
  llvm::SmallVector<int> indices(folded);
  llvm::append_range(indices, kept);
  Order nest = order(indices);
  llvm::SmallVector<Statement> statements;
  std::string type = cppType(typeOf(output));
  int64_t rows = 1, columns = 1;
  for (int loop : folded)
    rows *= loops[loop].getSize();
  for (int loop : kept)
    columns *= loops[loop].getSize();
  std::string row = folded.size() == 1 ? nest.nest.loops[0].variable : work.names.fresh("row");
  bindLoops(nest.nest, folded.size(), row, 1, statements);
  if (kept.size() == 1) {
    nest.nest.loops.back().first = "first";
    nest.nest.loops.back().last = "last";
  }
  Strides dense(nest.nest.loops.size(), 0);
  for (int64_t i = dense.size() - 1, stride = 1; i >= static_cast<int64_t>(folded.size()); --i) {
    dense[i] = stride;
    stride *= nest.nest.loops[i].size;
  }
  FailureOr<Staged> staged = stage(nest, {output});
  if (failed(staged))
    return failure();
  llvm::append_range(statements, staged->statements);
  statements.push_back(
      {nest.nest.loops.size(), fold(output, nest.nest.element("sums", dense), staged->results[0])});

  // Threads may also share the columns where these are one loop.
  std::string range = kept.size() == 1 ? "int64_t first, int64_t last, " : "int64_t, int64_t, ";
  std::string totals = work.names.fresh(isMax(output) ? "largest" : "totals");
  work.body.open(
      fmt::format("const {0} *{1} = {2}<{0}>({3}, {4}, {5}, scratch, [=](int64_t {6}, {7}{0} *sums)", type,
                  totals, isMax(output) ? "maxOfRows" : "sumOfRows", rows, columns,
                  kept.size() == 1 ? "true" : "false", row, range));
  nest.nest.print(work.body, statements, {.parallelLoops = 0});
  work.body.close(");");

  Order out = order(kept);
  Strides denseOut(dense.begin() + folded.size(), dense.end());
  Statement last{kept.size(), store(out, output, out.nest.element(totals, denseOut))};
  out.nest.print(work.body, last, {.parallelLoops = kept.size()});
  int64_t blocks = (rows + kColumnBlock - 1) / kColumnBlock;
  work.scratchBytes = std::max<int64_t>(work.scratchBytes,
                                        blocks * columns * (type == "int64_t" || type == "double" ? 8 : 4));
  return success();
}

} // namespace shardc::codegen
