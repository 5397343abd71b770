//===- Report.cpp - how many mutants each layer caught --------------------===//

#include "tests/mutants/Report.h"

using namespace shardc::mutants;

static const char *const introduction =
    R"(# Mutants

Sound programs, broken one at a time, and who saw it. `tests/mutants` compiles small jobs to `dist` and to `exec`, plants one fault in a copy, and asks
the layers in order: the verifiers of ops and `dist-verify` (*types*), `exec-verify`, of a pipeline with `exec-verify-stages`, then the interpreter on all ranks
against one device within 1e-12 (*value*). Whatever none of them sees before the first step has ended is a survivor, and fails the test. A fault says by its own conditions where it
would break nothing (a sum in another order); there it is not planted, and no list of exceptions exists.

This page is written by `build/dev/bin/MutantTest --write`; the test checks that it is up to date. Of the sites of a fault, each program lends one,
drawn with a fixed seed; with `SHARDC_SLOW_TESTS` six.

The other way round `SoundTest` takes jobs drawn at random (`tests/unit/property`) to both levels: of 30 of them, with `SHARDC_SLOW_TESTS` of 300, no layer
has anything to say.

)";

static void printTable(llvm::raw_ostream &stream, Level level, llvm::ArrayRef<Row> rows) {
  bool isExec = level == Level::exec;
  stream << "| fault | planted | types | " << (isExec ? "exec-verify | " : "") << "value |\n";
  stream << "| --- | ---: | ---: | " << (isExec ? "---: | " : "") << "---: |\n";
  auto count = [&](int64_t number) { stream << " | " << (number ? std::to_string(number) : ""); };
  Row total{level, nullptr, {}};
  auto print = [&](const Row &row) {
    count(row.planted());
    count(row.caught[size_t(Layer::types)]);
    if (isExec)
      count(row.caught[size_t(Layer::execVerify)]);
    count(row.caught[size_t(Layer::value)]);
    stream << " |\n";
  };
  for (const Row &row : rows) {
    if (row.level != level)
      continue;
    stream << "| " << row.fault->name << ": " << row.fault->what;
    print(row);
    for (size_t layer = 0; layer < row.caught.size(); ++layer)
      total.caught[layer] += row.caught[layer];
  }
  stream << "| **all**";
  print(total);
}

std::string shardc::mutants::pageOf(llvm::ArrayRef<Row> rows, llvm::ArrayRef<std::string> programs) {
  std::string page = introduction;
  llvm::raw_string_ostream stream(page);
  stream << "Programs: ";
  llvm::interleaveComma(programs, stream);
  stream << ".\n\n## In dist\n\n";
  printTable(stream, Level::dist, rows);
  stream << "\n## In exec\n\n";
  printTable(stream, Level::exec, rows);
  return page;
}
