//===- Tracing.h - the traces of all ranks become one file -------------------===//
#pragma once
#include "runtime/comm/World.h"
#include "runtime/observe/Trace.h"
#include <string>

namespace rt {

/// Every rank calls it with its own; rank 0 writes the file. `stage` is this rank's.
void saveTrace(World &world, const Trace &trace, int stage, std::span<const Operation> operations,
               const std::string &path);

} // namespace rt
