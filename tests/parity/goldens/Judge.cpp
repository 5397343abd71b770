//===- Judge.cpp - do trainer and interpreter compute what PyTorch does -------===//
//
//   golden-judge JOB --golden DIR --run DIR
//
// JOB is on one device, as is the run whose dump --run is. The golden's folder holds the weights that both
// start from and what PyTorch made of them, in f64 (R) and in f32 (S). Held to it are, for each tensor,
//
//   the trainer       e(X) = max|X - R| / max|R| <= 2 e(S) + 4 * 2^-24     S in the place of one rank
//   the interpreter   1e-10: both are f64 and sum in other orders
//
//===----------------------------------------------------------------------===//
#include "tests/parity/goldens/Forward.h"
#include "tests/parity/plans/Rule.h"

#include "compiler/Pipelines.h"
#include "compiler/frontend/Diagnostics.h"

#include "fmt/format.h"

using namespace shardc;
using namespace shardc::parity;

namespace {

constexpr double f64Bar = 1e-10;

int judge(const std::string &path, const std::string &golden, const std::string &run) {
  frontend::Diagnostics diags;
  auto job = frontend::loadJob(path, {{}, {SHARDC_PLANS_DIR}}, diags);
  if (!job) {
    fmt::print(stderr, "{}", diags.str());
    return 1;
  }
  registerPasses();
  const Reference torch{.record = readRecord(golden + "/torch-f64")};
  const std::vector<Record> singles = {readRecord(golden + "/torch-f32-1"),
                                       readRecord(golden + "/torch-f32-8"),
                                       readRecord(golden + "/torch-f32-sum")};
  bool holds = report("the trainer", judgePlan(torch, singles, readRecord(run)));

  const Tensors start = readTensors(golden + "/model.safetensors");
  auto interpreted = trainReference(*job, start);
  const Tensors losses = readTensors(golden + "/torch-f64/losses.safetensors");
  const std::vector<double> &wanted = losses.at("losses");
  const int64_t samples = job->train.globalBatchSize.value * job->train.seqLen.value;
  auto found = lossesOfLabels(*job, start, static_cast<int64_t>(wanted.size()) / samples);
  if (!interpreted || !found)
    return 1;
  std::vector<Finding> findings = judgePlan(torch, {}, interpreted->record);
  findings.push_back(compare("the loss of each label", "", *found, wanted));
  for (Finding &finding : findings)
    finding.allowed = f64Bar;
  holds &= report("the interpreter", findings);
  return holds ? 0 : 1;
}

} // namespace

int main(int argc, char **argv) {
  try {
    std::vector<std::string> words(argv + 1, argv + argc);
    if (words.size() != 5 || words[1] != "--golden" || words[3] != "--run") {
      fmt::print(stderr, "usage: golden-judge JOB --golden DIR --run DIR\n");
      return 2;
    }
    return judge(words[0], words[2], words[4]);
  } catch (const std::exception &error) {
    fmt::print(stderr, "error: {}\n", error.what());
    return 1;
  }
}
