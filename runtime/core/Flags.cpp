//===- Flags.cpp - a trainer's command line --------------------------------===//
#include "runtime/core/Flags.h"
#include "runtime/core/Error.h"
#include <algorithm>
#include <charconv>
#include <cstring>
#include <functional>
#include <numeric>
#include <vector>

namespace rt {
namespace {

struct Flag {
  const char *name, *value, *help; // value: null for a switch
  std::function<void(Flags &, const std::string &)> set;
};

std::int64_t wholeNumber(const char *flag, const std::string &text) {
  std::int64_t number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < 0)
    throw Error(std::string(flag) + " is '" + text + "'", "a whole number from 0 is valid");
  return number;
}

double positiveNumber(const char *flag, const std::string &text) {
  double number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || !(number > 0) || number > 1e9)
    throw Error(std::string(flag) + " is '" + text + "'", "a number above 0 is valid");
  return number;
}

const std::vector<Flag> &flagTable() {
  static const std::vector<Flag> table = {
      {"--steps", "N", "optimizer steps", [](Flags &f, auto &v) { f.steps = wholeNumber("--steps", v); }},
      {"--data", "FILE", "text to train on", [](Flags &f, auto &v) { f.data = v; }},
      {"--init-from", "FILE", "weights to start from, as safetensors",
       [](Flags &f, auto &v) { f.initFrom = v; }},
      {"--output", "DIR", "where model.safetensors, its average if one is kept, and metrics.jsonl go",
       [](Flags &f, auto &v) { f.output = v; }},
      {"--metrics", "FILE", "one JSON object per step", [](Flags &f, auto &v) { f.metrics = v; }},
      {"--log-every", "N", "steps from one line to the next (10)",
       [](Flags &f, auto &v) { f.logEvery = wholeNumber("--log-every", v); }},
      {"--quiet", nullptr, "no lines but errors", [](Flags &f, auto &) { f.quiet = true; }},
      {"--eval-only", nullptr, "evaluate the initial weights, train nothing",
       [](Flags &f, auto &) { f.evalOnly = true; }},
      {"--run-dir", "DIR", "where the ranks' status pages go", [](Flags &f, auto &v) { f.runDir = v; }},
      {"--dump", "DIR", "gradients of the first step; weights and optimizer state at the end",
       [](Flags &f, auto &v) { f.dump = v; }},
      {"--trace", "FILE",
       "when each rank began and ended its tasks and waited, for ui.perfetto.dev and shardc trace",
       [](Flags &f, auto &v) { f.trace = v; }},
      {"--trace-steps", "N", "how many of the first steps are traced (10)",
       [](Flags &f, auto &v) { f.traceSteps = wholeNumber("--trace-steps", v); }},
      {"--gflops", "X",
       "of a rehearsal: operations in a nanosecond, by which its pauses are as long as planned (10)",
       [](Flags &f, auto &v) { f.gflops = positiveNumber("--gflops", v); }},
      {"--forward-ms", "X",
       "of a rehearsal: all tasks alike, a stage's forward of a micro-batch takes so long",
       [](Flags &f, auto &v) { f.forwardMs = positiveNumber("--forward-ms", v); }},
      {"--check-arena", nullptr, "poison the arena; report the bytes touched and the allocations in steps",
       [](Flags &f, auto &) { f.checkArena = true; }},
      {"--help", nullptr, "this text", [](Flags &f, auto &) { f.help = true; }},
  };
  return table;
}

/// Levenshtein's distance.
int distance(const std::string &a, const std::string &b) {
  std::vector<int> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (std::size_t i = 0; i < a.size(); ++i) {
    int diagonal = row[0]++;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const int above = row[j + 1];
      row[j + 1] = std::min({above + 1, row[j] + 1, diagonal + (a[i] != b[j])});
      diagonal = above;
    }
  }
  return row.back();
}

[[noreturn]] void unknown(const std::string &flag) {
  auto &table = flagTable();
  auto nearest = std::ranges::min_element(table, {}, [&](const Flag &f) { return distance(flag, f.name); });
  throw Error("flag '" + flag + "' is not known",
              std::string("'") + nearest->name + "' is near; --help lists all");
}

} // namespace

Flags readFlags(const Recipe &recipe, int argc, char **argv) {
  Flags flags;
  flags.steps = recipe.steps;
  flags.data = recipe.data ? recipe.data : "";
  for (int i = 1; i < argc; ++i) {
    std::string name = argv[i], value;
    const auto equals = name.find('=');
    const bool attached = equals != std::string::npos;
    if (attached) {
      value = name.substr(equals + 1);
      name.resize(equals);
    }
    auto &table = flagTable();
    auto flag = std::ranges::find_if(table, [&](const Flag &f) { return name == f.name; });
    if (flag == table.end())
      unknown(name);
    if (!flag->value && attached)
      throw Error("flag '" + name + "' takes no value, '" + value + "' was given");
    if (flag->value && !attached) {
      if (++i == argc)
        throw Error("flag '" + name + "' needs a value", name + " " + flag->value);
      value = argv[i];
    }
    flag->set(flags, value);
  }
  if (flags.metrics.empty() && !flags.output.empty())
    flags.metrics = flags.output + "/metrics.jsonl";
  if (flags.quiet)
    flags.logEvery = 0;
  return flags;
}

std::string usage(const char *program) {
  std::string text = std::string("usage: mpirun -n RANKS ") + program + " [flags]\n";
  for (const Flag &flag : flagTable()) {
    std::string left = std::string("  ") + flag.name + (flag.value ? std::string(" ") + flag.value : "");
    left.resize(std::max<std::size_t>(left.size() + 2, 20), ' ');
    text += left + flag.help + "\n";
  }
  return text;
}

} // namespace rt
