//===- Apart.cpp - how far two runs of one job are apart --------------------===//
//
//   plan-apart JOB [--set KEY=VALUE]... ONE OTHER
//
// JOB with the overrides is the job on one device, ONE what its run dumped, OTHER what a plan's did. For
// sizes that the f64 interpreter is too slow for: files are read a piece at a time, and the bar follows from
// the rule (Rule.h) without R, since |P - S| <= |P - R| + |S - R|:
//
//   max|P - S| / max|S| <= 3 e(S) + 4 * 2^-24,    e(S) <= 2^-24 sqrt(roundings so far)
//
// Prints one JSON object with, for each file that both have: the largest absolute difference of all tensors,
// the largest value, and the relative difference of the tensor that is farthest off, with what is allowed.
//
//===----------------------------------------------------------------------===//
#include "tests/parity/plans/Rule.h"

#include "compiler/Pipelines.h"
#include "compiler/frontend/Diagnostics.h"
#include "runtime/checkpoint/Safetensors.h"

#include "fmt/format.h"
#include "nlohmann/json.hpp"

#include <cmath>
#include <filesystem>

using namespace shardc;
using namespace shardc::parity;

namespace {

struct Tensor {
  std::string name;
  double difference = 0, largest = 0;
};

Tensor compareTensor(const rt::SafetensorsReader &one, const rt::SafetensorsReader &other,
                     const rt::TensorInfo &info) {
  constexpr int64_t most = 1 << 20; // elements at a time
  const rt::TensorInfo *second = other.find(info.name);
  if (!second || second->shape != info.shape || second->dtype != info.dtype || info.dtype != rt::DType::F32)
    throw std::runtime_error("the runs do not both have " + info.name + " in one shape, in F32");
  Tensor tensor{info.name};
  std::vector<float> a(std::min(most, info.elements())), b(a.size());
  for (int64_t first = 0; first < info.elements(); first += most) {
    const int64_t count = std::min(most, info.elements() - first);
    one.readBlock(info, first, a.data(), count);
    other.readBlock(*second, first, b.data(), count);
    for (int64_t i = 0; i < count; ++i) {
      const double difference = std::fabs(double(a[i]) - double(b[i]));
      tensor.difference = std::max(tensor.difference, std::isnan(difference) ? HUGE_VAL : difference);
      tensor.largest = std::max(tensor.largest, std::fabs(double(a[i])));
    }
  }
  return tensor;
}

nlohmann::ordered_json compareFiles(const std::string &one, const std::string &other, double allowed) {
  rt::SafetensorsReader first(one), second(other);
  std::vector<Tensor> tensors;
  Tensor all, farthest;
  for (const rt::TensorInfo &info : first.tensors()) {
    tensors.push_back(compareTensor(first, second, info));
    all.difference = std::max(all.difference, tensors.back().difference);
    all.largest = std::max(all.largest, tensors.back().largest);
  }
  double relative = -1;
  for (const Tensor &tensor : tensors)
    if (double own = tensor.difference / scaleOf(tensor.largest, all.largest); own > relative)
      relative = own, farthest = tensor;
  return {{"difference", all.difference},
          {"largest", all.largest},
          {"relative", relative},
          {"allowed", allowed},
          {"tensor", farthest.name}};
}

int run(int argc, char **argv) {
  std::vector<std::string> words, sets;
  for (int i = 1; i < argc; ++i)
    if (std::string word = argv[i]; word == "--set" && i + 1 < argc)
      sets.push_back(argv[++i]);
    else
      words.push_back(word);
  if (words.size() != 3) {
    fmt::print(stderr, "usage: plan-apart JOB [--set KEY=VALUE]... ONE OTHER\n");
    return 2;
  }
  frontend::Diagnostics diags;
  auto job = frontend::loadJob(words[0], {sets, {SHARDC_PLANS_DIR}}, diags);
  if (!job) {
    fmt::print(stderr, "{}", diags.str());
    return 1;
  }
  registerPasses();
  std::optional<double> roundings = roundingsOf(*job);
  if (!roundings)
    return 1;
  nlohmann::ordered_json report;
  for (const auto &entry : std::filesystem::directory_iterator(words[1])) {
    const std::filesystem::path other = words[2] / entry.path().filename(), kind = entry.path().stem();
    if (entry.path().extension() != ".safetensors" || !std::filesystem::exists(other))
      continue;
    const double steps = kind == "gradients" ? 1 : double(job->train.steps.value);
    const double allowed = 3 * unitRoundoff * std::sqrt(steps * *roundings) + 4 * unitRoundoff;
    report[kind] = compareFiles(entry.path(), other, allowed);
  }
  fmt::print("{}\n", report.dump());
  return 0;
}

} // namespace

int main(int argc, char **argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception &error) {
    fmt::print(stderr, "error: {}\n", error.what());
    return 1;
  }
}
