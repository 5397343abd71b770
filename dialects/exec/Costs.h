//===- Costs.h - what a task of a rehearsal costs ---------------------------===//
#pragma once

#include "llvm/ADT/StringRef.h"

namespace exec {

/// Of a `pipe.begin`: the floating-point operations that all pauses of its task stand for.
inline constexpr llvm::StringLiteral costAttrName = "exec.cost";

} // namespace exec
