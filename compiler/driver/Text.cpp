//===- Text.cpp - numbers and tables as users read them -------------------===//

#include "compiler/driver/Commands.h"

#include "fmt/format.h"
#include <fstream>

using namespace shardc;

bool shardc::writeText(const std::string &path, const std::string &text) {
  std::ofstream file(path);
  file << text;
  file.close();
  if (!file)
    fmt::print(stderr, "error: {}: could not be written\n", path);
  return static_cast<bool>(file);
}

std::string shardc::withCommas(int64_t value) {
  std::string digits = std::to_string(value);
  for (int64_t at = static_cast<int64_t>(digits.size()) - 3; at > 0; at -= 3)
    digits.insert(at, ",");
  return digits;
}

std::string shardc::identityLine(const frontend::Job &job) {
  std::vector<std::string> axes;
  for (const frontend::MeshAxis &axis : job.plan.mesh)
    axes.push_back(fmt::format("{} {}", axis.name.value, axis.size.value));
  int64_t batch = job.train.globalBatchSize.value;
  return fmt::format("world {}{}{}; global batch {} sequences = {} tokens", job.plan.worldSize(),
                     axes.empty() ? "" : " = ", fmt::join(axes, " x "), withCommas(batch),
                     withCommas(batch * job.train.seqLen.value));
}

std::string shardc::table(const std::vector<std::vector<std::string>> &rows, size_t right) {
  std::vector<size_t> widths;
  for (const auto &row : rows)
    for (size_t i = 0; i < row.size(); ++i) {
      widths.resize(std::max(widths.size(), row.size()));
      widths[i] = std::max(widths[i], row[i].size());
    }
  std::string text;
  for (const auto &row : rows) {
    std::string line = " ";
    for (size_t i = 0; i < row.size(); ++i)
      line +=
          i < right ? fmt::format(" {:<{}} ", row[i], widths[i]) : fmt::format(" {:>{}} ", row[i], widths[i]);
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}
