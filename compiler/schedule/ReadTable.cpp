//===- ReadTable.cpp - a table as people write it ---------------------------===//

#include "compiler/schedule/ReadTable.h"

#include <algorithm>
#include <charconv>
#include <fmt/format.h>
#include <fmt/ranges.h>

using namespace shardc::pipeline;

namespace {
constexpr int mostChunksPerStage = 64;

/// A word as it was read; the chunk is -1 where it has none in front.
struct Word {
  Task task;
  bool hasChunk = false;
};

std::optional<int> numberOf(std::string_view text) {
  int number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool isNumber = error == std::errc() && end == text.data() + text.size() && number >= 0;
  return isNumber ? std::optional(number) : std::nullopt;
}

/// `F3`, `5:B3`
std::optional<Word> wordOf(std::string_view text) {
  Word word;
  if (const size_t colon = text.find(':'); colon != std::string_view::npos) {
    std::optional<int> chunk = numberOf(text.substr(0, colon));
    if (!chunk)
      return std::nullopt;
    word.task.chunk = *chunk;
    word.hasChunk = true;
    text.remove_prefix(colon + 1);
  }
  constexpr std::string_view letters = "FBW";
  const size_t pass = text.empty() ? std::string_view::npos : letters.find(text[0]);
  std::optional<int> microbatch = text.size() > 1 ? numberOf(text.substr(1)) : std::nullopt;
  if (pass == std::string_view::npos || !microbatch)
    return std::nullopt;
  word.task.pass = static_cast<Pass>(pass);
  word.task.microbatch = *microbatch;
  return word;
}

class Reader {
public:
  Reader(const std::vector<std::vector<std::string>> &rows, int stages, int microbatches) : rows(rows) {
    read.pipeline.stages = stages;
    read.pipeline.microbatches = microbatches;
  }

  std::variant<WrittenTable, WrittenFault> run() {
    if (static_cast<int>(rows.size()) != read.pipeline.stages)
      return WrittenFault{
          {Fault::Rule::tasks, fmt::format("the table has {} {}, the pipeline {} stages", rows.size(),
                                           rows.size() == 1 ? "row" : "rows", read.pipeline.stages)},
          "a row for each stage, the first stage first"};
    for (auto step : {&Reader::readWords, &Reader::findChunks, &Reader::findPlacement, &Reader::judge})
      if (std::optional<WrittenFault> fault = (this->*step)())
        return *fault;
    return std::move(read);
  }

private:
  /// What a stage's tasks are, all together.
  std::string allTasks() const {
    const Pipeline &p = read.pipeline;
    return fmt::format("each stage does F and B{} of {} once, for micro-batches 0 to {}",
                       p.splitsBackward ? " and W" : "",
                       p.chunksPerStage > 1 ? "each of its parts" : "its part", p.microbatches - 1);
  }

  WrittenFault faultAt(int stage, int index, std::string what, std::string hint) const {
    return {{Fault::Rule::tasks, std::move(what), stage, index}, std::move(hint)};
  }

  std::optional<WrittenFault> readWords() {
    constexpr const char *notation =
        "a task is F, B or W (forward, backward, gradient of weights) and the number "
        "of a micro-batch, as F0; where a stage has several parts of the model, the "
        "part's number in front, as 1:F0";
    std::optional<bool> withChunks;
    for (int stage = 0; stage < static_cast<int>(rows.size()); ++stage) {
      std::vector<Task> &tasks = read.table.emplace_back();
      for (int index = 0; index < static_cast<int>(rows[stage].size()); ++index) {
        const std::string &text = rows[stage][index];
        std::optional<Word> word = wordOf(text);
        if (!word)
          return faultAt(stage, index, fmt::format("'{}' is no task", text), notation);
        if (withChunks.value_or(word->hasChunk) != word->hasChunk)
          return faultAt(
              stage, index,
              fmt::format("'{}' {}, unlike the tasks before it", text,
                          word->hasChunk ? "names a part of the model" : "names no part of the model"),
              notation);
        if (word->task.microbatch >= read.pipeline.microbatches)
          return faultAt(stage, index,
                         fmt::format("'{}' is of micro-batch {}, but a step has {}", text,
                                     word->task.microbatch, read.pipeline.microbatches),
                         fmt::format("they are numbered from 0; 'microbatches: {}' has this one",
                                     word->task.microbatch + 1));
        if (word->hasChunk && word->task.chunk >= mostChunksPerStage * read.pipeline.stages)
          return faultAt(stage, index,
                         fmt::format("'{}' is of part {}: {} stages have at most {}", text, word->task.chunk,
                                     read.pipeline.stages, mostChunksPerStage * read.pipeline.stages),
                         "");
        withChunks = word->hasChunk;
        if (!word->hasChunk)
          word->task.chunk = stage;
        tasks.push_back(word->task);
        read.pipeline.splitsBackward |= word->task.pass == Pass::backwardWeight;
      }
    }
    return std::nullopt;
  }

