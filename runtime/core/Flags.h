//===- Flags.h - a trainer's command line ----------------------------------===//
#pragma once
#include "runtime/core/Program.h"
#include <string>

namespace rt {

struct Flags {
  std::int64_t steps = 0;
  std::int64_t logEvery = 10;
  std::string data;
  std::string initFrom; // safetensors file with the first weights; empty: as the seed says
  std::string output;   // folder for the final weights; empty: not written
  std::string metrics;  // JSONL file; empty: none
  std::string dump;     // folder for gradients of step 0, weights and optimizer state at the end
  std::string runDir;   // status pages
  std::string trace;    // file for when tasks began and ended; empty: not noted
  std::int64_t traceSteps = 10;
  double gflops = 0;    // of a rehearsal: how fast a rank computes; 0: as fast as any
  double forwardMs = 0; // of a rehearsal: what each forward task takes, whatever it computes; 0: as planned
  bool quiet = false, evalOnly = false, checkArena = false, help = false;
};

/// Throws Error on what it does not know; says which flag is near.
Flags readFlags(const Recipe &recipe, int argc, char **argv);

std::string usage(const char *program);

} // namespace rt
