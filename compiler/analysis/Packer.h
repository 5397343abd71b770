//===- Packer.h - buffers with lifetimes into one block of memory ---------===//
//
//   offset ^
//          |      +-----+
//          |      |  c  |  +---+        a and d live at the same time: apart;
//          |  +---+-----+  | d |        b and d don't: the same bytes serve both
//          |  | b |   +----+---+-+
//          |  +---+   |    a     |
//          +------------------------> time
//
// Plain C++: no IR. `pack` finds offsets, `findClash` judges any solution and shares no code with it.
//
//===----------------------------------------------------------------------===//
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace shardc {

/// Bytes that are needed during [begin, end], both ends included, in steps of a program.
struct Lifetime {
  int64_t bytes = 0;
  int begin = 0, end = 0;
};

struct Packing {
  std::vector<int64_t> offsets; // of each lifetime, multiples of the alignment
  int64_t bytes = 0;            // of all: where the last one ends
};

/// First fit, largest first: each lifetime goes to the lowest offset where it meets no other that is alive
/// with it.
Packing pack(const std::vector<Lifetime> &lifetimes, int64_t alignment = 64);

/// The most bytes that are alive at once: no packing is smaller.
int64_t lowerBound(const std::vector<Lifetime> &lifetimes);

/// Two lifetimes that share a byte and a step, or one that is misplaced (twice the same index); nothing if
/// valid.
std::optional<std::pair<size_t, size_t>> findClash(const std::vector<Lifetime> &lifetimes,
                                                   const Packing &packing, int64_t alignment = 64);

} // namespace shardc
