//===- Progress.h - what a run says while it trains ------------------------===//
//
// One line for people on standard output, one JSON object per step in a file. Only rank 0 has one.
//
//   step 20/300  loss 3.1416  |g| 1.203  lr 6.00e-04  12,345 tokens/s  ETA 1:05
//
//===----------------------------------------------------------------------===//
#pragma once
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>

namespace rt {

struct StepReport {
  std::int64_t step;   // done so far: 1 after the first
  double loss;         // mean per label, nats
  double gradientNorm; // NaN: the program has none
  double learningRate; // NaN: the program has none
};

class Progress {
public:
  struct Options {
    std::int64_t steps, tokensPerStep;
    std::int64_t logEvery = 10; // 0: no lines
    std::string metrics;        // path; empty: none
  };

  /// Throws Error when the metrics cannot be written.
  explicit Progress(const Options &options);
  ~Progress();
  Progress(const Progress &) = delete;

  void stepDone(const StepReport &report);
  void evalDone(std::int64_t step, double loss);

private:
  using Clock = std::chrono::steady_clock;
  void writeMetrics(const std::string &line);

  Options options;
  std::FILE *file = nullptr;
  Clock::time_point lastStep, lastLine;
  std::int64_t lastLineStep = 0;
  double secondsPerStep = 0; // recent
};

/// 12345678 -> "12,345,678".
std::string withCommas(std::int64_t number);

} // namespace rt