  std::optional<WrittenFault> findChunks() {
    int chunks = 0;
    for (const std::vector<Task> &tasks : read.table)
      for (const Task &task : tasks)
        chunks = std::max(chunks, task.chunk + 1);
    const int stages = read.pipeline.stages;
    read.pipeline.chunksPerStage = std::max(1, chunks / stages);
    if (chunks == 0)
      return faultAt(0, -1, "the table has no tasks", allTasks());
    if (chunks % stages != 0)
      return faultAt(-1, -1, fmt::format("the table has {} parts of the model for {} stages", chunks, stages),
                     fmt::format("all stages have as many: {} parts, say, numbered from 0",
                                 (chunks / stages + 1) * stages));
    return std::nullopt;
  }

  std::optional<Fault> misplacedIn(Placement placement) const {
    Pipeline tried = read.pipeline;
    tried.placement = placement;
    for (int stage = 0; stage < tried.stages; ++stage)
      for (int index = 0; index < static_cast<int>(read.table[stage].size()); ++index)
        if (tried.stageOf(read.table[stage][index].chunk) != stage)
          return Fault{Fault::Rule::tasks, "", stage, index};
    return std::nullopt;
  }

  std::optional<WrittenFault> findPlacement() {
    std::optional<Fault> loop = misplacedIn(Placement::loop), vee = misplacedIn(Placement::vee);
    if (loop && !vee)
      read.pipeline.placement = Placement::vee;
    if (!loop || !vee)
      return std::nullopt;
    const Fault first =
        std::pair(loop->stage, loop->index) < std::pair(vee->stage, vee->index) ? *vee : *loop;
    const int chunk = read.table[first.stage][first.index].chunk;
    Pipeline round = read.pipeline, back = read.pipeline;
    round.placement = Placement::loop;
    back.placement = Placement::vee;
    const int there = round.stageOf(chunk), other = back.stageOf(chunk);
    return faultAt(
        first.stage, first.index, fmt::format("part {} of the model is on stage {}", chunk, first.stage),
        there == other ? fmt::format("parts go from stage to stage, so part {} is on stage {}", chunk, there)
                       : fmt::format("parts go round, part {} on stage {}, or there and back, on stage {}",
                                     chunk, there, other));
  }

  std::optional<WrittenFault> judge() {
    std::optional<Fault> fault = findFault(read.pipeline, read.table, Transport::buffered);
    if (!fault)
      return std::nullopt;
    switch (fault->rule) {
    case Fault::Rule::messages:
      return WrittenFault{*fault, "both stages take the micro-batches in one order"};
    case Fault::Rule::waiting:
      return WrittenFault{*fault, "F follows that of the part before, B that of the part behind, W its B; "
                                  "`shardc schedule 1f1b` draws a table that works"};
    default:
      return WrittenFault{*fault, allTasks()};
    }
  }

  const std::vector<std::vector<std::string>> &rows;
  WrittenTable read;
};
} // namespace

std::variant<WrittenTable, WrittenFault>
shardc::pipeline::readTable(const std::vector<std::vector<std::string>> &rows, int stages, int microbatches) {
  return Reader(rows, stages, microbatches).run();
}

std::vector<std::string> shardc::pipeline::toRows(const Pipeline &pipeline, const Table &table) {
  std::vector<std::string> rows;
  for (const std::vector<Task> &tasks : table) {
    std::vector<std::string> words;
    for (const Task &task : tasks)
      words.push_back(toString(task, pipeline.chunksPerStage > 1));
    rows.push_back(fmt::format("{}", fmt::join(words, " ")));
  }
  return rows;
}
