//===- CheckJob.cpp - model, plan and recipe against each other -----------===//
//
// What needs sizes of tensors that operations make (axes that do not divide,
// rules that place nothing) is found later, when the program is placed.
//
//===----------------------------------------------------------------------===//
#include "compiler/frontend/ConfigEval.h"
#include "compiler/frontend/DecodeJob.h"
#include <algorithm>
#include <fmt/format.h>
#include <set>

namespace shardc::frontend {
namespace {

class JobChecker {
public:
  JobChecker(Job &job, const PlanDraft &draft, Diagnostics &diags)
      : job(job), plan(job.plan), draft(draft), diags(diags) {}

  void run() {
    const size_t before = diags.size();
    for (const Level &level : plan.shard)
      for (const AxisRule &rule : level.rules)
        checkTensorAxis(rule.axis);
    for (const Level &level : plan.atRest.levels)
      for (const AxisRule &rule : level.rules)
        if (rule.axis.value != autoAxis)
          checkTensorAxis(rule.axis);
    checkUnusedMeshAxes();
    if (diags.size() != before)
      return;
    for (const std::vector<Level> *levels : {&plan.shard, &plan.atRest.levels})
      for (const Level &level : *levels)
        checkClaims(level);
    resolveMicrobatches();
    if (diags.size() == before)
      checkPipeline(plan, diags);
    checkSequence();
    checkVocabulary();
  }

private:
  void checkTensorAxis(const Name &name) {
    if (isStepAxis(name.value) || job.model.axis(name.value))
      return;
    std::vector<std::string> known{"batch", "seq"};
    for (const AxisSpec &axis : job.model.axes)
      known.push_back(axis.name.value);
    diags.error(name.at, fmt::format("model '{}' has no axis '{}'", job.model.name.value, name.value))
        .suggestOrList(name.value, known, "its axes are");
  }

  void checkUnusedMeshAxes() {
    std::set<std::string_view> used;
    for (const Level &level : plan.shard)
      for (const AxisRule &rule : level.rules)
        for (const Name &name : rule.meshAxes)
          used.insert(name.value);
    if (plan.pipeline)
      used.insert(plan.pipeline->axis.value);
    for (const MeshAxis &axis : plan.mesh)
      if (axis.size.value > 1 && !used.contains(axis.name.value))
        diags
            .error(axis.name.at, fmt::format("mesh axis '{}' ({}) is in no rule of 'shard'", axis.name.value,
                                             axis.size.value))
            .note(fmt::format("its {} ranks would all compute the same", axis.size.value));
  }

  /// Two rules of one level must not claim one mesh axis for axes that stand together in a tensor:
  /// which of them has it would be chance.
  void checkClaims(const Level &level) {
    for (size_t i = 0; i < level.rules.size(); ++i)
      for (size_t j = 0; j < i; ++j) {
        const AxisRule &first = level.rules[j], &second = level.rules[i];
        if (std::string where = sharedTensor(first.axis.value, second.axis.value); !where.empty())
          for (const Name &name : second.meshAxes)
            if (claims(first, name.value))
              diags
                  .error(name.at, fmt::format("'{}' and '{}' both claim mesh axis '{}' in one level, and {}",
                                              first.axis.value, second.axis.value, name.value, where))
                  .note(first.axis.at, "the other rule is here; put one of them into a level of its own");
      }
  }

  static bool claims(const AxisRule &rule, std::string_view meshAxis) {
    return std::any_of(rule.meshAxes.begin(), rule.meshAxes.end(),
                       [&](const Name &name) { return name.value == meshAxis; });
  }

  std::set<std::string> partsOf(std::string_view axis) {
    std::optional<std::vector<std::string>> parts = scope().flatten(axis, plan.name.at, diags);
    return parts ? std::set(parts->begin(), parts->end()) : std::set<std::string>();
  }

  /// Where both axes stand together, in words; empty if nowhere that the model's declarations show.
  std::string sharedTensor(const std::string &a, const std::string &b) {
    const std::set<std::string> partsA = partsOf(a), partsB = partsOf(b);
    if (std::any_of(partsA.begin(), partsA.end(),
                    [&](const std::string &part) { return partsB.contains(part); }))
      return "one is part of the other";
    auto overlaps = [](const std::set<std::string> &axes, const std::set<std::string> &parts) {
      return std::any_of(parts.begin(), parts.end(),
                         [&](const std::string &part) { return axes.contains(part); });
    };
    auto both = [&](const std::set<std::string> &axes) {
      return overlaps(axes, partsA) && overlaps(axes, partsB);
    };
    for (const InputSpec &input : job.model.inputs) {
      std::set<std::string> axes;
      for (const Name &axis : input.axes)
        axes.merge(partsOf(axis.value));
      if (both(axes))
        return fmt::format("input '{}' has both", input.name.value);
    }
    for (const ModuleSpec &module : job.model.modules)
      for (const WeightSpec &weight : module.weights) {
        std::set<std::string> axes;
        for (const Dimension &dimension : weight.dims)
          for (const Name &axis : dimension.axes)
            axes.merge(partsOf(axis.value));
        if (both(axes))
          return fmt::format("weight '{}' of '{}' has both", weight.name.value, module.name.value);
      }
    return "";
  }

