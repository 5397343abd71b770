//===- Cache.h - what is built once for each content ----------------------===//
//
//   ~/.cache/shardc/   NAME/             a finished folder holds a file `complete`
//                      NAME.lock         held by whoever builds it; others wait
//
// A folder without `complete` was left by a process that died: it is removed and built again.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "llvm/ADT/STLFunctionalExtras.h"

#include <filesystem>
#include <string>

namespace shardc {

/// $XDG_CACHE_HOME/shardc, or below the home directory.
std::filesystem::path cacheRoot();

/// All of a file; empty if it cannot be read.
std::string readFile(const std::filesystem::path &path);

/// A name for all files below `folder` (their paths and contents) and the compiler that will read them.
std::string contentHash(const std::filesystem::path &folder, const std::string &compiler);

/// Makes `folder` complete: `build` fills it unless that was done before, by this process or another. False
/// if `build` was.
bool buildOnce(const std::filesystem::path &folder, llvm::function_ref<bool()> build);

} // namespace shardc
