//===- ScheduleCommand.cpp - shardc schedule -------------------------------===//

#include "compiler/driver/Commands.h"
#include "compiler/schedule/CheckTable.h"
#include "compiler/schedule/DrawTable.h"
#include "compiler/schedule/Schedules.h"

#include <fmt/format.h>
#include <iostream>

using namespace shardc;
using namespace shardc::pipeline;

static int fail(const std::string &what) {
  std::cerr << "error: " << what << "\n";
  return 1;
}

int shardc::scheduleCommand(const ScheduleOptions &options) {
  const Kind kind = *kindNamed(options.name);
  const pipeline::Pipeline p = pipelineFor(kind, options.stages, options.microbatches, options.virtualStages);
  if (std::optional<std::string> why = whyNot(kind, p))
    return fail(*why);
  const Table table = makeTable(kind, p);
  if (std::optional<std::string> fault = faultOf(p, table, Transport::buffered))
    return fail(fmt::format("the table of {} is unsound: {}", options.name, *fault));

  const Costs costs;
  const Timeline timeline = timelineOf(p, table, costs);
  fmt::print("{}: {} stages{}, {} micro-batches; forward takes 1, backward {}\n", options.name, p.stages,
             p.chunksPerStage > 1 ? fmt::format(" of {} chunks", p.chunksPerStage) : "", p.microbatches,
             p.splitsBackward ? "1 and the gradient of weights 1" : "2");
  fmt::print("{}", drawText(p, table, costs));
  fmt::print("bubble {:.1f} %: idle until the last task has ended, {:g}\n", 100 * timeline.bubble(),
             timeline.end);
  fmt::print("held at most: {} micro-batches{}, by stage\n", fmt::join(peakHeld(p, table), ", "),
             p.chunksPerStage > 1 ? " of a chunk" : "");
  const bool isBlocking = !faultOf(p, table, Transport::blocking);
  fmt::print("{}\n", isBlocking ? "no circle of waiting, whether sends are buffered or not"
                                : "no circle of waiting if sends are buffered; there is one if they are not");
  return options.svg.empty() || writeText(options.svg, drawSvg(p, table, costs)) ? 0 : 1;
}
