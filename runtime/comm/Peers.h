//===- Peers.h - the two ways of a message ---------------------------------===//
#pragma once
#include "runtime/comm/Messages.h"
#include "runtime/comm/Remote.h"
#include "runtime/comm/Sync.h"
#include <cstddef>
#include <vector>

namespace rt {

/// A rank of this node. Cells are by number.
class LocalPeer : public Peer {
public:
  LocalPeer(const std::byte *ownArena, const std::byte *peersArena, MessageCell *outgoing,
            MessageCell *incoming, Watch &watch)
      : ownArena(ownArena), peersArena(peersArena), outgoing(outgoing), incoming(incoming), watch(watch) {}

  void send(const void *data, std::int64_t bytes, int number) override;
  void sent(int number) override;
  void expect(void *, std::int64_t, int) override {}
  void receive(void *data, std::int64_t bytes, int number) override;

private:
  const std::byte *ownArena, *peersArena;
  MessageCell *outgoing, *incoming;
  Watch &watch;
};

/// A rank of another node. Message n travels under tag firstTag + n.
class RemotePeer : public Peer {
public:
  RemotePeer(Remote &remote, int rank, int firstTag, int messages);

  void send(const void *data, std::int64_t bytes, int number) override;
  void sent(int number) override;
  void expect(void *data, std::int64_t bytes, int number) override;
  void receive(void *data, std::int64_t bytes, int number) override;

private:
  Remote &remote;
  int rank, firstTag;
  std::vector<Remote::Requests> outgoing, incoming; // by number
};

} // namespace rt
