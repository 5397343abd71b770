//===- DrawTable.cpp - a timetable as text and as a picture -----------------===//

#include "compiler/schedule/DrawTable.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <fmt/format.h>

using namespace shardc::pipeline;

/// Of the longest task, in columns: no drawing is wider for one task that is short beside all others.
static constexpr double mostColumns = 8;

double shardc::pipeline::columnOf(const Pipeline &p, const Costs &costs) {
  double shortest = 0, longest = 0;
  for (int chunk = 0; chunk < p.chunks(); ++chunk)
    for (int pass = 0; pass <= static_cast<int>(p.lastPass()); ++pass) {
      const double length = costs.of(p, {static_cast<Pass>(pass), chunk, 0});
      longest = std::max(longest, length);
      if (length > 0 && (shortest == 0 || length < shortest))
        shortest = length;
    }
  return longest > 0 ? std::max(shortest, longest / mostColumns) : 1;
}

/// The costs in whole columns, one or more for each task.
static Costs inColumns(const Pipeline &p, const Costs &costs) {
  const double unit = columnOf(p, costs);
  Costs rounded{.transfer = std::round(costs.transfer / unit)};
  for (int chunk = 0; chunk < p.chunks(); ++chunk) {
    std::array<double, 3> lengths{};
    for (int pass = 0; pass <= static_cast<int>(p.lastPass()); ++pass)
      lengths[pass] = std::max(1.0, std::round(costs.of(p, {static_cast<Pass>(pass), chunk, 0}) / unit));
    rounded.chunks.push_back(lengths);
  }
  return rounded;
}

std::string shardc::pipeline::drawText(const Pipeline &p, const Table &table, const Costs &costs) {
  const Timeline timeline = timelineOf(p, table, inColumns(p, costs));
  auto labelOf = [&](const Task &task) { return toString(task, p.chunksPerStage > 1); };
  size_t width = 1;
  for (const std::vector<Task> &tasks : table)
    for (const Task &task : tasks)
      width = std::max(width, labelOf(task).size());
  const auto columns = static_cast<size_t>(timeline.end);

  std::string text;
  for (size_t stage = 0; stage < table.size(); ++stage) {
    std::vector<std::string> cells(columns, ".");
    for (size_t i = 0; i < table[stage].size(); ++i) {
      const auto first = static_cast<size_t>(timeline.spans[stage][i].begin);
      std::fill(cells.begin() + first, cells.begin() + static_cast<size_t>(timeline.spans[stage][i].end),
                "-");
      cells[first] = labelOf(table[stage][i]);
    }
    text += fmt::format("stage {:<3}", stage);
    for (const std::string &cell : cells)
      text += fmt::format(" {:<{}}", cell, width);
    text.erase(text.find_last_not_of(' ') + 1);
    text += "\n";
  }
  return text;
}

std::string shardc::pipeline::drawSvg(const Pipeline &p, const Table &table, const Costs &costs) {
  const Timeline timeline = timelineOf(p, table, costs);
  constexpr double row = 26, left = 64;
  const double scale = 22.0 / columnOf(p, costs);
  constexpr std::array<const char *, 3> colours = {"#9ecae1", "#fdae6b", "#a1d99b"};
  const double width = left + timeline.end * scale + 8, height = row * static_cast<double>(table.size()) + 8;
  std::string svg =
      fmt::format("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{:.0f}\" height=\"{:.0f}\" "
                  "font-family=\"sans-serif\" font-size=\"11\">\n"
                  "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n",
                  width, height);
  for (size_t stage = 0; stage < table.size(); ++stage) {
    const double y = 4 + row * static_cast<double>(stage);
    svg += fmt::format("<text x=\"6\" y=\"{:.1f}\">stage {}</text>\n", y + 16, stage);
    for (size_t i = 0; i < table[stage].size(); ++i) {
      const Task &task = table[stage][i];
      const Span &span = timeline.spans[stage][i];
      const double x = left + span.begin * scale, w = (span.end - span.begin) * scale;
      const int turn = task.chunk / p.stages; // which of its stage's chunks
      svg += fmt::format("<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" fill=\"{}\" "
                         "fill-opacity=\"{}\" stroke=\"white\"><title>{}</title></rect>",
                         x, y, w, row - 4, colours[static_cast<int>(task.pass)], turn % 2 ? 0.55 : 1.0,
                         toString(task, p.chunksPerStage > 1));
      svg += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">{}</text>\n", x + w / 2,
                         y + 15, task.microbatch);
    }
  }
  return svg + "</svg>\n";
}
