//===- MessagesWorker.cpp - one rank of MessagesTest -----------------------===//
//
// usage: MessagesWorker MESH AXIS ROUNDS [slow | busy]    (MESH: "2x2"; the stages lie along axis AXIS; slow:
// ranks dawdle after each message and meeting)
//
// busy: no rounds. Stage 0 sends a long message to stage 1 and enters one operation after the other; the
// message must arrive before the last of them.
//
// A round is a call of a program: messages of many sizes between all pairs of stages, in an order of events
// that every rank draws alike, so that each knows what it does when. Buffers are few and used again as soon
// as they may be; until then they hold rubbish. Between messages the ranks of a stage add numbers up. The
// last line of each rank has a hash of all that it received.
//
//===----------------------------------------------------------------------===//
#include "runtime/comm/Collectives.h"
#include "runtime/comm/Messages.h"
#include "runtime/comm/Sync.h"
#include "runtime/comm/World.h"
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <unistd.h>
#include <vector>

using namespace rt;

namespace {

constexpr int buffers = 3;                 // for what a stage sends, and as many for what it receives
constexpr std::int64_t capacity = 100'003; // elements of a buffer
constexpr int most = 5;                    // messages from one stage to another

/// Each stage has an arena of its own size, and its buffers elsewhere.
std::int64_t firstBuffer(int stage) {
  return 64 + stage * (3 << 20);
}

struct Message {
  int from, to, number, sender = -1, receiver = -1; // the buffers
  std::int64_t n;
  enum { unsent, onItsWay, received, done } state = unsent;
};

struct Event {
  enum Kind { expect, send, receive, sent, add } kind;
  int stage, message, buffer; // message: among those of the round
};

struct Round {
  std::vector<Message> messages;
  std::vector<Event> events;
};

/// Draws a round: a message's next event is always possible once those before it are through.
class Draw {
public:
  Draw(int stages, unsigned seed) : stages(stages), random(seed) {
    free[0].assign(stages, std::vector<int>{0, 1, 2});
    free[1] = free[0];
  }

  Round draw() {
    for (int from = 0; from < stages; ++from)
      for (int to = 0; to < stages; ++to)
        for (int number = 0, count = from == to ? 0 : upTo(most); number < count; ++number) {
          constexpr std::int64_t sizes[] = {1, 7, 100, 5000, 20'011, capacity};
          round.messages.push_back({from, to, number, -1, -1, sizes[upTo(5)]});
        }
    std::size_t left = round.messages.size();
    while (left > 0) {
      if (upTo(5) == 0)
        round.events.push_back({Event::add, upTo(stages - 1), 0, 0});
      const int which = upTo(static_cast<int>(round.messages.size()) - 1);
      if (advance(which) && round.messages[which].state == Message::done)
        --left;
    }
    return round;
  }

private:
  int upTo(int largest) { return static_cast<int>(random() % (largest + 1)); }

  bool advance(int which) {
    Message &m = round.messages[which];
    const std::size_t needed = m.state == Message::unsent ? 2 : 1; // what is on its way is received some day
    if (m.receiver < 0 && m.state != Message::received && free[1][m.to].size() >= needed &&
        (m.state == Message::onItsWay || upTo(1) == 0))
      return add(Event::expect, m.to, which, m.receiver = take(free[1][m.to]));
    switch (m.state) {
    case Message::unsent:
      if (free[0][m.from].empty())
        return false;
      m.state = Message::onItsWay;
      return add(Event::send, m.from, which, m.sender = take(free[0][m.from]));
    case Message::onItsWay:
      if (m.receiver < 0)
        return false;
      m.state = Message::received;
      free[1][m.to].push_back(m.receiver);
      return add(Event::receive, m.to, which, m.receiver);
    case Message::received:
      m.state = Message::done;
      free[0][m.from].push_back(m.sender);
      return add(Event::sent, m.from, which, m.sender);
    case Message::done:
      break;
    }
    return false;
  }

  int take(std::vector<int> &list) {
    std::swap(list[upTo(static_cast<int>(list.size()) - 1)], list.back());
    const int taken = list.back();
    list.pop_back();
    return taken;
  }

  bool add(Event::Kind kind, int stage, int message, int buffer) {
    round.events.push_back({kind, stage, message, buffer});
    return true;
  }

  int stages;
  std::mt19937 random;
  std::vector<std::vector<int>> free[2]; // buffers of each stage: to send from, to receive in
  Round round;
};

/// What a rank sends in element i.
std::uint32_t held(int rank, int round, const Message &m, std::int64_t i) {
  std::uint32_t x = static_cast<std::uint32_t>(i) * 2654435761u + static_cast<std::uint32_t>(rank) * 40503u +
                    static_cast<std::uint32_t>(round) * 69069u +
                    static_cast<std::uint32_t>(m.number * 16 + m.to) * 2246822519u;
  return x ^ x >> 15;
}

void dawdle() {
  static std::minstd_rand random(getpid());
  if (random() % 3 == 0)
    usleep(random() % 1000);
}

class Player {
public:
  Player(World &world, std::vector<int> ranks, int stage, bool isSlow)
      : world(world), context(world.context()), ranks(std::move(ranks)), stage(stage), isSlow(isSlow) {}

