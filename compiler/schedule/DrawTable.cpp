//===- DrawTable.cpp - a timetable as text and as a picture -----------------===//

#include "compiler/schedule/DrawTable.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <fmt/format.h>

using namespace shardc::pipeline;

/// Which of its stage's chunks, from 0.
static int turnOf(const Pipeline &p, const Task &task) {
  return task.chunk / p.stages;
}

static std::string labelOf(const Pipeline &p, const Task &task) {
  constexpr std::array<const char *, 3> letters = {"", "b", "w"};
  const std::string number = fmt::format("{}{}", task.microbatch, letters[static_cast<int>(task.pass)]);
  return turnOf(p, task) == 0 ? number : fmt::format("{}:{}", turnOf(p, task), number);
}

std::string shardc::pipeline::drawText(const Pipeline &p, const Table &table, const Costs &costs) {
  const Timeline timeline = timelineOf(p, table, costs);
  double unit = std::min(costs.forward, costs.backward + (p.splitsBackward ? 0 : costs.backwardWeight));
  if (p.splitsBackward)
    unit = std::min(unit, costs.backwardWeight);
  size_t width = 1;
  for (const std::vector<Task> &tasks : table)
    for (const Task &task : tasks)
      width = std::max(width, labelOf(p, task).size());
  const auto columns = static_cast<size_t>(std::ceil(timeline.end / unit - 1e-9));

  std::string text;
  for (size_t stage = 0; stage < table.size(); ++stage) {
    std::vector<std::string> cells(columns, ".");
    for (size_t i = 0; i < table[stage].size(); ++i) {
      const Span &span = timeline.spans[stage][i];
      const auto first = static_cast<size_t>(std::floor(span.begin / unit + 1e-9));
      const auto last = static_cast<size_t>(std::ceil(span.end / unit - 1e-9));
      std::fill(cells.begin() + first, cells.begin() + std::min(last, columns), "-");
      cells[first] = labelOf(p, table[stage][i]);
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
  const double scale = std::max(18.0, 22.0 / std::min({costs.forward, costs.backward, costs.backwardWeight}));
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
      svg += fmt::format("<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" fill=\"{}\" "
                         "fill-opacity=\"{}\" stroke=\"white\"/>",
                         x, y, w, row - 4, colours[static_cast<int>(task.pass)],
                         turnOf(p, task) % 2 ? 0.55 : 1.0);
      svg += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">{}</text>\n", x + w / 2,
                         y + 15, task.microbatch);
    }
  }
  return svg + "</svg>\n";
}
