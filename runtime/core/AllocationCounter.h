//===- AllocationCounter.h - heap allocations while it is on ---------------===//
//
// A training step allocates nothing after the first one; --check-arena counts. The trainer's own code (what
// the program's binary calls) is told apart from libraries, whose internals are not ours.
//
//===----------------------------------------------------------------------===//
#pragma once
#include <cstdint>

namespace rt {

struct Allocations {
  std::int64_t own = 0, libraries = 0;
};

void countAllocations(bool on);
Allocations allocationsCounted();

} // namespace rt
