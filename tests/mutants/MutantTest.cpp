//===- MutantTest.cpp - every planted fault is seen -----------------------===//
//
//   MutantTest            plants all faults; fails where one survives, or the page is out of date
//   MutantTest --write    writes the page
//   MutantTest --list     also prints each mutant and what saw it
//   MutantTest NAME       only faults whose name holds NAME; the page is not looked at
//
//===----------------------------------------------------------------------===//

#include "tests/mutants/Report.h"

#include "llvm/Support/xxhash.h"

#include <cstdlib>
#include <fstream>
#include <random>
#include <sstream>

using namespace mlir;
using namespace shardc::mutants;

namespace {

/// Mutants of one fault in one program; more in the long sweep, which the page doesn't count.
const bool isLong = std::getenv("SHARDC_SLOW_TESTS");
const size_t sitesOfEach = isLong ? 6 : 1;
constexpr int64_t fewest = 150;

struct Options {
  bool write = false, list = false;
  std::string only;
};

/// A few of the fault's sites in the program, drawn by a seed of their names.
std::vector<Operation *> drawSites(const Fault &fault, const Program &program, ModuleOp module) {
  std::vector<Operation *> sites;
  module.walk([&](Operation *op) {
    if (fault.at(op))
      sites.push_back(op);
  });
  std::mt19937_64 engine(llvm::xxh3_64bits((fault.name + program.name).str()));
  for (size_t i = 0; i < std::min(sitesOfEach, sites.size()); ++i)
    std::swap(sites[i], sites[i + engine() % (sites.size() - i)]);
  sites.resize(std::min(sitesOfEach, sites.size()));
  return sites;
}

std::string placeOf(Operation *op) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  for (Operation *parent = op; parent; parent = parent->getParentOp())
    if (auto symbol = dyn_cast<SymbolOpInterface>(parent)) {
      stream << "@" << symbol.getName() << ": ";
      break;
    }
  op->print(stream, OpPrintingFlags().skipRegions().useLocalScope());
  return text;
}

const char *nameOf(Layer layer) {
  const char *names[] = {"types", "exec-verify", "value", "SURVIVES"};
  return names[size_t(layer)];
}

Row plant(const Fault &fault, Level level, const std::vector<Program> &programs, const Options &options) {
  Row row{level, &fault, {}};
  for (const Program &program : programs) {
    ModuleOp module = level == Level::dist ? *program.dist : *program.exec;
    for (Operation *site : drawSites(fault, program, module)) {
      Verdict verdict = judge(program, level, &fault, site);
      ++row.caught[size_t(verdict.layer)];
      if (options.list || verdict.layer == Layer::none)
        llvm::outs() << nameOf(verdict.layer) << "\t" << fault.name << " in " << program.name << "\n\t"
                     << placeOf(site) << "\n\t" << verdict.why << "\n";
    }
  }
  return row;
}

std::string contentsOf(const char *path) {
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

bool complain(const llvm::Twine &message) {
  llvm::errs() << message << "\n";
  return false;
}

bool checkPage(const std::string &page, const Options &options) {
  if (options.write)
    std::ofstream(MUTANTS_PAGE) << page;
  return contentsOf(MUTANTS_PAGE) == page ||
         complain("docs/mutants.md is out of date: build/dev/bin/MutantTest --write");
}

/// Broken programs are judged by what says nothing of sound ones.
bool checkSound(const std::vector<Program> &programs) {
  bool isSound = true;
  for (const Program &program : programs)
    for (Level level : {Level::dist, Level::exec})
      if (Verdict verdict = judge(program, level); verdict.layer != Layer::none)
        isSound =
            complain(program.name + " is sound, but " + nameOf(verdict.layer) + " says: " + verdict.why);
  return isSound;
}

bool run(const Options &options) {
  std::optional<std::vector<Program>> programs = soundPrograms();
  if (!programs || !checkSound(*programs))
    return false;
  Faults ofDist, ofExec;
  addMovementFaults(ofDist), addValueFaults(ofDist), addStageFaults(ofDist);
  addMemoryFaults(ofExec), addOrderFaults(ofExec), addCollectiveFaults(ofExec);
  addComputeFaults(ofExec), addRankFaults(ofExec), addCallFaults(ofExec);
  addMessageFaults(ofExec);
  std::vector<Row> rows;
  for (auto [level, faults] : {std::pair(Level::dist, &ofDist), std::pair(Level::exec, &ofExec)})
    for (const Fault &fault : *faults)
      if (fault.name.contains(options.only))
        rows.push_back(plant(fault, level, *programs, options));
  std::vector<std::string> names;
  for (const Program &program : *programs)
    names.push_back(program.name);
  std::string page = pageOf(rows, names);
  llvm::outs() << page;
  int64_t planted = 0, survivors = 0;
  bool isComplete = true;
  for (const Row &row : rows) {
    planted += row.planted(), survivors += row.survivors();
    if (row.planted() == 0)
      isComplete = complain("no site for '" + row.fault->name + "'");
  }
  llvm::outs() << "\n" << planted << " mutants, " << survivors << " survive\n";
  if (!options.only.empty() || isLong)
    return survivors == 0;
  if (planted < fewest)
    isComplete = complain("fewer than " + llvm::Twine(fewest) + " mutants");
  return checkPage(page, options) && isComplete && survivors == 0;
}

} // namespace

int main(int count, char **arguments) {
  Options options;
  for (int i = 1; i < count; ++i) {
    llvm::StringRef argument = arguments[i];
    if (argument == "--write")
      options.write = true;
    else if (argument == "--list")
      options.list = true;
    else
      options.only = argument.str();
  }
  return run(options) ? 0 : 1;
}
