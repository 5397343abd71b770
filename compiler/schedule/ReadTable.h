//===- ReadTable.h - a table as people write it -----------------------------===//
//
// A row a stage, its tasks in order, as `toString` writes them:
//
//   F0 F1 B0 B1          one chunk on each stage
//   F0 B0 F1 B1
//
//   0:F0 3:F0 3:B0 0:B0  several: each task has its chunk in front, numbered as data flows. Here chunk 3 is
//   with 1:F0 2:F0 2:B0 1:B0  chunk 0, so chunks go there and back; with chunk 2 there they would go round.
//
// All else follows from it: how many chunks a stage has, how they lie, and, if there are tasks `W`, that
// backward is split. A table that is read is sound: CheckTable has judged it.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/schedule/CheckTable.h"

#include <variant>

namespace shardc::pipeline {

struct WrittenTable {
  Pipeline pipeline;
  Table table;
};

/// Why a table can't be, and what would be valid. `at.index` counts words of a row.
struct WrittenFault {
  Fault at;
  std::string hint; // may be empty
};

/// The words of the rows, without those of idle time, of a step of `microbatches` on `stages`.
std::variant<WrittenTable, WrittenFault> readTable(const std::vector<std::vector<std::string>> &rows,
                                                   int stages, int microbatches);

/// The rows of a table, as `readTable` takes them.
std::vector<std::string> toRows(const Pipeline &pipeline, const Table &table);

} // namespace shardc::pipeline
