//===- Packer.cpp - buffers with lifetimes into one block of memory -------===//

#include "compiler/analysis/Packer.h"

#include <algorithm>
#include <map>
#include <numeric>

using namespace shardc;

static int64_t roundUp(int64_t bytes, int64_t alignment) {
  return (bytes + alignment - 1) / alignment * alignment;
}

static bool liveTogether(const Lifetime &a, const Lifetime &b) {
  return a.begin <= b.end && b.begin <= a.end;
}

Packing shardc::pack(const std::vector<Lifetime> &lifetimes, int64_t alignment) {
  std::vector<size_t> order(lifetimes.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return std::pair(-lifetimes[a].bytes, a) <
           std::pair(-lifetimes[b].bytes, b); // the same plan on any machine
  });
  Packing packing{std::vector<int64_t>(lifetimes.size(), 0), 0};
  std::vector<size_t> placed;
  for (size_t next : order) {
    std::vector<std::pair<int64_t, int64_t>> taken; // begin, end of what is alive with it
    for (size_t other : placed)
      if (liveTogether(lifetimes[next], lifetimes[other]))
        taken.emplace_back(packing.offsets[other], packing.offsets[other] + lifetimes[other].bytes);
    std::sort(taken.begin(), taken.end());
    int64_t offset = 0;
    for (auto [begin, end] : taken) {
      if (offset + lifetimes[next].bytes <= begin)
        break;
      offset = std::max(offset, roundUp(end, alignment));
    }
    packing.offsets[next] = offset;
    packing.bytes = std::max(packing.bytes, offset + lifetimes[next].bytes);
    placed.push_back(next);
  }
  return packing;
}

int64_t shardc::lowerBound(const std::vector<Lifetime> &lifetimes) {
  std::map<int, int64_t> change; // step -> bytes that start there, less those that ended before it
  for (const Lifetime &lifetime : lifetimes) {
    change[lifetime.begin] += lifetime.bytes;
    change[lifetime.end + 1] -= lifetime.bytes;
  }
  int64_t live = 0, most = 0;
  for (auto [step, bytes] : change)
    most = std::max(most, live += bytes);
  return most;
}

std::optional<std::pair<size_t, size_t>> shardc::findClash(const std::vector<Lifetime> &lifetimes,
                                                           const Packing &packing, int64_t alignment) {
  for (size_t i = 0; i < lifetimes.size(); ++i) {
    int64_t begin = packing.offsets[i], end = begin + lifetimes[i].bytes;
    if (begin < 0 || begin % alignment != 0 || end > packing.bytes)
      return std::pair(i, i);
  }
  // A sweep over time: what starts is compared with all that is alive.
  std::vector<size_t> byBegin(lifetimes.size()), alive;
  std::iota(byBegin.begin(), byBegin.end(), 0);
  std::sort(byBegin.begin(), byBegin.end(),
            [&](size_t a, size_t b) { return lifetimes[a].begin < lifetimes[b].begin; });
  for (size_t next : byBegin) {
    std::erase_if(alive, [&](size_t other) { return lifetimes[other].end < lifetimes[next].begin; });
    for (size_t other : alive) {
      int64_t first = std::max(packing.offsets[next], packing.offsets[other]);
      int64_t last = std::min(packing.offsets[next] + lifetimes[next].bytes,
                              packing.offsets[other] + lifetimes[other].bytes);
      if (first < last)
        return std::pair(std::min(next, other), std::max(next, other));
    }
    alive.push_back(next);
  }
  return std::nullopt;
}
