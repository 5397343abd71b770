//===- Remote.cpp - blocks between ranks of different nodes ----------------===//
#include "runtime/comm/Remote.h"
#include <algorithm>
#include <cstring>
#include <sched.h>
#include <unistd.h>

namespace rt {
namespace {

constexpr std::int64_t pieceBytes = std::int64_t(1) << 28;
constexpr std::int64_t smallReduce = 2048; // elements: below, everybody sums everything

std::byte *room(std::vector<std::byte> &box, std::int64_t bytes) {
  if (std::ssize(box) < bytes)
    box.resize(bytes);
  return box.data();
}

Tile flat(std::int64_t n) {
  return chunked(1, n, n, n);
}

std::int64_t bytesOf(const Tile &tile) {
  return elements(tile) * static_cast<std::int64_t>(sizeof(float));
}

} // namespace

void Remote::send(const void *data, std::int64_t bytes, int rank, int tag, Requests &requests) {
  const auto *at = static_cast<const std::byte *>(data);
  for (std::int64_t done = 0; done < bytes; done += pieceBytes)
    MPI_Isend(at + done, static_cast<int>(std::min(pieceBytes, bytes - done)), MPI_BYTE, rank, tag, blocks,
              &requests.emplace_back());
}

void Remote::receive(void *data, std::int64_t bytes, int rank, int tag, Requests &requests) {
  auto *at = static_cast<std::byte *>(data);
  for (std::int64_t done = 0; done < bytes; done += pieceBytes)
    MPI_Irecv(at + done, static_cast<int>(std::min(pieceBytes, bytes - done)), MPI_BYTE, rank, tag, blocks,
              &requests.emplace_back());
}

void Remote::finish(Requests &requests, Wait kind) {
  auto areDone = [&] {
    int done = 0;
    MPI_Testall(static_cast<int>(requests.size()), requests.data(), &done, MPI_STATUSES_IGNORE);
    return done != 0;
  };
  if (!areDone()) {
    const Waiting waiting(watch, kind);
    for (int tries = 1; !areDone(); ++tries) {
      if (tries % 256 == 0)
        watch.look();
      if (tries > 4096)
        usleep(100); // a long wait: leave the core to the ranks that compute
      else if (tries > watch.spins / 64)
        sched_yield();
    }
  }
  requests.clear();
  metOrPassed();
}

void Remote::goOn() {
  int isThere; // of no interest: any call does
  if (underWay > 0)
    MPI_Iprobe(MPI_ANY_SOURCE, 0, blocks, &isThere, MPI_STATUS_IGNORE);
}

void Remote::swapBlocks(Members &group, const std::byte *sent, std::int64_t sendStep, std::byte *received,
                        std::int64_t bytes) {
  for (int step = 1; step < group.size; ++step) {
    const int i = (group.index + step) % group.size;
    receive(received + i * bytes, bytes, group.ranks[i], group.tag);
    send(sent + i * sendStep, bytes, group.ranks[i], group.tag);
  }
  std::memcpy(received + group.index * bytes, sent + group.index * sendStep, bytes);
  finish();
}

void Remote::foldInbox(Members &group, std::int64_t bytes, std::int64_t first, void *out, const Tile &tile,
                       Fold fold) {
  sources.resize(group.size);
  for (int i = 0; i < group.size; ++i)
    sources[i] = reinterpret_cast<const float *>(inbox.data() + i * bytes + first);
  foldTile(sources, static_cast<float *>(out), tile, fold);
}

// A block holds the parts' tiles one behind the other.
void Remote::exchange(Members &group, Bucket bucket, TileOf tileOf) {
  std::int64_t bytes = 0;
  bool same = true; // everybody gets the same block: pack it once
  for (const Part &part : bucket) {
    const Tile tile = tileOf(group, part);
    bytes += bytesOf(tile);
    same &= tile.fromStep == 0;
  }
  std::byte *sent = room(outbox, same ? bytes : group.size * bytes);
  std::byte *received = room(inbox, group.size * bytes);
  std::int64_t at = 0;
  for (const Part &part : bucket) {
    const Tile tile = tileOf(group, part);
    for (int i = 0; i < (same ? 1 : group.size); ++i)
      copyTile(static_cast<const Cell *>(part.in) + i * tile.fromStep, sent + i * bytes + at, packed(tile));
    at += bytesOf(tile);
  }
  swapBlocks(group, sent, same ? 0 : bytes, received, bytes);
  at = 0;
  for (const Part &part : bucket) {
    const Tile tile = tileOf(group, part);
    for (int i = 0; i < group.size; ++i)
      copyTile(received + i * bytes + at, static_cast<Cell *>(part.out) + i * tile.toStep, unpacked(tile));
    at += bytesOf(tile);
  }
}

void Remote::reduceScatter(Members &group, Bucket bucket, Fold fold) {
  std::int64_t bytes = 0;
  for (const Part &part : bucket)
    bytes += bytesOf(scattering(group, part));
  std::byte *sent = room(outbox, group.size * bytes), *received = room(inbox, group.size * bytes);
  std::int64_t at = 0;
  for (const Part &part : bucket) {
    const Tile tile = scattering(group, part);
    for (int i = 0; i < group.size; ++i)
      copyTile(static_cast<const Cell *>(part.in) + i * tile.fromStep, sent + i * bytes + at, packed(tile));
    at += bytesOf(tile);
  }
  swapBlocks(group, sent, bytes, received, bytes);
  at = 0;
  for (const Part &part : bucket) {
    const Tile tile = scattering(group, part);
    foldInbox(group, bytes, at, part.out, unpacked(tile), fold);
    at += bytesOf(tile);
  }
}

// Small: everybody gets and sums everything. Large: each member sums one share of equal size (the last one's
// is shorter: its block is filled up with what follows in the outbox), then all collect the shares.
void Remote::allReduce(Members &group, Bucket bucket, Fold fold) {
  std::int64_t n = 0;
  for (const Part &part : bucket)
    n += part.chunks.chunk;
  const std::int64_t share = n <= smallReduce ? n : (n + group.size - 1) / group.size;
  const std::int64_t bytes = share * sizeof(float), copies = n <= smallReduce ? 1 : group.size;
  std::byte *sent = room(outbox, copies * bytes), *received = room(inbox, group.size * bytes);
  std::int64_t at = 0;
  for (const Part &part : bucket) {
    std::memcpy(sent + at, part.in, part.chunks.chunk * sizeof(float));
    at += part.chunks.chunk * sizeof(float);
  }
  std::memset(sent + at, 0, copies * bytes - at);
  swapBlocks(group, sent, copies == 1 ? 0 : bytes, received, bytes);
  if (copies > 1) {
    foldInbox(group, bytes, 0, sent, flat(share), fold);
    swapBlocks(group, sent, 0, received, bytes);
  }
  at = 0;
  for (const Part &part : bucket) {
    const std::int64_t count = part.chunks.chunk;
    if (copies == 1)
      foldInbox(group, bytes, at, part.out, flat(count), fold);
    else
      std::memcpy(part.out, received + at, count * sizeof(float));
    at += count * sizeof(float);
  }
}

void Remote::broadcast(Members &group, void *x, std::int64_t n, int root) {
  const std::int64_t bytes = n * sizeof(Cell);
  if (group.index == root) {
    for (int i = 0; i < group.size; ++i)
      if (i != root)
        send(x, bytes, group.ranks[i], group.tag);
  } else {
    receive(x, bytes, group.ranks[root], group.tag);
  }
  finish();
}

} // namespace rt
