//===- JobSpec.h - a job: model, plan and recipe, typed and checked -------===//
//
// What `loadJob` returns is complete: defaults filled in, short forms expanded,
// values checked against each other. Values that the user can get wrong later
// (divisibility, rules that place nothing) keep their places.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "compiler/frontend/ModelSpec.h"
#include <filesystem>

namespace shardc::frontend {

struct MeshAxis {
  Name name;
  Located<int64_t> size;
};

/// `batch: [dp, ep]`: a tensor axis, and the mesh axes it takes in order.
struct AxisRule {
  Name axis;
  std::vector<Name> meshAxes;
};

/// Rules that are read together; earlier levels take mesh axes first.
struct Level {
  Position at;
  std::vector<AxisRule> rules;
  std::vector<Name> modules; ///< patterns of paths (`layers.*.mlp`) where the rules hold; none: everywhere
};

/// Where weights, gradients and optimizer state lie while no computation on activations reads them.
struct AtRest {
  /// What rests: 1 optimizer state (and gradients, once they are reduced), 2 gradients while they are summed
  /// too, 3 weights too.
  int stage = 0;
  std::vector<Level> levels; ///< read after the plan's; a rule for the axis `auto` stands alone in its level
  bool reduceLast = true;    ///< gradients are reduced once a step, not by each micro-batch
  bool reshardAfterForward = true;
  bool gatherModules = false; ///< weights of a layer's modules are gathered for each module, not together
};

/// When movements of weights and gradients are issued.
struct Movements {
  int64_t prefetch = 1;           ///< calls of modules during which one may be under way
  int64_t bucketBytes = 25 << 20; ///< up to which small ones are put together
};

/// The model cut along a mesh axis, and the order in which micro-batches go through.
struct Pipeline {
  Position at;
  Name axis, schedule;                  ///< of a table of its own: `tableName`
  std::vector<std::vector<Name>> table; ///< by stage, its tasks in words
  Position stagesAt;
  std::vector<Located<int64_t>> layers; ///< of each chunk, in order
  bool isCutByNames = false;
  std::vector<Name> cutBefore; ///< layers that chunks begin with; without names or numbers: as even as can be
  Located<int64_t> chunksPerStage{1, {}}; ///< of a table: found when it is read
};
inline constexpr const char *tableName = "table";

struct Plan {
  Name name;                  ///< of its file, or `inline`
  std::vector<MeshAxis> mesh; ///< slowest axis first
  std::vector<Level> shard;
  AtRest atRest;
  Movements movements;
  std::optional<Pipeline> pipeline;
  std::optional<Located<int64_t>> deviceMemory; ///< bytes that a rank may use
  Located<int64_t> microbatches; ///< per step, each of global_batch_size / microbatches sequences

  int64_t worldSize() const;
  const MeshAxis *meshAxis(std::string_view name) const;
  /// Mesh axes that divide the batch: by `batch` rules, after earlier levels had their choice.
  std::vector<Name> dataAxes() const;
  /// Ranks among which the batch is divided.
  int64_t dataRanks() const;
};

struct Optimizer {
  enum class Kind { AdamW, Sgd };
  Located<Kind> kind;
  Located<double> lr, weightDecay;
  Located<double> beta1, beta2, eps; ///< of AdamW
  Located<double> momentum;          ///< of SGD
};

struct LrSchedule {
  enum class Kind { Constant, Linear, Cosine };
  Located<Kind> kind;
  Located<int64_t> warmupSteps;
  Located<double> minLr;
};

/// Text with a tokenizer (`bytes` or a tokenizer.json), or files of tokens (a glob).
struct Data {
  Position at;
  std::optional<Located<std::string>> text, tokens; ///< paths, relative to the job's folder
  Located<std::string> tokenizer;
};

struct Periodic {
  Located<int64_t> every, count; ///< count: batches to evaluate, or checkpoints to keep
};

struct Train {
  Name name; ///< of its file, or `inline`
  std::optional<Data> data;
  Located<int64_t> seqLen, globalBatchSize, steps;
  Optimizer optimizer;
  LrSchedule schedule;
  std::optional<Located<double>> maxGradNorm; ///< unset: no clipping
  std::optional<Located<double>> emaDecay;    ///< of a moving average of the weights; unset: none is kept
  Located<int64_t> seed;
  std::optional<Periodic> eval, checkpoint;
};

enum class Target { Cpu, Cuda };

struct Job {
  std::string name; ///< the file's, without its ending
  Position at;
  std::filesystem::path folder; ///< what relative paths in it start from
  ModelSpec model;              ///< config.json and the job's config are already in its config
  Plan plan;
  Train train;
  Target target = Target::Cpu;
};

struct LoadOptions {
  std::vector<std::string> sets;                 ///< `train.steps=20`
  std::vector<std::filesystem::path> searchDirs; ///< `plans` folders, searched after the job's own
};

/// Loads a job file and all that it names. Reports every error found, and then returns nothing.
std::optional<Job> loadJob(const std::string &path, const LoadOptions &options, Diagnostics &diags);

} // namespace shardc::frontend
