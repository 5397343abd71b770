//===- Nest.h - a loop nest with statements at its depths ------------------===//
//
//   #pragma omp parallel for
//   for (int64_t i = 0; i < 4096; ++i) {  // seq*batch
//     const float scale_i = scale[i];              <- a statement of depth 1
//   #pragma omp simd
//     for (int64_t j = 0; j < 768; ++j)
//       y[i * 768 + j] = x[i * 768 + j] * scale_i; <- a statement of depth 2
//   }
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/codegen/Text.h"
#include "dialects/exec/ExecTypes.h"

namespace shardc::codegen {

/// From so many points on, threads share a nest.
inline constexpr int64_t kParallelPoints = 16384;

/// One `for`, or a variable that is bound outside of the nest.
struct Loop {
  std::string variable;
  int64_t size = 1;
  std::string axes;        ///< "seq*batch", for the reader
  std::string first = "0"; ///< of the variable
  std::string last;        ///< behind the last value; empty: size
  int64_t step = 1;
  bool bound = false; ///< not printed
};

using Strides = llvm::SmallVector<int64_t, 4>;

/// Stands when so many loops are open; `after` the loops inside of it.
struct Statement {
  size_t depth;
  std::string text;
  bool after = false;
};

class Nest {
public:
  llvm::SmallVector<Loop, 4> loops; ///< outermost first; bound ones before the others

  /// i, j, k, ... by number.
  static std::string variable(size_t number);
  void add(exec::LoopAttr loop);

  /// "i * 768 + j"; "" where no stride counts.
  std::string offset(llvm::ArrayRef<int64_t> strides) const;
  /// "x[i * 768 + j]"
  std::string element(const std::string &pointer, llvm::ArrayRef<int64_t> strides) const;
  /// How many loops must be open for these strides to count.
  size_t depthOf(llvm::ArrayRef<int64_t> strides) const;
  int64_t points() const;

  struct Style {
    size_t parallelLoops;  ///< of the first so many loops one may be shared by threads; 0: none
    bool simd = true;      ///< of the innermost loop
    std::string reduction; ///< "reduction(+ : sum)"
  };
  /// Statements of one depth stand in their order.
  void print(Text &out, llvm::ArrayRef<Statement> statements, const Style &style) const;

private:
  std::string head(const Loop &loop) const;
  void printFrom(Text &out, size_t depth, llvm::ArrayRef<Statement> statements, const Style &style,
                 size_t parallel) const;
};

} // namespace shardc::codegen
