//===- World.cpp - all ranks of a run, from MPI_Init to the last line ------===//
#include "runtime/comm/World.h"
#include "runtime/comm/Delays.h"
#include "runtime/comm/Members.h"
#include "runtime/comm/Node.h"
#include "runtime/comm/Peers.h"
#include "runtime/comm/Remote.h"
#include "runtime/core/Error.h"
#include "runtime/core/Mesh.h"
#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <sched.h>
#include <unistd.h>
#include <utility>

namespace rt {
namespace {

constexpr int newsTag = 1; // on the control communicator: "a rank has failed"
constexpr int bytesTag = 0;
constexpr auto patience = std::chrono::seconds(1); // of a rank that leaves, for others to hear why

int coresOfProcess() {
  cpu_set_t set;
  return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}

/// Number of group instances in the whole world: ranks / members for each spec.
int instances(const WorldShape &shape, const GroupSpec &group) {
  int count = 1;
  for (int axis = 0; axis < static_cast<int>(shape.mesh.size()); ++axis)
    if (!contains(group.axes, axis))
      count *= shape.mesh[axis].size;
  return count;
}

/// The ranks that agree with `coordinates` outside of the group's axes; the first listed axis is the slowest.
std::vector<int> memberRanks(const WorldShape &shape, const GroupSpec &group, std::vector<int> coordinates) {
  int size = 1;
  for (int axis : group.axes)
    size *= shape.mesh[axis].size;
  std::vector<int> ranks(size);
  for (int member = 0; member < size; ++member) {
    int rest = member;
    for (int i = group.axes.size() - 1; i >= 0; --i) {
      const int axis = group.axes[i];
      coordinates[axis] = rest % shape.mesh[axis].size;
      rest /= shape.mesh[axis].size;
    }
    ranks[member] = rankAt(shape.mesh, coordinates);
  }
  return ranks;
}

/// Which of its kind this rank's instance is: the row-major number of the coordinates that the group keeps.
int instanceOf(const WorldShape &shape, const GroupSpec &group, const std::vector<int> &coordinates) {
  int number = 0;
  for (int axis = 0; axis < static_cast<int>(shape.mesh.size()); ++axis)
    if (!contains(group.axes, axis))
      number = number * shape.mesh[axis].size + coordinates[axis];
  return number;
}

int stagesOf(const WorldShape &shape) {
  return shape.pipeline.axis < 0 ? 0 : shape.mesh[shape.pipeline.axis].size;
}

} // namespace

struct World::Impl {
  int rank = 0, size = 1;
  MPI_Comm blocks, control; // blocks: collectives and weights; control: votes and news of failures
  std::unique_ptr<Node> node;
  std::unique_ptr<Remote> remote;
  std::vector<std::unique_ptr<Members>> groups;
  std::vector<std::unique_ptr<Peer>> peers;
  std::vector<int> others; // one rank of each other node
  std::int32_t noStatusPage = 0;
  std::vector<int> coordinates; // that the context points to
  std::vector<Group *> groupsOfContext;
  std::vector<Peer *> stagesOfContext;
  Context context;

  void makeNode(const WorldShape &shape);
  void makeGroup(const WorldShape &shape, const GroupSpec &spec, int tag, int firstCell);
  void makePeers(const WorldShape &shape, int firstTag);
  void listen();
  void tellOthers(); // that this node fails
  int agreeAcross(int vote);
};

World::World(int &argc, char **&argv) : impl(std::make_unique<Impl>()) {
  setenv("OMPI_MCA_mpi_yield_when_idle", "1", 0); // ranks may outnumber cores
  int level;
  MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &level);
  MPI_Comm_dup(MPI_COMM_WORLD, &impl->blocks);
  MPI_Comm_dup(MPI_COMM_WORLD, &impl->control);
  MPI_Comm_rank(MPI_COMM_WORLD, &impl->rank);
  MPI_Comm_size(MPI_COMM_WORLD, &impl->size);
  impl->context.rank = impl->rank;
  impl->context.world = impl->size;
  impl->context.operation = &impl->noStatusPage;
}

World::~World() = default;

int World::rank() const {
  return impl->rank;
}
int World::size() const {
  return impl->size;
}
int World::localSize() const {
  return impl->node ? impl->node->size() : 1;
}
bool World::leadsNode() const {
  return !impl->node || impl->node->index == 0;
}
Context &World::context() {
  return impl->context;
}

