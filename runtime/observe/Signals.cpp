//===- Signals.cpp - Ctrl-C and SIGTERM ------------------------------------===//
#include "runtime/observe/Signals.h"
#include <atomic>
#include <csignal>
#include <initializer_list>
#include <unistd.h>

namespace rt {
namespace {

std::atomic<int> received{0};

// Launchers often follow a Ctrl-C with a SIGTERM of their own: only a second Ctrl-C means "now".
void onSignal(int signal) {
  if (signal == SIGINT && received == SIGINT)
    _exit(128 + SIGINT);
  if (received == 0)
    received = signal;
}

} // namespace

void catchSignals() {
  struct sigaction action{};
  action.sa_handler = onSignal;
  action.sa_flags = SA_RESTART;
  for (int signal : {SIGINT, SIGTERM})
    sigaction(signal, &action, nullptr);
}

int stopSignal() {
  return received;
}

} // namespace rt
