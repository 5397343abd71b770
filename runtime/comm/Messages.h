//===- Messages.h - what the stages of a pipeline send each other ----------===//
//
// Each rank has a peer in every other stage: the rank with its own coordinates but on the pipeline's axis.
// Messages from one rank to another have numbers. In a call of the program (init, step, eval) each number is
// sent once and received once, at any place of the two programs:
//
//   sender    send   -> ... -> sent        the buffer may be written again after `sent`
//   receiver  expect -> ... -> receive     the buffer holds the message after `receive`
//
// On one node nothing is packed: `send` posts where the data lies, `receive` copies it out of the sender's
// arena, and `sent` waits for that. Across nodes the data is on its way from `expect` and `send` on, while
// either side computes: each operation that a rank enters (Context::enter) lets MPI move some.
//
//===----------------------------------------------------------------------===//
#pragma once
#include <cstdint>

namespace rt {

class Peer {
public:
  virtual ~Peer() = default;
  virtual void send(const void *data, std::int64_t bytes, int number) = 0;
  virtual void sent(int number) = 0;
  virtual void expect(void *data, std::int64_t bytes, int number) = 0;
  virtual void receive(void *data, std::int64_t bytes, int number) = 0;
};

// Of n elements of four bytes.

template <class T> void send(Peer &peer, const T *data, std::int64_t n, int number) {
  static_assert(sizeof(T) == 4);
  peer.send(data, n * 4, number);
}
inline void sent(Peer &peer, int number) {
  peer.sent(number);
}
template <class T> void expect(Peer &peer, T *data, std::int64_t n, int number) {
  static_assert(sizeof(T) == 4);
  peer.expect(data, n * 4, number);
}
template <class T> void receive(Peer &peer, T *data, std::int64_t n, int number) {
  static_assert(sizeof(T) == 4);
  peer.receive(data, n * 4, number);
}

} // namespace rt
