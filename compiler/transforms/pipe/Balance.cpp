//===- Balance.cpp - runs of layers as even as can be -----------------------===//

#include "compiler/transforms/pipe/Balance.h"

#include <algorithm>
#include <vector>

llvm::SmallVector<int64_t> pipes::balance(int count, int parts,
                                          llvm::function_ref<double(int, int, int)> cost) {
  // best[part][n]: the costliest run when the first `part` parts have the first n layers.
  std::vector<std::vector<double>> best(parts + 1, std::vector<double>(count + 1, never));
  std::vector<std::vector<int>> from(parts + 1, std::vector<int>(count + 1, 0));
  best[0][0] = 0;
  for (int part = 0; part < parts; ++part)
    for (int last = part + 1; last <= count; ++last)
      for (int first = part; first < last; ++first) {
        if (best[part][first] == never)
          continue;
        if (double most = std::max(best[part][first], cost(part, first, last)); most < best[part + 1][last]) {
          best[part + 1][last] = most;
          from[part + 1][last] = first;
        }
      }
  if (best[parts][count] == never)
    return {};
  llvm::SmallVector<int64_t> sizes(parts);
  for (int part = parts, last = count; part > 0; --part) {
    sizes[part - 1] = last - from[part][last];
    last = from[part][last];
  }
  return sizes;
}