// Every rank sees the same: no vote is needed.
static void checkSize(const WorldShape &shape, int size) {
  int needed = 1;
  for (const MeshAxis &axis : shape.mesh)
    needed *= axis.size;
  if (needed == size)
    return;
  const std::string ranks = std::to_string(needed), how = "use shardc run, or mpirun -n " + ranks;
  const char *launched = std::getenv("WORLD_SIZE");
  if (size == 1 && launched && std::atoi(launched) > 1)
    throw Error("WORLD_SIZE is " + std::string(launched) + ", but this process is alone in its MPI world",
                how);
  throw Error("the plan's mesh needs " + ranks + (needed == 1 ? " rank, " : " ranks, ") +
                  std::to_string(size) + (size == 1 ? " was" : " were") + " started",
              how);
}

Context &World::build(const WorldShape &shape) {
  checkSize(shape, impl->size);
  delayAsAsked(impl->rank);
  impl->makeNode(shape);
  impl->node->describe = [this](int rank) { return describeRank ? describeRank(rank) : std::string(); };
  together([&] { impl->node->makeArenas(shape.arenaBytes); });
  impl->remote = std::make_unique<Remote>(impl->blocks, *impl->node);
  Context &context = impl->context;
  context.arena = impl->node->arenas[impl->node->index];
  impl->coordinates = coordinatesOf(shape.mesh, impl->rank);
  context.coordinates = impl->coordinates.data();
  int cell = 1, tag = bytesTag + 1;
  for (const GroupSpec &spec : shape.groups) {
    impl->makeGroup(shape, spec, tag++, cell);
    cell += instances(shape, spec);
  }
  if (shape.pipeline.axis >= 0)
    impl->makePeers(shape, tag);
  return context;
}

void World::Impl::makeNode(const WorldShape &shape) {
  const char *force = std::getenv("SHARDC_FORCE_REMOTE");
  node = std::make_unique<Node>(blocks, force ? std::atoi(force) : 0);
  int cells = 1; // the first: all ranks of the node
  for (const GroupSpec &spec : shape.groups)
    cells += instances(shape, spec);
  node->share(cells, stagesOf(shape) * shape.pipeline.messages);
  node->spins = node->size() <= coresOfProcess() ? 100 : 0;
  std::vector<int> leaders(size);
  MPI_Allgather(&node->ranks[0], 1, MPI_INT, leaders.data(), 1, MPI_INT, control);
  std::ranges::sort(leaders);
  leaders.erase(std::ranges::unique(leaders).begin(), leaders.end());
  std::erase(leaders, node->ranks[0]);
  others = leaders;
  if (!others.empty())
    node->lookBeyond = [this] { listen(); };
}

void World::Impl::makeGroup(const WorldShape &shape, const GroupSpec &spec, int tag, int firstCell) {
  auto group = std::make_unique<Members>();
  group->ranks = memberRanks(shape, spec, coordinates);
  group->size = static_cast<int>(group->ranks.size());
  group->index = static_cast<int>(std::ranges::find(group->ranks, rank) - group->ranks.begin());
  group->arena = context.arena;
  group->watch = node.get();
  group->remote = remote.get();
  group->tag = tag;
  group->cell = &node->cell(firstCell + instanceOf(shape, spec, coordinates));
  for (int member : group->ranks) {
    const int local = node->indexOf(member);
    if (local < 0) {
      group->peers.clear();
      break;
    }
    group->peers.push_back(node->arenas[local]);
  }
  groupsOfContext.push_back(group.get());
  context.groups = groupsOfContext.data();
  groups.push_back(std::move(group));
}

// A node's message cells are by sender, then by the receiver's stage, then by number.
void World::Impl::makePeers(const WorldShape &shape, int firstTag) {
  const int axis = shape.pipeline.axis, messages = shape.pipeline.messages;
  const int stages = stagesOf(shape);
  auto cellsOf = [&](int sender, int receiversStage) {
    return &node->message((sender * stages + receiversStage) * messages);
  };
  for (int stage = 0; stage < stages; ++stage) {
    std::vector<int> place = coordinates;
    const int own = std::exchange(place[axis], stage), other = rankAt(shape.mesh, place);
    std::unique_ptr<Peer> &peer = peers.emplace_back();
    if (const int local = node->indexOf(other); stage == own)
      peer = nullptr;
    else if (local < 0) {
      peer = std::make_unique<RemotePeer>(*remote, other, firstTag, messages);
      context.traffic = remote.get();
    } else
      peer = std::make_unique<LocalPeer>(context.arena, node->arenas[local], cellsOf(node->index, stage),
                                         cellsOf(local, own), *node);
    stagesOfContext.push_back(peer.get());
    context.stages = stagesOfContext.data();
  }
}

