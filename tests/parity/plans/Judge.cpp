//===- Judge.cpp - does a built trainer compute what its job says -----------===//
//
//   plan-judge JOB [--set KEY=VALUE]... --start FILE --single DIR... [NAME=DIR]...
//
// JOB with the overrides is the job on one device. FILE holds the weights that training starts from, DIR what
// a run dumped: --single of one rank, once or more; NAME=DIR of a plan. Prints a line for each run and all
// tensors that break the rule; exits with 1 if any does.
//
//===----------------------------------------------------------------------===//
#include "tests/parity/plans/Rule.h"

#include "compiler/Pipelines.h"
#include "compiler/frontend/Diagnostics.h"

#include "fmt/format.h"

#include <filesystem>

using namespace shardc;
using namespace shardc::parity;

namespace {

struct Arguments {
  std::string job, start;
  std::vector<std::string> sets, singles;
  std::vector<std::pair<std::string, std::string>> plans;
};

Arguments readArguments(int argc, char **argv) {
  Arguments arguments;
  for (int i = 1; i < argc; ++i) {
    std::string word = argv[i];
    if (word == "--set" && i + 1 < argc)
      arguments.sets.push_back(argv[++i]);
    else if (word == "--single" && i + 1 < argc)
      arguments.singles.push_back(argv[++i]);
    else if (word == "--start" && i + 1 < argc)
      arguments.start = argv[++i];
    else if (size_t equals = word.find('='); equals != std::string::npos)
      arguments.plans.emplace_back(word.substr(0, equals), word.substr(equals + 1));
    else
      arguments.job = word;
  }
  return arguments;
}

int judge(const Arguments &arguments) {
  frontend::Diagnostics diags;
  auto job = frontend::loadJob(arguments.job, {arguments.sets, {SHARDC_PLANS_DIR}}, diags);
  if (!job) {
    fmt::print(stderr, "{}", diags.str());
    return 1;
  }
  registerPasses();
  auto reference = trainReference(*job, readTensors(arguments.start));
  if (!reference)
    return 1;
  bool holds = true;
  std::vector<std::string> states;
  for (const auto &[name, state] : reference->record.states)
    states.push_back(name);
  std::vector<Record> singles;
  for (const std::string &dir : arguments.singles) {
    singles.push_back(readRecord(dir, states));
    holds &= report(std::filesystem::path(dir).filename().string(), judgeSingle(*reference, singles.back()));
  }
  for (const auto &[name, dir] : arguments.plans)
    holds &= report(name, judgePlan(*reference, singles, readRecord(dir, states)));
  return holds ? 0 : 1;
}

} // namespace

int main(int argc, char **argv) {
  try {
    return judge(readArguments(argc, argv));
  } catch (const std::exception &error) {
    fmt::print(stderr, "error: {}\n", error.what());
    return 1;
  }
}
