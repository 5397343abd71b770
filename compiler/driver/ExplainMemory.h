//===- ExplainMemory.h - a rank's memory, as `shardc explain` shows it ----===//
#pragma once

#include "compiler/analysis/MemoryPeak.h"

#include "nlohmann/json.hpp"

namespace shardc {

void printMemory(const MemoryPeak &peak);
nlohmann::ordered_json memoryJson(const MemoryPeak &peak);

} // namespace shardc
