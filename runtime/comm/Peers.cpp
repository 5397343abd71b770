//===- Peers.cpp - the two ways of a message -------------------------------===//
#include "runtime/comm/Peers.h"
#include "runtime/comm/Tiles.h"

namespace rt {

//===-- one node -----------------------------------------------------------===//

// The cell is free: the message of the call before this one was waited for.
void LocalPeer::send(const void *data, std::int64_t, int number) {
  MessageCell &cell = outgoing[number];
  waitWhile(cell.posted, 1, cell.sleepers, watch, Wait::message);
  cell.offset = static_cast<const std::byte *>(data) - ownArena;
  change(cell.posted, 1, cell.sleepers);
  metOrPassed();
}

void LocalPeer::sent(int number) {
  MessageCell &cell = outgoing[number];
  waitWhile(cell.posted, 1, cell.sleepers, watch, Wait::message);
  metOrPassed();
}

void LocalPeer::receive(void *data, std::int64_t bytes, int number) {
  MessageCell &cell = incoming[number];
  waitWhile(cell.posted, 0, cell.sleepers, watch, Wait::message);
  const std::int64_t n = bytes / 4;
  copyTile(peersArena + cell.offset, data, chunked(1, n, n, n));
  change(cell.posted, 0, cell.sleepers);
  metOrPassed();
}

//===-- across nodes -------------------------------------------------------===//

// No allocations later, but for messages in several pieces.
RemotePeer::RemotePeer(Remote &remote, int rank, int firstTag, int messages)
    : remote(remote), rank(rank), firstTag(firstTag), outgoing(messages), incoming(messages) {
  for (auto *list : {&outgoing, &incoming})
    for (Remote::Requests &requests : *list)
      requests.reserve(1);
}

void RemotePeer::send(const void *data, std::int64_t bytes, int number) {
  remote.send(data, bytes, rank, firstTag + number, outgoing[number]);
  remote.started();
  metOrPassed();
}

void RemotePeer::sent(int number) {
  remote.finish(outgoing[number], Wait::message);
  remote.through();
}

void RemotePeer::expect(void *data, std::int64_t bytes, int number) {
  remote.receive(data, bytes, rank, firstTag + number, incoming[number]);
  remote.started();
}

void RemotePeer::receive(void *, std::int64_t, int number) {
  remote.finish(incoming[number], Wait::message);
  remote.through();
}

} // namespace rt
