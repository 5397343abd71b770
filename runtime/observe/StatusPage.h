//===- StatusPage.h - where each rank is, readable from outside ------------===//
//
// Each rank maps one small file in the run directory and stores its step and operation there; the launcher
// reads them when a rank dies, by whatever signal. Rank 0 writes the table that turns operation numbers into
// words.
//
//   RUN_DIR/rank-0.status, rank-1.status, ...   RUN_DIR/operations.tsv
//
// Stands alone: the launcher compiles it too.
//
//===----------------------------------------------------------------------===//
#pragma once
#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

namespace rt {

enum class RankState : std::int32_t { starting, running, finished, failed };

/// Operations that no program has.
enum RuntimeOperation : std::int32_t {
  opStarting = -1,
  opReadingData = -2,
  opWritingFiles = -3,
  opReadingWeights = -4
};

struct StatusPage {
  char magic[8]; // "shardc01"; written last
  std::int32_t rank, world, pid;
  std::atomic<RankState> state;
  std::atomic<std::int64_t> step; // from 0
  std::int32_t operation;         // stored and loaded by __atomic builtins: generated code knows no <atomic>
  char message[512];              // of the rank that reports a failure, set before its state is `failed`
};

/// A copy of a rank's page, in words.
struct RankStatus {
  int rank = 0, world = 1, pid = 0;
  RankState state = RankState::starting;
  std::int64_t step = 0;
  std::int32_t operation = opStarting;
  std::string operationName;  // "block.mlp: all_gather tp"
  std::string operationPlace; // "model.yaml:18:5"; may be empty
  std::string message;        // what this rank reported; empty on all but one rank of a node
};

/// Creates and maps this rank's page. Throws std::runtime_error when the directory cannot be written.
StatusPage *createStatusPage(const std::string &runDir, int rank, int world);

/// One line of the table: id, name, place.
struct OperationRow {
  std::int32_t id;
  std::string name, place;
};
/// By one rank of each node; where they share the directory all write the same.
void writeOperations(const std::string &runDir, const std::vector<OperationRow> &rows, int rank);

/// Every rank whose page is there, by rank; never throws.
std::vector<RankStatus> readStatus(const std::string &runDir);

/// "in step 13 at block.mlp: all_gather tp (model.yaml:18:5)"
std::string describe(const RankStatus &status);

} // namespace rt
