//===- Tracing.cpp - the traces of all ranks become one file ------------------===//
#include "runtime/core/Tracing.h"

namespace rt {
namespace {

struct Header {
  std::int64_t start, count;
  std::int32_t stage;
};

/// Ranks of one machine have one clock; those of another began when rank 0 did.
void shift(std::vector<Trace::Span> &spans, std::int64_t start) {
  for (Trace::Span &span : spans) {
    span.begin -= start;
    span.end -= start;
  }
}

} // namespace

void saveTrace(World &world, const Trace &trace, int stage, std::span<const Operation> operations,
               const std::string &path) {
  std::vector<RankTrace> ranks;
  if (world.rank() != 0) {
    const Header header{trace.start(), std::ssize(trace.spans()), stage};
    world.send(&header, sizeof header, 0);
    world.send(trace.spans().data(), header.count * sizeof(Trace::Span), 0);
  } else {
    ranks.push_back({0, stage, trace.spans()});
    shift(ranks[0].spans, trace.start());
    for (int rank = 1; rank < world.size(); ++rank) {
      Header header;
      world.receive(&header, sizeof header, rank);
      RankTrace &other = ranks.emplace_back(RankTrace{rank, header.stage, {}});
      other.spans.resize(header.count);
      world.receive(other.spans.data(), header.count * sizeof(Trace::Span), rank);
      shift(other.spans, world.arenaOf(rank) ? trace.start() : header.start);
    }
  }
  world.together([&] {
    if (world.rank() == 0)
      writeTrace(path, ranks, operations);
  });
}

} // namespace rt
