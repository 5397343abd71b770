//===- Remote.h - blocks between ranks of different nodes ------------------===//
//
// The collectives of a group that spans nodes: tiles are packed, sent to each member, and unpacked or summed
// in member order, which gives the bits that the shared-memory path gives. All waiting yields and looks for
// failures.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "runtime/comm/Members.h"
#include "runtime/comm/Tiles.h"
#include "runtime/core/Context.h"
#include <mpi.h>

namespace rt {

class Remote final : public Traffic {
public:
  Remote(MPI_Comm blocks, Watch &watch) : blocks(blocks), watch(watch) {}

  void allReduce(Members &group, Bucket bucket, Fold fold);
  void exchange(Members &group, Bucket bucket, TileOf tileOf);
  void reduceScatter(Members &group, Bucket bucket, Fold fold);
  void broadcast(Members &group, void *x, std::int64_t n, int root);

  /// Any bytes, between two ranks of the world, in pieces that MPI's int counts can hold.
  using Requests = std::vector<MPI_Request>;
  void send(const void *data, std::int64_t bytes, int rank, int tag, Requests &requests);
  void receive(void *data, std::int64_t bytes, int rank, int tag, Requests &requests);
  /// Returns when all of them are complete.
  void finish(Requests &requests, Wait kind);

  /// A message has been started, or is through: while there are any, `goOn` lets them travel. MPI moves what
  /// is long only inside of its calls, and a rank that computes makes none.
  void started() { ++underWay; }
  void through() { --underWay; }
  void goOn() override;

  void send(const void *data, std::int64_t bytes, int rank, int tag) {
    send(data, bytes, rank, tag, pending);
  }
  void receive(void *data, std::int64_t bytes, int rank, int tag) {
    receive(data, bytes, rank, tag, pending);
  }
  void finish() { finish(pending, Wait::meeting); }

private:
  using Cell = std::uint32_t;

  /// Member i gets this rank's sent + i * sendStep and its block arrives at received + i * bytes.
  void swapBlocks(Members &group, const std::byte *sent, std::int64_t sendStep, std::byte *received,
                  std::int64_t bytes);

  /// Sums (or folds) in member order what each member sent from byte `first` of its block on.
  void foldInbox(Members &group, std::int64_t bytes, std::int64_t first, void *out, const Tile &tile,
                 Fold fold);

  MPI_Comm blocks;
  Watch &watch;
  Requests pending;
  int underWay = 0;
  std::vector<std::byte> outbox, inbox; // grown to the largest collective, then kept
  std::vector<const float *> sources;   // each member's block in the inbox
};

} // namespace rt