  void play(const Round &script, int number) {
    round = number;
    std::size_t done = 0;
    for (const Event &event : script.events) {
      if (event.stage != stage)
        continue;
      fault(++done);
      if (isSlow)
        dawdle();
      if (event.kind == Event::add)
        addUp();
      else
        pass(event, script.messages[event.message]);
    }
  }

  std::uint64_t hash = 14695981039346656037u;
  int messages = 0;

private:
  std::uint32_t *bufferOf(const Event &event) {
    const int at = event.buffer + (event.kind == Event::send || event.kind == Event::sent ? 0 : buffers);
    return context.at<std::uint32_t>(firstBuffer(stage) + at * capacity * 4);
  }

  void pass(const Event &event, const Message &m) {
    std::uint32_t *data = bufferOf(event);
    switch (event.kind) {
    case Event::expect:
      std::memset(data, 0xFF, capacity * 4);
      return expect(context.stage(m.from), data, m.n, m.number);
    case Event::send:
      for (std::int64_t i = 0; i < m.n; ++i)
        data[i] = held(context.rank, round, m, i);
      return send(context.stage(m.to), data, m.n, m.number);
    case Event::receive:
      receive(context.stage(m.from), data, m.n, m.number);
      judge(data, m);
      std::memset(data, 0xFF, capacity * 4);
      return;
    case Event::sent:
      sent(context.stage(m.to), m.number);
      std::memset(data, 0xFF, capacity * 4);
      return;
    case Event::add:
      break;
    }
  }

  void judge(const std::uint32_t *data, const Message &m) {
    ++messages;
    for (std::int64_t i = 0; i < m.n; ++i) {
      const std::uint32_t expected = held(ranks[m.from], round, m, i);
      if (data[i] != expected)
        fail("message " + std::to_string(m.number) + " from rank " + std::to_string(ranks[m.from]) + " has " +
             std::to_string(data[i]) + " at " + std::to_string(i) + ", not " + std::to_string(expected));
      hash = (hash ^ data[i]) * 1099511628211u;
    }
  }

  void addUp() {
    float *sum = context.at<float>(0);
    *sum = 1;
    allReduce(context.group(0), sum, 1);
    if (*sum != static_cast<float>(context.group(0).size))
      fail("a sum over the stage is wrong");
  }

  /// FAULT="kill 1 3": rank 1 dies in the middle of round 3.
  void fault(std::size_t done) {
    const char *text = std::getenv("FAULT");
    int rank, when;
    if (done == 5 && text && std::sscanf(text, "kill %d %d", &rank, &when) == 2 && rank == context.rank &&
        when == round)
      raise(SIGKILL);
  }

  [[noreturn]] void fail(const std::string &what) {
    world.report("rank " + std::to_string(context.rank) + ", round " + std::to_string(round) + ": " + what);
    world.leave(1);
  }

