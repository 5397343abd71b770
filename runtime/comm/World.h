//===- World.h - all ranks of a run, from MPI_Init to the last line --------===//
//
// Finds the ranks of this machine, gives each its arena (one shared mapping a node, so that a peer's buffer
// is its arena plus the same offset), makes the groups, and brings everybody down together when one rank
// fails. SHARDC_FORCE_REMOTE=N makes nodes of N ranks each: the way across nodes, on one machine.
//
// Not here: MPI's types (World.cpp, Remote), what is computed.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "runtime/comm/Sync.h"
#include "runtime/core/Context.h"
#include "runtime/core/Program.h"
#include <functional>
#include <memory>
#include <string>

namespace rt {

/// What a world is made from; the parts of a Program that it needs.
struct WorldShape {
  std::span<const MeshAxis> mesh;
  std::span<const GroupSpec> groups;
  std::int64_t arenaBytes; // of this rank; all else is the same on all ranks
  Pipeline pipeline = {};
};

class World {
public:
  /// Starts MPI. Throws Error on every rank when the launch does not fit; one of them should say so (rank()).
  World(int &argc, char **&argv);
  ~World();
  World(const World &) = delete;

  int rank() const;
  int size() const;
  int localSize() const;  // ranks of this node
  bool leadsNode() const; // the first rank of this node

  /// Arena, groups, peers and context.
  Context &build(const WorldShape &shape);
  Context &context();

  /// Who wants to know when this rank waits for others; may stay unset.
  void tellOfWaits(Waits *waits);

  /// The largest vote of all ranks; everybody must call it.
  int agree(int vote);

  /// Runs `work`, which may fail on some ranks, on all of them: if it did, the lowest failing rank says why
  /// and everybody throws Aborted.
  void together(const std::function<void()> &work);

  /// Reports what went wrong in the middle of a run and makes the others leave. Only the first rank of a node
  /// to call it does; that one runs `note` before anybody can leave.
  void report(const std::string &message, const std::function<void()> &note = {});

  /// Throws Aborted when the run is over because of another rank.
  void look();

  /// Any bytes between ranks, outside of steps (weights on their way to a file). Sends must be received in
  /// order.
  void send(const void *data, std::int64_t bytes, int to);
  void receive(void *data, std::int64_t bytes, int from);

  /// The arena of another rank when it is mapped here, else null.
  const std::byte *arenaOf(int rank) const;

  /// Bytes mapped for each arena: at least what was asked for.
  std::int64_t arenaRoom() const;

  /// Where another rank's last operation can be read when it dies; may stay unset.
  std::function<std::string(int rank)> describeRank;

  /// Ends this process with `code`; after a failure it does not wait for ranks that are gone.
  [[noreturn]] void leave(int code);

private:
  struct Impl;
  std::unique_ptr<Impl> impl;
};

} // namespace rt
