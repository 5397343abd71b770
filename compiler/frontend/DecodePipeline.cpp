//===- DecodePipeline.cpp - stages of layers along a mesh axis --------------===//
//
//   pipeline: {axis: pp, schedule: 1f1b, stages: auto}
//   pipeline: {axis: pp, schedule: {table: [F0 F1 B0 B1, F0 B0 F1 B1]}, stages: {cut_before: [layers.3]}}
//   pipeline_parallel_degree: 2, pipeline_parallel_schedule: 1F1B
//
// How many layers there are is known when the model is built: pipe-cut checks the stages against them. What
// needs the number of micro-batches is CheckPipeline's.
//
//===----------------------------------------------------------------------===//
#include "compiler/frontend/DecodeJob.h"
#include "compiler/schedule/Schedules.h"
#include <algorithm>
#include <fmt/format.h>

namespace shardc::frontend {
namespace {

class PipelineDecoder {
public:
  PipelineDecoder(const Node &root, Plan &plan, Diagnostics &diags) : root(root), plan(plan), diags(diags) {}

  void run() {
    const Entry *written = root.entry("pipeline"), *degree = root.entry("pipeline_parallel_degree"),
                *schedule = root.entry("pipeline_parallel_schedule");
    if (written && degree)
      diags.error(degree->keyAt, "'pipeline_parallel_degree' and 'pipeline' cannot both be given")
          .note(written->keyAt, "'pipeline' is given here; keep one of the two");
    if (schedule && !degree)
      diags.error(schedule->keyAt, "'pipeline_parallel_schedule' needs a 'pipeline_parallel_degree'");
    else if (written && !degree)
      decode(written->value);
    else if (degree && !written && degree->value.integer > 1)
      expand(*degree, schedule);
  }

private:
  //===-- pipeline -----------------------------------------------------------===//

  void decode(const Node &node) {
    pipeline.at = node.at;
    const Node &axis = *node.find("axis");
    pipeline.axis = {axis.text, axis.at};
    if (!plan.meshAxis(axis.text)) {
      diags.error(axis.at, fmt::format("the mesh has no axis '{}'", axis.text))
          .note(root.entry("mesh")->keyAt,
                "the axis of the pipeline is one of the mesh, such as mesh: {pp: 2, dp: 2}");
      return;
    }
    decodeSchedule(node);
    decodeStages(*node.find("stages"));
    for (const std::vector<Level> *levels : {&plan.shard, &plan.atRest.levels})
      checkRules(*levels);
    plan.pipeline = std::move(pipeline);
  }

  void decodeSchedule(const Node &node) {
    const Node &schedule = *node.find("schedule"), &virtualStages = *node.find("virtual_stages");
    pipeline.schedule = {schedule.text, schedule.at};
    if (schedule.kind == Node::Kind::Map) {
      pipeline.schedule.value = tableName;
      for (const Node &row : schedule.find("table")->items)
        pipeline.table.push_back(wordsOf(row));
    } else if (schedule.text == "interleaved") {
      pipeline.chunksPerStage = {virtualStages.integer, virtualStages.at};
      return;
    } else if (std::optional<pipeline::Kind> kind = pipeline::kindNamed(schedule.text)) {
      pipeline.chunksPerStage = {pipeline::pipelineFor(*kind, 1, 1).chunksPerStage, schedule.at};
    }
    if (!virtualStages.isDefault)
      diags
          .error(virtualStages.at,
                 fmt::format("'virtual_stages' is of the schedule 'interleaved', not of {}",
                             schedule.kind == Node::Kind::Map ? "a table" : "'" + schedule.text + "'"))
          .note(schedule.at,
                schedule.kind == Node::Kind::Map
                    ? "a table says itself how many parts a stage has; remove it"
                    : fmt::format("here a stage has {}; remove it, or use 'interleaved'",
                                  pipeline.chunksPerStage.value == 1 ? "one part"
                                                                     : "two parts, there and back"));
  }

  /// A row of a table, as text or as a list; what stands for idle time in drawings is left out.
  static std::vector<Name> wordsOf(const Node &row) {
    if (row.kind == Node::Kind::List) {
      std::vector<Name> words;
      for (const Node &item : row.items)
        words.push_back({item.text, item.at});
      return words;
    }
    std::vector<Name> words;
    constexpr std::string_view spaces = " \t\n";
    for (size_t begin = row.text.find_first_not_of(spaces); begin != std::string::npos;) {
      const size_t end = std::min(row.text.find_first_of(spaces, begin), row.text.size());
      const std::string word = row.text.substr(begin, end - begin);
      if (word != "." && word != "-")
        words.push_back({word, placeIn(row, begin, word)});
      begin = row.text.find_first_not_of(spaces, end);
    }
    return words;
  }

