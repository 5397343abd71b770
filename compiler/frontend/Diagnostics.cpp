//===- Diagnostics.cpp - collecting, sorting and printing errors ----------===//
#include "compiler/frontend/Diagnostics.h"
#include <algorithm>
#include <fmt/format.h>
#include <numeric>

namespace shardc::frontend {

std::string Position::str() const {
  const std::string name = file ? file->name : "<unknown>";
  return line == 0 ? name : fmt::format("{}:{}:{}", name, line, column);
}

Diagnostic &Diagnostic::note(Position where, std::string text) {
  notes.emplace_back(std::move(where), std::move(text));
  return *this;
}

Diagnostic &Diagnostic::suggest(std::string_view name, const std::vector<std::string> &candidates) {
  if (std::optional<std::string> near = nearest(name, candidates))
    note(fmt::format("did you mean '{}'?", *near));
  return *this;
}

Diagnostic &Diagnostic::suggestOrList(std::string_view name, const std::vector<std::string> &candidates,
                                      std::string_view theyAre) {
  if (!nearest(name, candidates))
    return note(fmt::format("{} {}", theyAre, listed(candidates, "and")));
  return suggest(name, candidates);
}

std::string Diagnostic::str() const {
  std::string text = fmt::format("{}: error: {}\n", at.str(), message);
  for (const auto &[where, note] : notes)
    text += fmt::format("{}: note: {}\n", where.str(), note);
  return text;
}

Diagnostic &Diagnostics::error(Position at, std::string message) {
  return errors.emplace_back(std::move(at), std::move(message));
}

std::string Diagnostics::str() const {
  std::vector<std::string> files;
  auto fileRank = [&](const Diagnostic &error) {
    const std::string name = error.at.file ? error.at.file->name : "";
    auto found = std::find(files.begin(), files.end(), name);
    if (found == files.end())
      found = files.insert(files.end(), name);
    return found - files.begin();
  };
  struct Line {
    ptrdiff_t file;
    const Diagnostic *error;
  };
  std::vector<Line> lines;
  for (const Diagnostic &error : errors)
    lines.push_back({fileRank(error), &error});
  std::stable_sort(lines.begin(), lines.end(), [](const Line &a, const Line &b) {
    return std::tuple(a.file, a.error->at.line, a.error->at.column) <
           std::tuple(b.file, b.error->at.line, b.error->at.column);
  });

  std::vector<std::string> texts;
  for (const Line &line : lines) {
    std::string text = line.error->str();
    if (std::find(texts.begin(), texts.end(), text) == texts.end())
      texts.push_back(std::move(text));
  }
  std::string all;
  for (size_t i = 0; i < std::min(texts.size(), limit); ++i)
    all += texts[i];
  if (texts.size() > limit)
    all += fmt::format("{} more errors are not shown\n", texts.size() - limit);
  return all;
}

namespace {

/// Levenshtein distance, in which swapping two neighbours also costs 1.
size_t editDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> before, last, now(b.size() + 1);
  std::iota(now.begin(), now.end(), 0);
  for (size_t i = 1; i <= a.size(); ++i) {
    before = std::exchange(last, now);
    now[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      now[j] = std::min({last[j] + 1, now[j - 1] + 1, last[j - 1] + (a[i - 1] != b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        now[j] = std::min(now[j], before[j - 2] + 1);
    }
  }
  return now[b.size()];
}

} // namespace

std::optional<std::string> nearest(std::string_view name, const std::vector<std::string> &candidates) {
  constexpr size_t longestName = 64; // nobody mistypes more, and distances cost the square
  if (name.size() > longestName)
    return std::nullopt;
  const std::string *best = nullptr;
  size_t bestDistance = std::max<size_t>(1, name.size() / 3) + 1;
  for (const std::string &candidate : candidates) {
    if (candidate.size() > longestName)
      continue;
    size_t distance = editDistance(name, candidate);
    if (distance < bestDistance)
      best = &candidate, bestDistance = distance;
  }
  return best ? std::optional(*best) : std::nullopt;
}

std::string listed(const std::vector<std::string> &names, std::string_view last) {
  std::string text;
  for (size_t i = 0; i < names.size(); ++i) {
    if (i > 0)
      text += i + 1 < names.size() ? ", " : fmt::format(" {} ", last);
    text += fmt::format("'{}'", names[i]);
  }
  return text;
}

} // namespace shardc::frontend
