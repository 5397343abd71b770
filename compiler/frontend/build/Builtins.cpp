//===- Builtins.cpp - the table of builtin functions ----------------------===//
#include "compiler/frontend/build/Builtins.h"

namespace shardc::frontend::build {
namespace {

struct Entry {
  std::string_view name;
  Builtin build;
};

constexpr Entry table[] = {
    {"exp", buildUnary},         {"log", buildUnary},
    {"sqrt", buildUnary},        {"rsqrt", buildUnary},
    {"tanh", buildUnary},        {"erf", buildUnary},
    {"sigmoid", buildUnary},     {"maximum", buildMaximum},
    {"where", buildWhere},       {"sum", buildSum},
    {"mean", buildMean},         {"max", buildMax},
    {"contract", buildContract}, {"detach", buildDetach},
    {"rename", buildRename},     {"split", buildSplit},
    {"merge", buildMerge},       {"slice", buildSlice},
    {"concat", buildConcat},     {"unstack", buildUnstack},
    {"gather", buildGather},     {"positions", buildPositions},
    {"rope", buildRope},         {"attention", buildAttention},
    {"dropout", buildDropout},
};

} // namespace

Builtin findBuiltin(llvm::StringRef name) {
  for (const Entry &entry : table)
    if (entry.name == std::string_view(name))
      return entry.build;
  return nullptr;
}

std::vector<std::string> builtinNames() {
  std::vector<std::string> names;
  for (const Entry &entry : table)
    names.emplace_back(entry.name);
  return names;
}

bool isReservedFunction(llvm::StringRef name) {
  return name == "top_k" || name == "dispatch" || name == "combine";
}

} // namespace shardc::frontend::build