  /// Where a word of a text stands: its own place, if the text is on one line as it was read, or the text's.
  static Position placeIn(const Node &text, size_t offset, const std::string &word) {
    Position at = text.at;
    at.column += static_cast<int>(offset) + (text.quoted ? 1 : 0);
    if (!at.file || at.line < 1 || text.block)
      return text.at;
    const std::string &source = at.file->text;
    size_t line = 0;
    for (int i = 1; i < at.line; ++i)
      if (line = source.find('\n', line); line++ == std::string::npos)
        return text.at;
    const size_t place = line + at.column - 1;
    const bool isThere = place < source.size() && source.compare(place, word.size(), word) == 0;
    return isThere ? at : text.at;
  }

  void decodeStages(const Node &stages) {
    if (stages.kind == Node::Kind::Text && stages.text != "auto")
      diags
          .error(stages.at,
                 fmt::format("'stages' must be auto, a list of numbers of layers, or cut_before with a "
                             "list of layers, got '{}'",
                             stages.text))
          .note("such as [3, 3], or {cut_before: [layers.3]}");
    pipeline.stagesAt = stages.at;
    for (const Node &item : stages.items)
      pipeline.layers.push_back({item.integer, item.at});
    if (const Node *names = stages.find("cut_before")) {
      pipeline.isCutByNames = true;
      for (const Node &item : names->items)
        pipeline.cutBefore.push_back({item.text, item.at});
    }
  }

  void checkRules(const std::vector<Level> &levels) {
    for (const Level &level : levels)
      for (const AxisRule &rule : level.rules)
        for (const Name &meshAxis : rule.meshAxes)
          if (meshAxis.value == pipeline.axis.value)
            diags
                .error(meshAxis.at, fmt::format("mesh axis '{}' is the pipeline's: no rule can place by it",
                                                pipeline.axis.value))
                .note(pipeline.axis.at, "it is named here");
  }

  //===-- degrees ------------------------------------------------------------===//

  /// The names that torchtitan's users know, which it reads in any case.
  struct KnownName {
    std::string_view theirs, ours;
  };
  static constexpr KnownName knownNames[] = {{"GPipe", "gpipe"},
                                             {"1F1B", "1f1b"},
                                             {"Interleaved1F1B", "interleaved"},
                                             {"ZBVZeroBubble", "zero_bubble_v"},
                                             {"LoopedBFS", ""},
                                             {"InterleavedZeroBubble", ""},
                                             {"DualPipeV", ""}};

  static bool isSame(std::string_view a, std::string_view b) {
    return std::ranges::equal(
        a, b, [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
  }

  void expand(const Entry &degree, const Entry *schedule) {
    pipeline.at = pipeline.stagesAt = degree.keyAt;
    pipeline.axis = {"pp", degree.keyAt};
    pipeline.schedule = {"1f1b", degree.keyAt};
    if (schedule)
      decodeKnownName(*schedule);
    if (std::optional<pipeline::Kind> kind = pipeline::kindNamed(pipeline.schedule.value))
      pipeline.chunksPerStage.value = pipeline::pipelineFor(*kind, 1, 1).chunksPerStage;
    plan.pipeline = std::move(pipeline);
  }

  void decodeKnownName(const Entry &schedule) {
    pipeline.schedule.at = schedule.value.at;
    std::vector<std::string> built;
    for (const KnownName &name : knownNames) {
      if (isSame(schedule.value.text, name.theirs) && !name.ours.empty()) {
        pipeline.schedule.value = name.ours;
        return;
      }
      if (!name.ours.empty())
        built.emplace_back(name.theirs);
    }
    const bool isKnown = std::ranges::any_of(
        knownNames, [&](const KnownName &name) { return isSame(schedule.value.text, name.theirs); });
    diags
        .error(schedule.value.at, isKnown ? fmt::format("schedule '{}' is not built", schedule.value.text)
                                          : fmt::format("unknown schedule '{}'", schedule.value.text))
        .note(fmt::format("there are {}; 'pipeline' has more", listed(built, "and")));
  }

  const Node &root;
  Plan &plan;
  Diagnostics &diags;
  Pipeline pipeline;
};

} // namespace

void decodePipeline(const Node &root, Plan &plan, Diagnostics &diags) {
  PipelineDecoder(root, plan, diags).run();
}

} // namespace shardc::frontend