// A leader hears that another node has failed, and its whole node leaves.
void World::Impl::listen() {
  int there = 0;
  MPI_Iprobe(MPI_ANY_SOURCE, newsTag, control, &there, MPI_STATUS_IGNORE);
  if (!there)
    return;
  MPI_Recv(nullptr, 0, MPI_BYTE, MPI_ANY_SOURCE, newsTag, control, MPI_STATUS_IGNORE); // it can stop waiting
  node->abort();
  throw Aborted{};
}

// This process may end right after: it stays until the others have heard, or for a second if they are busy.
void World::Impl::tellOthers() {
  std::vector<MPI_Request> requests(others.size());
  for (std::size_t i = 0; i < others.size(); ++i)
    MPI_Issend(nullptr, 0, MPI_BYTE, others[i], newsTag, control, &requests[i]);
  const auto deadline = std::chrono::steady_clock::now() + patience;
  for (int heard = 0; !heard && std::chrono::steady_clock::now() < deadline; usleep(1000))
    MPI_Testall(static_cast<int>(requests.size()), requests.data(), &heard, MPI_STATUSES_IGNORE);
}

int World::agree(int vote) {
  Node &node = *impl->node;
  if (node.size() == 1)
    return impl->agreeAcross(vote);
  auto *cells = node.control().ranks();
  cells[node.index].vote.store(vote, std::memory_order_relaxed);
  meet(node.cell(0), node.size(), node);
  int most = 0;
  for (int i = 0; i < node.size(); ++i)
    most = std::max(most, cells[i].vote.load(std::memory_order_relaxed));
  most = impl->agreeAcross(most);
  meet(node.cell(0), node.size(), node); // votes are read: they may change
  return most;
}

int World::Impl::agreeAcross(int vote) {
  if (others.empty())
    return vote;
  int most = 0, done = 0;
  MPI_Request request;
  MPI_Iallreduce(&vote, &most, 1, MPI_INT, MPI_MAX, control, &request);
  for (int tries = 1; MPI_Test(&request, &done, MPI_STATUS_IGNORE), !done; ++tries) {
    if (tries % 256 == 0)
      node->look();
    if (tries > 4096)
      usleep(100);
    else
      sched_yield();
  }
  return most;
}

void World::together(const std::function<void()> &work) {
  std::string message;
  try {
    work();
  } catch (const std::exception &error) {
    message = error.what();
  }
  // The lowest failing rank has the largest vote.
  const int loudest = agree(message.empty() ? 0 : impl->size - impl->rank);
  if (loudest == 0)
    return;
  if (loudest == impl->size - impl->rank)
    std::fprintf(stderr, "error: %s\n", message.c_str());
  throw Aborted{};
}

void World::report(const std::string &message, const std::function<void()> &note) {
  if (impl->node && !impl->node->claimFailure())
    return;
  if (note)
    note();
  std::fprintf(stderr, "error: %s\n", message.c_str());
  std::fflush(stderr);
  if (!impl->node)
    return;
  impl->node->abort();
  impl->tellOthers();
}

void World::tellOfWaits(Waits *waits) {
  impl->node->waits = waits;
}

void World::look() {
  impl->node->look();
}

void World::send(const void *data, std::int64_t bytes, int to) {
  impl->remote->send(data, bytes, to, bytesTag);
  impl->remote->finish();
}

void World::receive(void *data, std::int64_t bytes, int from) {
  impl->remote->receive(data, bytes, from, bytesTag);
  impl->remote->finish();
}

const std::byte *World::arenaOf(int rank) const {
  const int local = impl->node->indexOf(rank);
  return local < 0 ? nullptr : impl->node->arenas[local];
}

std::int64_t World::arenaRoom() const {
  return impl->node->arenaRoom;
}

static void giveUp(int) {
  _exit(1);
}

void World::leave(int code) {
  std::fflush(nullptr);
  if (impl->node)
    impl->node->signOff();
  if (code != 0 && impl->node && impl->node->peerLost)
    _exit(code);   // it would never come to MPI_Finalize
  if (code != 0) { // ranks that are gone never come to MPI_Finalize
    std::signal(SIGALRM, giveUp);
    alarm(1);
  }
  MPI_Finalize();
  _exit(code);
}

} // namespace rt
