//===- Signals.h - Ctrl-C and SIGTERM --------------------------------------===//
//
// The first one lets the step under way end, so that what is on disk is whole; a second Ctrl-C ends the
// process.
//
//===----------------------------------------------------------------------===//
#pragma once

namespace rt {

void catchSignals();

/// SIGINT or SIGTERM when this rank was asked to stop, else 0.
int stopSignal();

} // namespace rt
