//===- Progress.cpp - what a run says while it trains ----------------------===//
#include "runtime/observe/Progress.h"
#include "runtime/core/Error.h"
#include <cerrno>
#include <cmath>
#include <cstdarg>
#include <cstring>

namespace rt {
namespace {

[[gnu::format(printf, 1, 2)]] std::string format(const char *pattern, ...) {
  char text[256];
  va_list arguments;
  va_start(arguments, pattern);
  std::vsnprintf(text, sizeof text, pattern, arguments);
  va_end(arguments);
  return text;
}

/// JSON has no NaN.
std::string number(double value) {
  return std::isfinite(value) ? format("%.9g", value) : "null";
}

std::string duration(double seconds) {
  const auto s = static_cast<long long>(seconds + 0.5);
  return s >= 3600 ? format("%lld:%02lld:%02lld", s / 3600, s / 60 % 60, s % 60)
                   : format("%lld:%02lld", s / 60, s % 60);
}

double secondsBetween(std::chrono::steady_clock::time_point a, std::chrono::steady_clock::time_point b) {
  return std::chrono::duration<double>(b - a).count();
}

} // namespace

std::string withCommas(std::int64_t number) {
  std::string text = std::to_string(number);
  for (int at = static_cast<int>(text.size()) - 3; at > (number < 0 ? 1 : 0); at -= 3)
    text.insert(at, ",");
  return text;
}

Progress::Progress(const Options &options) : options(options), lastStep(Clock::now()), lastLine(lastStep) {
  if (options.metrics.empty())
    return;
  file = std::fopen(options.metrics.c_str(), "w");
  if (!file)
    throw Error(options.metrics + ": cannot be written: " + std::strerror(errno));
}

Progress::~Progress() {
  if (file)
    std::fclose(file);
}

void Progress::writeMetrics(const std::string &line) {
  if (!file)
    return;
  if (std::fputs(line.c_str(), file) < 0 || std::fflush(file) != 0)
    throw Error(options.metrics + ": cannot be written: " + std::strerror(errno));
}

void Progress::stepDone(const StepReport &report) {
  const auto now = Clock::now();
  const double seconds = secondsBetween(lastStep, now);
  lastStep = now;
  // The first step builds primitives and touches memory: it says little about the next ones.
  secondsPerStep = report.step <= 2 ? seconds : 0.9 * secondsPerStep + 0.1 * seconds;
  const double speed = static_cast<double>(options.tokensPerStep) / seconds;
  writeMetrics(
      format("{\"step\": %lld, \"loss\": %s, \"grad_norm\": %s, \"lr\": %s, \"tokens_per_second\": %.1f, "
             "\"seconds\": %.6f}\n",
             static_cast<long long>(report.step), number(report.loss).c_str(),
             number(report.gradientNorm).c_str(), number(report.learningRate).c_str(), speed, seconds));
  const bool due = options.logEvery > 0 &&
                   (report.step == 1 || report.step == options.steps || report.step % options.logEvery == 0);
  if (!due)
    return;
  const double steps = static_cast<double>(report.step - lastLineStep);
  const double lineSpeed = steps * static_cast<double>(options.tokensPerStep) / secondsBetween(lastLine, now);
  lastLine = now;
  lastLineStep = report.step;
  std::string line = "step " + std::to_string(report.step) + "/" + std::to_string(options.steps) +
                     format("  loss %.4f", report.loss);
  if (!std::isnan(report.gradientNorm))
    line += format("  |g| %.3f", report.gradientNorm);
  if (!std::isnan(report.learningRate))
    line += format("  lr %.2e", report.learningRate);
  line += "  " + withCommas(std::llround(lineSpeed)) + " tokens/s";
  if (report.step < options.steps)
    line += "  ETA " + duration(static_cast<double>(options.steps - report.step) * secondsPerStep);
  std::printf("%s\n", line.c_str());
  std::fflush(stdout);
}

void Progress::evalDone(std::int64_t step, double loss) {
  writeMetrics(
      format("{\"step\": %lld, \"eval_loss\": %s}\n", static_cast<long long>(step), number(loss).c_str()));
  if (options.logEvery > 0)
    std::printf("step %lld/%lld  eval loss %.4f\n", static_cast<long long>(step),
                static_cast<long long>(options.steps), loss);
  std::fflush(stdout);
  lastStep = lastLine = Clock::now(); // evaluation is not a step's time
  lastLineStep = step;
}

} // namespace rt
