//===- ExplainMemory.cpp - a rank's memory, as `shardc explain` shows it --===//

#include "compiler/driver/ExplainMemory.h"

#include "compiler/analysis/Bytes.h"
#include "compiler/driver/Commands.h"
#include "compiler/interpreter/Compare.h"

#include "fmt/format.h"

using namespace shardc;
using Json = nlohmann::ordered_json;

namespace {
/// `optimizer state`
std::string titleOf(MemoryKind kind) {
  std::string title = keyOf(kind).str();
  std::replace(title.begin(), title.end(), '_', ' ');
  return title;
}

/// Blocks of one function that differ in the number of a layer: `h.0_saved`, `h.1_saved`.
struct Group {
  std::string name;
  int64_t count = 0, bytes = 0;
};

/// `h.*_saved`
std::string withoutNumbers(const std::string &name) {
  std::string text;
  for (size_t i = 0; i < name.size(); ++i) {
    const bool isNumber = std::isdigit(static_cast<unsigned char>(name[i])) && i > 0 && name[i - 1] == '.';
    if (!isNumber) {
      text += name[i];
      continue;
    }
    text += '*';
    while (i + 1 < name.size() && std::isdigit(static_cast<unsigned char>(name[i + 1])))
      ++i;
  }
  return text;
}

/// The frames' blocks of a kind, largest first.
std::vector<Group> groupsOf(const MemoryPeak &peak, MemoryKind kind) {
  std::vector<Group> groups;
  for (const MemoryBlock &block : peak.alive) {
    if (block.kind != kind || block.function.empty())
      continue;
    const std::string name = fmt::format("{} in {}", withoutNumbers(block.name), block.function);
    auto same = llvm::find_if(groups, [&](const Group &group) { return group.name == name; });
    if (same == groups.end())
      same = groups.insert(groups.end(), {name});
    ++same->count;
    same->bytes += block.bytes;
  }
  llvm::sort(groups, [](const Group &a, const Group &b) {
    return std::pair(-a.bytes, a.name) < std::pair(-b.bytes, b.name);
  });
  return groups;
}

/// The largest groups: `x_saved in micro (4) 22.1 MiB, ...`
std::string largestOf(const MemoryPeak &peak, MemoryKind kind) {
  constexpr size_t shown = 2;
  std::vector<Group> groups = groupsOf(peak, kind);
  std::vector<std::string> texts;
  for (const Group &group : llvm::ArrayRef(groups).take_front(shown))
    texts.push_back(fmt::format("{}{} {}", group.name,
                                group.count > 1 ? fmt::format(" ({})", group.count) : "",
                                bytesText(static_cast<double>(group.bytes))));
  if (groups.size() > shown)
    texts.push_back("...");
  return fmt::format("{}", fmt::join(texts, ", "));
}

/// `step > micro > block_backward of h.3 > mlp_backward`
std::string chainOf(const MemoryPeak &peak) {
  std::vector<std::string> calls;
  for (const MemoryCall &call : peak.chain)
    calls.push_back(call.instance.empty() ? call.function
                                          : fmt::format("{} of {}", call.function, call.instance));
  return fmt::format("{}", fmt::join(calls, " > "));
}

std::string nameOf(mlir::Operation *op) {
  llvm::StringRef name = exec::nameOf(op->getLoc());
  return name.empty() ? op->getName().stripDialect().str() : name.str();
}
} // namespace

void shardc::printMemory(const MemoryPeak &peak) {
  fmt::print("\nmemory: {} on a rank\n", bytesText(static_cast<double>(peak.arenaBytes)));
  std::vector<std::vector<std::string>> rows;
  auto add = [&](const std::string &title, int64_t bytes, const std::string &largest) {
    if (bytes > 0)
      rows.push_back({title, fmt::format("{:>9}", bytesText(static_cast<double>(bytes))), largest});
  };
  for (MemoryKind kind : allMemoryKinds)
    add(titleOf(kind), peak.bytesOf(kind), largestOf(peak, kind));
  add("gaps", peak.gapBytes(), "");
  fmt::print("{}", table(rows, 3));
  fmt::print("  most is in use at {}, '{}' in {}\n", interpreter::placeOf(peak.op->getLoc()), nameOf(peak.op),
             chainOf(peak));
}

Json shardc::memoryJson(const MemoryPeak &peak) {
  Json kinds = Json::object(), chain = Json::array(), alive = Json::array();
  for (MemoryKind kind : allMemoryKinds)
    kinds[keyOf(kind).str()] = peak.bytesOf(kind);
  kinds["gaps"] = peak.gapBytes();
  for (const MemoryCall &call : peak.chain)
    chain.push_back({{"function", call.function}, {"instance", call.instance}});
  for (const MemoryBlock &block : peak.alive)
    alive.push_back({{"kind", keyOf(block.kind).str()},
                     {"name", block.name},
                     {"function", block.function},
                     {"offset", block.offset},
                     {"bytes", block.bytes},
                     {"place", interpreter::placeOf(block.place)}});
  return {{"bytes_per_rank", peak.arenaBytes},
          {"by_kind", kinds},
          {"peak",
           {{"operation", nameOf(peak.op)},
            {"place", interpreter::placeOf(peak.op->getLoc())},
            {"calls", chain},
            {"alive", alive}}}};
}
