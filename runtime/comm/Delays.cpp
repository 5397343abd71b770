//===- Delays.cpp - ranks that dawdle, to find a wait that is missing --------===//
#include "runtime/comm/Delays.h"
#include "runtime/comm/Sync.h"
#include "runtime/core/Error.h"
#include <charconv>
#include <cstdlib>
#include <random>
#include <string_view>
#include <unistd.h>

namespace rt {
namespace {

std::minstd_rand draw;
unsigned longest = 1000; // microseconds

void dawdle() {
  if (draw() % 3 == 0)
    usleep(draw() % (longest + 1));
}

} // namespace

void delayAsAsked(int rank) {
  const char *text = std::getenv("SHARDC_DELAYS");
  if (!text)
    return;
  const std::string_view all(text);
  unsigned seed = 0;
  auto [end, error] = std::from_chars(all.begin(), all.end(), seed);
  if (error == std::errc() && end != all.end() && *end == ':') {
    const auto after = std::from_chars(end + 1, all.end(), longest);
    end = after.ptr, error = after.ec;
  }
  if (error != std::errc() || end != all.end() || longest >= 1'000'000)
    throw Error("SHARDC_DELAYS is '" + std::string(all) + "'",
                "SEED or SEED:MICROSECONDS is valid, with microseconds below 1000000");
  std::seed_seq seeds{seed, static_cast<unsigned>(rank)};
  draw.seed(seeds);
  afterMeeting = dawdle;
}

} // namespace rt
