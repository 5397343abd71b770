//===- RandomPlan.h - plans drawn at random, in the language of plans -----===//
#pragma once

#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <vector>

namespace shardc::interpreter::test {

class Dice {
public:
  explicit Dice(uint64_t seed) : engine(seed) {}

  int64_t upTo(int64_t most) { return static_cast<int64_t>(engine() % static_cast<uint64_t>(most + 1)); }
  bool chance(double p) { return static_cast<double>(engine() >> 11) * 0x1p-53 < p; }
  template <typename T> const T &oneOf(const std::vector<T> &choices) {
    return choices[static_cast<size_t>(upTo(static_cast<int64_t>(choices.size()) - 1))];
  }
  template <typename T> void shuffle(std::vector<T> &items) {
    for (size_t i = items.size(); i > 1; --i)
      std::swap(items[i - 1], items[static_cast<size_t>(upTo(static_cast<int64_t>(i) - 1))]);
  }

private:
  std::mt19937_64 engine; // its sequence is fixed by the standard, unlike that of distributions
};

struct RandomPlan {
  std::vector<std::pair<std::string, int64_t>> mesh;
  std::map<std::string, std::map<std::string, int64_t>> dividedBy; // tensor axis -> mesh axes, their sizes
  std::string text;                                                // `mesh: .., shard: .., zero: 2`
  int64_t layers = 0, microbatches = 0; // that a pipeline needs; 0 without one: any number

  /// The product of the mesh axes that may divide a tensor axis.
  int64_t divisorOf(const std::string &axis) const;
};

/// A mesh of up to 64 ranks and five axes, rules, and often something at rest. `scopes`, which are dice of
/// their own, say in which modules of RandomJob the rules hold, and for which weights are gathered together;
/// `stages`, others, whether there is a pipeline over one axis more, and which.
RandomPlan randomPlan(Dice &dice, Dice scopes, Dice stages);

} // namespace shardc::interpreter::test
