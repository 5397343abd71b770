//===- Output.cpp - folders that a run writes to ---------------------------===//
#include "runtime/core/Output.h"
#include "runtime/core/Error.h"
#include "runtime/observe/Progress.h"
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

namespace rt {

void makeFolder(const std::string &path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error || !std::filesystem::is_directory(path, error))
    throw Error(path + ": folder cannot be made: " + (error ? error.message() : "it is a file"));
}

void checkFolder(const std::string &path, std::int64_t bytes) {
  makeFolder(path);
  const std::string probe = path + "/.shardc-probe";
  std::FILE *file = std::fopen(probe.c_str(), "w");
  if (!file)
    throw Error(path + ": folder cannot be written: " + std::strerror(errno));
  std::fclose(file);
  std::remove(probe.c_str());
  std::error_code error;
  const auto space = std::filesystem::space(path, error);
  if (!error && space.available < static_cast<std::uintmax_t>(bytes))
    throw Error(path + ": " + withCommas(bytes) + " bytes are to be written, " +
                withCommas(static_cast<std::int64_t>(space.available)) + " are free");
}

} // namespace rt
