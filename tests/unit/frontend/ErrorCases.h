// A folder of wrong YAML: beside each NAME.yaml stands NAME.txt, what must be printed of it, to the letter.
// With SHARDC_UPDATE_ERRORS set, the expected texts are written anew, to be read before they are committed.
#pragma once
#include "tests/unit/frontend/Frontend.h"
#include <algorithm>
#include <cstdlib>

namespace shardc::frontend {

inline std::string contentsOf(const std::filesystem::path &path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

/// The names in the folder, sorted.
inline std::vector<std::string> casesIn(const std::filesystem::path &folder) {
  std::vector<std::string> names;
  for (const auto &entry : std::filesystem::directory_iterator(folder))
    if (entry.path().extension() == ".yaml")
      names.push_back(entry.path().stem().string());
  std::sort(names.begin(), names.end());
  return names;
}

/// Whether this is what must be printed of a case; the current folder is that of the cases.
inline void expectPrinted(const std::string &name, const std::string &printed) {
  if (std::getenv("SHARDC_UPDATE_ERRORS"))
    std::ofstream(name + ".txt") << printed;
  EXPECT_FALSE(printed.empty());
  EXPECT_EQ(printed, contentsOf(name + ".txt"));
}

} // namespace shardc::frontend
