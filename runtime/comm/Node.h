//===- Node.h - the ranks that share memory --------------------------------===//
//
// One node: its control block and the arenas of its ranks. As a Watch it notices a rank of this node that is
// gone or was stopped.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "runtime/comm/Sync.h"
#include <chrono>
#include <functional>
#include <mpi.h>
#include <string>
#include <vector>

namespace rt {

class Node : public Watch {
public:
  /// Finds the ranks of `world` on this machine; forced > 0: that many neighbours are a node, whatever the
  /// machine.
  Node(MPI_Comm world, int forced);

  int size() const { return static_cast<int>(ranks.size()); }
  int indexOf(int worldRank) const; // -1: on another node
  ControlBlock &control() { return *block; }
  SyncCell &cell(int i) { return block->cells(size())[i]; }
  MessageCell &message(int i) { return block->messages(size(), syncCells)[i]; }

  /// The control block for `cells` group instances and the messages that each rank sends; if memory cannot be
  /// shared this node falls apart into nodes of one rank each (`shared` is false then).
  void share(int cells, int messages);
  /// An arena for each rank, of `bytes` for this one; throws Error when the machine has too little memory.
  void makeArenas(std::int64_t bytes);

  void look() override;
  /// True for the one rank of the node that reports its failure and calls abort() then. Others return when it
  /// has: a launcher kills everybody as soon as one rank leaves.
  bool claimFailure();
  /// Makes every rank of the node leave.
  void abort();
  /// This rank leaves in good order: its absence is no failure.
  void signOff();

  std::vector<int> ranks;          // of the world
  int index = 0;                   // this rank among them
  std::vector<std::byte *> arenas; // of each of them
  std::int64_t arenaRoom = 0;      // bytes mapped for each, >= what any of them asked for
  bool shared = false;
  bool peerLost = false;            // this rank has seen another one dead or stopped
  std::function<void()> lookBeyond; // what else to watch: news from other nodes
  std::function<std::string(int worldRank)> describe;

private:
  std::byte *map(std::size_t bytes);
  void checkPeers();

  MPI_Comm comm;
  ControlBlock *block = nullptr;
  int syncCells = 0;
  std::chrono::steady_clock::time_point nextCheck{};
  std::vector<std::chrono::steady_clock::time_point> stoppedSince; // epoch: running
};

} // namespace rt