  World &world;
  Context &context;
  std::vector<int> ranks; // this rank's peer in each stage
  int stage;
  bool isSlow;
  int round = 0;
};

int runRounds(World &world, const std::vector<MeshAxis> &mesh, int axis, int rounds, bool isSlow) {
  GroupSpec stageGroup{"stage", {}};
  int neighbours = 1; // ranks that differ on the axis are so far apart
  for (int other = 0; other < static_cast<int>(mesh.size()); ++other) {
    if (other != axis)
      stageGroup.axes.items[stageGroup.axes.count++] = static_cast<std::int8_t>(other);
    if (other > axis)
      neighbours *= mesh[other].size;
  }
  const GroupSpec groups[] = {stageGroup};
  const int stages = mesh[axis].size, stage = world.rank() / neighbours % stages;
  const std::int64_t bytes = firstBuffer(stage) + 2 * buffers * capacity * 4;
  world.build({mesh, groups, bytes, {.axis = axis, .messages = most}});
  std::vector<int> ranks(stages);
  for (int other = 0; other < stages; ++other)
    ranks[other] = world.rank() + (other - stage) * neighbours;
  if (isSlow)
    afterMeeting = dawdle;
  Player player(world, ranks, stage, isSlow);
  for (int round = 0; round < rounds; ++round)
    player.play(Draw(stages, 977 * round + stages).draw(), round);
  for (int rank = 0; rank < world.size(); ++rank) {
    if (rank == world.rank())
      std::printf("rank %d: %d messages, hash %016lx\n", rank, player.messages, player.hash);
    std::fflush(stdout);
    world.agree(0);
  }
  return 0;
}

/// How long a message is on its way while its sender computes.
int runBusy(World &world, const std::vector<MeshAxis> &mesh, int axis) {
  constexpr std::int64_t n = 1 << 20; // elements: more than MPI sends before it is asked for
  int neighbours = 1;
  for (std::size_t other = axis + 1; other < mesh.size(); ++other)
    neighbours *= mesh[other].size;
  world.build({mesh, {}, n * 4, {.axis = axis, .messages = 1}});
  Context &context = world.context();
  const int stage = world.rank() / neighbours % mesh[axis].size;
  float *data = context.at<float>(0);
  std::fill_n(data, n, static_cast<float>(stage));
  if (stage == 1)
    expect(context.stage(0), data, n, 0);
  world.agree(0);
  if (stage == 0) {
    send(context.stage(1), data, n, 0);
    for (int operation = 0; operation < 400; ++operation) {
      context.enter(operation);
      usleep(1000); // it computes
    }
    const std::int64_t ended = now();
    sent(context.stage(1), 0);
    std::int64_t arrived;
    world.receive(&arrived, sizeof arrived, world.rank() + neighbours);
    std::printf("rank %d: the message arrived %s its sender was busy\n", world.rank(),
                arrived < ended ? "while" : "after");
    std::fflush(stdout);
  } else if (stage == 1) {
    receive(context.stage(0), data, n, 0);
    const std::int64_t arrived = now();
    world.send(&arrived, sizeof arrived, world.rank() - neighbours);
    if (data[0] != 0 || data[n - 1] != 0)
      std::printf("rank %d: another message arrived\n", world.rank());
  }
  world.agree(0);
  return 0;
}

} // namespace

int main(int argc, char **argv) {
  World world(argc, argv);
  std::vector<MeshAxis> mesh;
  for (const char *p = argv[1]; *p; p += *p == 'x')
    mesh.push_back({"axis", static_cast<int>(std::strtol(p, const_cast<char **>(&p), 10))});
  int code = 1;
  try {
    const std::string mode = argc > 4 ? argv[4] : "";
    code = mode == "busy" ? runBusy(world, mesh, std::atoi(argv[2]))
                          : runRounds(world, mesh, std::atoi(argv[2]), std::atoi(argv[3]), mode == "slow");
  } catch (const std::exception &error) {
    world.report(error.what());
  } catch (...) {
  }
  world.leave(code);
}
