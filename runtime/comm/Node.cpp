//===- Node.cpp - the ranks that share memory ------------------------------===//
#include "runtime/comm/Node.h"
#include "runtime/comm/SharedMemory.h"
#include "runtime/core/Error.h"
#include "runtime/observe/Life.h"
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <thread>
#include <unistd.h>

namespace rt {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto checkEvery = std::chrono::milliseconds(200);
// A launcher that has seen a death kills everybody else: whom that hits first must not be taken for the
// cause.
constexpr auto launchersTime = std::chrono::milliseconds(500);
constexpr auto claimantsTime = std::chrono::seconds(1);
constexpr auto stoppedTooLong = std::chrono::seconds(1); // on Ctrl-Z all ranks stop together

std::string gibibytes(double bytes) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f GiB", bytes / (1 << 30));
  return text;
}

std::int64_t roundUp(std::int64_t bytes, std::int64_t unit) {
  return (bytes + unit - 1) / unit * unit;
}

} // namespace

Node::Node(MPI_Comm world, int forced) {
  int size, rank;
  MPI_Comm_rank(world, &rank);
  if (forced > 0)
    MPI_Comm_split(world, rank / forced, rank, &comm);
  else
    MPI_Comm_split_type(world, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &comm);
  MPI_Comm_size(comm, &size);
  MPI_Comm_rank(comm, &index);
  ranks.resize(size);
  MPI_Allgather(&rank, 1, MPI_INT, ranks.data(), 1, MPI_INT, comm);
}

int Node::indexOf(int worldRank) const {
  auto at = std::ranges::find(ranks, worldRank);
  return at == ranks.end() ? -1 : static_cast<int>(at - ranks.begin());
}

// The first rank makes the file, all map it; null on every rank if it failed on one.
std::byte *Node::map(std::size_t bytes) {
  if (size() == 1)
    return mapPrivate(bytes);
  SharedFile file;
  if (index == 0)
    file = createShared(bytes).value_or(SharedFile{});
  MPI_Bcast(&file, sizeof file, MPI_BYTE, 0, comm);
  std::byte *memory = file.fd < 0 ? nullptr : mapShared(file, bytes);
  int ok = memory != nullptr;
  MPI_Allreduce(MPI_IN_PLACE, &ok, 1, MPI_INT, MPI_MIN, comm);
  if (index == 0 && file.fd >= 0)
    close(file.fd);
  return ok ? memory : nullptr;
}

void Node::share(int cells, int messages) {
  std::byte *memory = map(ControlBlock::bytes(size(), cells, size() * messages));
  shared = size() > 1 && memory;
  if (!memory) {
    ranks = {ranks[index]};
    index = 0;
    MPI_Comm_dup(MPI_COMM_SELF, &comm);
    memory = mapPrivate(ControlBlock::bytes(1, cells, messages));
  }
  if (!memory)
    throw Error("no memory for the ranks' control block");
  block = reinterpret_cast<ControlBlock *>(memory);
  syncCells = cells;
  block->ranks()[index].pid = getpid();
  stoppedSince.resize(size());
  MPI_Barrier(comm);
}

void Node::makeArenas(std::int64_t bytes) {
  std::int64_t needed, most;
  MPI_Allreduce(&bytes, &needed, 1, MPI_INT64_T, MPI_SUM, comm);
  MPI_Allreduce(&bytes, &most, 1, MPI_INT64_T, MPI_MAX, comm);
  const std::int64_t stride = roundUp(std::max<std::int64_t>(most, 1), 1 << 21);
  if (const std::size_t available = availableMemory(); static_cast<std::size_t>(needed) > available)
    throw Error("the arenas of " + std::to_string(size()) + " ranks on this machine need " +
                    gibibytes(needed) + ", " + gibibytes(available) + " are free",
                "a smaller model, batch or seq_len, more micro-batches, or a plan that splits more fits");
  std::byte *memory = map(size() * stride);
  if (!memory)
    throw Error("an arena of " + gibibytes(needed) + " could not be mapped: " + std::strerror(errno));
  arenaRoom = stride;
  for (int i = 0; i < size(); ++i)
    arenas.push_back(memory + i * stride);
}

void Node::look() {
  if (block->aborted.load(std::memory_order_relaxed))
    throw Aborted{};
  if (lookBeyond)
    lookBeyond();
  if (auto now = Clock::now(); now >= nextCheck) {
    nextCheck = now + checkEvery;
    checkPeers();
  }
}

void Node::checkPeers() {
  for (int i = 0; i < size(); ++i) {
    const int pid = block->ranks()[i].pid.load(std::memory_order_relaxed);
    if (i == index || pid == 0)
      continue;
    const Life life = lifeOf(pid);
    if (life == Life::running || (life == Life::gone && block->ranks()[i].pid.load() == 0)) {
      stoppedSince[i] = {};
      continue;
    }
    if (life == Life::stopped) {
      if (stoppedSince[i] == Clock::time_point{})
        stoppedSince[i] = Clock::now();
      if (Clock::now() - stoppedSince[i] < stoppedTooLong)
        continue;
    }
    if (life == Life::gone)
      std::this_thread::sleep_for(launchersTime);
    peerLost = true;
    const std::string where = describe ? describe(ranks[i]) : "";
    throw Error("rank " + std::to_string(ranks[i]) + " (pid " + std::to_string(pid) + ") " +
                (life == Life::gone ? "died" : "was stopped") + where);
  }
}

bool Node::claimFailure() {
  if (block->claimed.exchange(1) == 0)
    return true;
  const auto deadline = Clock::now() + claimantsTime;
  while (block->aborted.load() == 0 && Clock::now() < deadline)
    usleep(1000);
  return false;
}

void Node::abort() {
  block->aborted.store(1);
}

void Node::signOff() {
  if (block)
    block->ranks()[index].pid.store(0);
}

} // namespace rt
