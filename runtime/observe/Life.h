//===- Life.h - whether a process runs -------------------------------------===//
//
// Stands alone: the launcher compiles it too.
//
//===----------------------------------------------------------------------===//
#pragma once

namespace rt {

enum class Life { running, stopped, gone };

/// Of a process of this machine. One that has ended is gone, also while its parent has not noticed (a
/// zombie).
Life lifeOf(int pid);

} // namespace rt