  Scope scope() const {
    return Scope(job.model, {.batch = job.train.globalBatchSize.value, .seq = job.train.seqLen.value});
  }

  /// The three ways to say how the global batch is cut, made one and checked against each other.
  void resolveMicrobatches() {
    const int64_t batch = job.train.globalBatchSize.value, ranks = plan.dataRanks();
    std::optional<Located<int64_t>> count = draft.microbatches;
    if (draft.accumulationSteps)
      count = agreed(count, *draft.accumulationSteps, "gradient_accumulation_steps");
    if (draft.microBatchSize) {
      const Located<int64_t> size = *draft.microBatchSize;
      if (batch % ranks != 0 || (batch / ranks) % size.value != 0) {
        diags
            .error(size.at, fmt::format("global_batch_size {} is not a multiple of micro_batch_size {} on {} "
                                        "data ranks",
                                        batch, size.value, ranks))
            .note(job.train.globalBatchSize.at, "'global_batch_size' is set here");
        return;
      }
      count = agreed(count, {batch / ranks / size.value, size.at},
                     fmt::format("micro_batch_size {} of global_batch_size {} on {} data ranks", size.value,
                                 batch, ranks));
    }
    plan.microbatches = count.value_or(Located<int64_t>{1, plan.name.at});
    const int64_t m = plan.microbatches.value;
    if (batch % m == 0 && batch / m % ranks == 0)
      return;
    const Position &at = count ? count->at : job.train.globalBatchSize.at;
    if (batch % ranks != 0)
      diags
          .error(job.train.globalBatchSize.at,
                 fmt::format("global_batch_size {} does not divide over {} data ranks", batch, ranks))
          .note(plan.name.at,
                fmt::format("the plan has {} data ranks: the product of the mesh axes of 'batch'", ranks));
    else
      diags
          .error(at,
                 fmt::format("global_batch_size {} does not divide into {} micro-batches on {} data ranks",
                             batch, m, ranks))
          .note(fmt::format("there can be {} micro-batches", divisors(batch / ranks)));
  }

  /// `second`, which must be what `first` already says, if anything.
  std::optional<Located<int64_t>> agreed(const std::optional<Located<int64_t>> &first,
                                         Located<int64_t> second, const std::string &what) {
    if (first && first->value != second.value)
      diags
          .error(second.at,
                 fmt::format("{} means {} micro-batches, but there are {}", what, second.value, first->value))
          .note(first->at, "their number is set here; keep one of the two");
    return first ? first : std::optional(second);
  }

  static std::string divisors(int64_t number) {
    constexpr int64_t looked = 4096; // far more than anyone takes
    std::vector<std::string> all;
    for (int64_t d = 1; d <= std::min(number, looked); ++d)
      if (number % d == 0)
        all.push_back(fmt::format("{}", d));
    if (all.size() == 1)
      return all[0];
    const std::string last = all.back();
    all.pop_back();
    return fmt::format("{} or {}", fmt::join(all, ", "), last);
  }

  /// Positions beyond a learned table have no embedding.
  void checkSequence() {
    const ConfigEntry *key = job.model.configKey("max_position_embeddings");
    if (!key)
      return;
    std::optional<Value> most = scope().get("max_position_embeddings", key->at, diags);
    if (most && most->isNumber() && static_cast<double>(job.train.seqLen.value) > most->number)
      diags
          .error(job.train.seqLen.at, fmt::format("seq_len {} is more than max_position_embeddings {}",
                                                  job.train.seqLen.value, most->str()))
          .note(key->at, "'max_position_embeddings' is set here");
  }

  /// Bytes are tokens 0 to 255.
  void checkVocabulary() {
    constexpr double byteTokens = 256;
    const ConfigEntry *key = job.model.configKey("vocab_size");
    const std::optional<Data> &data = job.train.data;
    if (!key || !data || !data->text || data->tokenizer.value != "bytes")
      return;
    std::optional<Value> size = scope().get("vocab_size", key->at, diags);
    if (size && size->isNumber() && size->number < byteTokens)
      diags
          .error(data->at,
                 fmt::format("the byte tokenizer has 256 tokens, but vocab_size is {}", size->str()))
          .note(key->at, "'vocab_size' is set here");
  }

  Job &job;
  Plan &plan;
  const PlanDraft &draft;
  Diagnostics &diags;
};

} // namespace

void checkJob(Job &job, const PlanDraft &draft, Diagnostics &diags) {
  JobChecker(job, draft, diags).run();
}

} // namespace shardc::frontend
