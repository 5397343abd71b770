//===- Nest.cpp - a loop nest with statements at its depths ----------------===//

#include "compiler/codegen/Nest.h"

#include <fmt/format.h>

using namespace mlir;

namespace shardc::codegen {

std::string Nest::variable(size_t number) {
  static const char *const letters[] = {"i", "j", "k", "l", "m", "n"};
  return number < std::size(letters) ? letters[number] : "n" + std::to_string(number);
}

void Nest::add(exec::LoopAttr loop) {
  std::string axes;
  for (StringAttr name : loop.getNames())
    axes += (axes.empty() ? "" : "*") + name.str();
  loops.push_back({.variable = variable(loops.size()), .size = loop.getSize(), .axes = axes});
}

std::string Nest::offset(llvm::ArrayRef<int64_t> strides) const {
  std::string text;
  for (auto [loop, stride] : llvm::zip(loops, strides)) {
    if (stride == 0)
      continue;
    text += text.empty() ? "" : " + ";
    text += stride == 1 ? loop.variable : fmt::format("{} * {}", loop.variable, stride);
  }
  return text;
}

std::string Nest::element(const std::string &pointer, llvm::ArrayRef<int64_t> strides) const {
  std::string at = offset(strides);
  return fmt::format("{}[{}]", pointer, at.empty() ? "0" : at);
}

size_t Nest::depthOf(llvm::ArrayRef<int64_t> strides) const {
  size_t depth = 0;
  for (auto [index, stride] : llvm::enumerate(strides))
    if (stride != 0)
      depth = index + 1;
  return depth;
}

int64_t Nest::points() const {
  int64_t points = 1;
  for (const Loop &loop : loops)
    points *= loop.size;
  return points;
}

std::string Nest::head(const Loop &loop) const {
  std::string last = loop.last.empty() ? std::to_string(loop.size) : loop.last;
  std::string next =
      loop.step == 1 ? "++" + loop.variable : fmt::format("{} += {}", loop.variable, loop.step);
  return fmt::format("for (int64_t {0} = {1}; {0} < {2}; {3})", loop.variable, loop.first, last, next);
}

/// Which loop threads share: the first that has enough for many of them, else the last that may be.
static size_t parallelLoop(llvm::ArrayRef<Loop> loops, size_t allowed, int64_t points) {
  constexpr int64_t enough = 8;
  if (points < kParallelPoints)
    return loops.size();
  size_t last = loops.size();
  for (size_t i = 0; i < std::min(allowed, loops.size()); ++i) {
    if (loops[i].bound)
      continue;
    last = i;
    if (loops[i].size >= enough)
      break;
  }
  return last;
}

void Nest::print(Text &out, llvm::ArrayRef<Statement> statements, const Style &style) const {
  printFrom(out, 0, statements, style, parallelLoop(loops, style.parallelLoops, points()));
}

void Nest::printFrom(Text &out, size_t depth, llvm::ArrayRef<Statement> statements, const Style &style,
                     size_t parallel) const {
  for (const Statement &statement : statements)
    if (statement.depth == depth && !statement.after)
      out.line(statement.text);
  if (depth < loops.size()) {
    const Loop &loop = loops[depth];
    if (loop.bound) {
      printFrom(out, depth + 1, statements, style, parallel);
    } else {
      bool innermost = depth + 1 == loops.size(), simd = innermost && style.simd;
      std::string pragma = depth == parallel ? (simd ? "parallel for simd" : "parallel for")
                           : simd            ? "simd"
                                             : "";
      if (innermost && !style.reduction.empty())
        pragma += " " + style.reduction;
      if (!pragma.empty())
        out.line("#pragma omp " + pragma);
      size_t inside = llvm::count_if(statements, [&](const Statement &s) { return s.depth == depth + 1; });
      if (innermost && inside == 1) {
        out.line(head(loop), loop.axes);
        out.indent();
        printFrom(out, depth + 1, statements, style, parallel);
        out.outdent();
      } else {
        out.open(head(loop), loop.axes);
        printFrom(out, depth + 1, statements, style, parallel);
        out.close();
      }
    }
  }
  for (const Statement &statement : statements)
    if (statement.depth == depth && statement.after)
      out.line(statement.text);
}

} // namespace shardc::codegen
