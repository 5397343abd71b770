//===- DecodeMovements.cpp - what moves together, how far ahead; what devices have ===//
//
//   parameters: {bucket: 25MiB, prefetch: 1}
//   hardware: {memory: 80GiB}
//
//===----------------------------------------------------------------------===//
#include "compiler/frontend/DecodeJob.h"
#include <charconv>
#include <fmt/format.h>

namespace shardc::frontend {

std::optional<int64_t> bytesOf(std::string_view text, int64_t largest) {
  int64_t number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  std::string_view unit(end, text.data() + text.size() - end);
  while (unit.starts_with(' '))
    unit.remove_prefix(1);
  constexpr std::pair<std::string_view, int> units[] = {{"", 0},     {"B", 0},    {"KiB", 10},
                                                        {"MiB", 20}, {"GiB", 30}, {"TiB", 40}};
  for (auto [name, shift] : units)
    if (error == std::errc() && unit == name && number >= 0 && number <= (largest >> shift))
      return number << shift;
  return std::nullopt;
}

void decodeMovements(const Node &root, Plan &plan, Diagnostics &diags) {
  const Node &parameters = *root.find("parameters");
  plan.movements.prefetch = parameters.find("prefetch")->integer;
  const Node &bucket = *parameters.find("bucket");
  const std::string text = bucket.kind == Node::Kind::Integer ? std::to_string(bucket.integer) : bucket.text;
  if (std::optional<int64_t> bytes = bytesOf(text, int64_t(1) << 40))
    plan.movements.bucketBytes = *bytes;
  else
    diags.error(bucket.at, fmt::format("'bucket' must be a size of at most 1 TiB, got '{}'", text))
        .note("such as 25MiB, 512KiB or, for no buckets, 0");
}

void decodeHardware(const Node &root, Plan &plan, Diagnostics &diags) {
  const Node *hardware = root.find("hardware"), *memory = hardware ? hardware->find("memory") : nullptr;
  if (!memory)
    return;
  std::optional<int64_t> bytes = bytesOf(memory->text, int64_t(1) << 50);
  if (bytes && *bytes > 0)
    plan.deviceMemory = {*bytes, memory->at};
  else
    diags
        .error(memory->at, fmt::format("'memory' must be a size of at most 1024 TiB, got '{}'", memory->text))
        .note("such as 80GiB or 512MiB");
}

} // namespace shardc::frontend
