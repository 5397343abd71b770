//===- Record.cpp - what a training run leaves behind ---------------------===//
#include "tests/parity/plans/Record.h"

#include "runtime/checkpoint/Safetensors.h"

#include "nlohmann/json.hpp"

#include <fstream>

namespace shardc::parity {

Tensors readTensors(const std::string &path) {
  rt::SafetensorsReader reader(path);
  Tensors tensors;
  for (const rt::TensorInfo &info : reader.tensors()) {
    if (info.dtype != rt::DType::F32)
      throw std::runtime_error(path + ": " + info.name + " is " + rt::dtypeName(info.dtype) + ", not F32");
    std::vector<float> values(static_cast<size_t>(info.elements()));
    reader.readBlock(info, 0, values.data(), info.elements());
    tensors[info.name].assign(values.begin(), values.end());
  }
  return tensors;
}

static std::vector<double> readLosses(const std::string &path) {
  std::ifstream file(path);
  if (!file)
    throw std::runtime_error(path + ": cannot be read");
  std::vector<double> losses;
  for (std::string line; std::getline(file, line);)
    if (auto row = nlohmann::json::parse(line); row.contains("loss"))
      losses.push_back(row["loss"].get<double>());
  return losses;
}

Record readRecord(const std::string &dir) {
  return {readLosses(dir + "/metrics.jsonl"), readTensors(dir + "/gradients.safetensors"),
          readTensors(dir + "/m.safetensors"), readTensors(dir + "/v.safetensors"),
          readTensors(dir + "/weights.safetensors")};
}

} // namespace shardc::parity
