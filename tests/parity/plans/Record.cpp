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
    std::vector<double> &tensor = tensors[info.name];
    tensor.resize(static_cast<size_t>(info.elements()));
    if (info.dtype == rt::DType::F64) {
      reader.readBlock(info, 0, tensor.data(), info.elements());
      continue;
    }
    if (info.dtype != rt::DType::F32)
      throw std::runtime_error(path + ": " + info.name + " is " + rt::dtypeName(info.dtype) +
                               ", not F32 or F64");
    std::vector<float> values(tensor.size());
    reader.readBlock(info, 0, values.data(), info.elements());
    tensor.assign(values.begin(), values.end());
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

Record readRecord(const std::string &dir, const std::vector<std::string> &states) {
  Record record{.losses = readLosses(dir + "/metrics.jsonl"),
                .gradients = readTensors(dir + "/gradients.safetensors"),
                .weights = readTensors(dir + "/weights.safetensors")};
  for (const std::string &state : states)
    record.states[state] = readTensors(dir + "/" + state + ".safetensors");
  return record;
}

} // namespace shardc::parity
