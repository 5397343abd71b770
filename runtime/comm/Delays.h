//===- Delays.h - ranks that dawdle, to find a wait that is missing ----------===//
//
// SHARDC_DELAYS=SEED or SEED:MICROSECONDS in the environment: at a third of all messages and meetings, drawn
// by the seed and the rank, a rank sleeps up to so long (1000). Which rank is fast and which is slow changes
// all the time; what is computed must not, and no run may hang.
//
//===----------------------------------------------------------------------===//
#pragma once

namespace rt {

/// Throws Error where the variable says anything else.
void delayAsAsked(int rank);

} // namespace rt
