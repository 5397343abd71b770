//===- Dependencies.cpp - comparing scopes by what was read in them -------===//
#include "compiler/frontend/build/Dependencies.h"

#include <algorithm>

namespace shardc::frontend::build {
namespace {

constexpr std::string_view axisMark = "axis ", nameMark = "name ";

/// What a recorded question answers in `scope`, as the recorder notes it.
std::string answerIn(const Scope &scope, std::string_view question) {
  Diagnostics ignored; // an answer that is an error differs from any that was noted
  const Position nowhere;
  Reads reads;
  Scope asked = scope;
  asked.record(&reads);
  if (question.starts_with(axisMark))
    asked.size(question.substr(axisMark.size()), nowhere, ignored);
  else if (question.starts_with(nameMark))
    asked.nameOf(question.substr(nameMark.size()));
  else
    asked.get(question, nowhere, ignored);
  auto found = reads.find(std::string(question));
  return found == reads.end() ? "error" : found->second;
}

} // namespace

bool Dependencies::hold(const Scope &scope) const {
  const bool sameReads = std::all_of(reads.begin(), reads.end(), [&](const auto &read) {
    return answerIn(scope, read.first) == read.second;
  });
  return sameReads && std::all_of(children.begin(), children.end(), [&](const Below &below) {
           Diagnostics ignored;
           std::optional<Scope> inner = scope.child(*below.child, below.layer, ignored);
           return inner && below.dependencies.hold(*inner);
         });
}

void Dependencies::addChild(const Scope &scope, const ChildSpec &child, std::optional<int64_t> layer,
                            const Dependencies &below) {
  if (!child.config.empty() || scope.hasScopedAxes()) {
    children.push_back({&child, layer, below});
    return;
  }
  // the child's scope is the parent's
  reads.insert(below.reads.begin(), below.reads.end());
  children.insert(children.end(), below.children.begin(), below.children.end());
}

} // namespace shardc::frontend::build
