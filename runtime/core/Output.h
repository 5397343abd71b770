//===- Output.h - folders that a run writes to -----------------------------===//
#pragma once
#include <cstdint>
#include <string>

namespace rt {

/// Throws Error when it cannot be made.
void makeFolder(const std::string &path);

/// Makes the folder and proves before the first step that `bytes` can be written there.
void checkFolder(const std::string &path, std::int64_t bytes);

} // namespace rt
