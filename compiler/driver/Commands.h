//===- Commands.h - the commands of shardc --------------------------------===//
#pragma once

#include "compiler/Pipelines.h"
#include "compiler/frontend/JobSpec.h"

#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"

#include <optional>
#include <string>
#include <vector>

namespace shardc {

/// What every command that reads a job takes.
struct JobOptions {
  std::string path;
  std::vector<std::string> sets; ///< --set key=value
  std::string dumpDir;           ///< --dump-ir
  bool json = false, timing = false;
  bool rehearse = false; ///< --rehearse
};

/// A job, read and compiled up to some stage. Errors have been printed when there is none.
struct CompiledJob {
  frontend::Job job;
  std::unique_ptr<mlir::MLIRContext> context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
};
std::optional<frontend::Job> readJob(const JobOptions &options);
std::optional<CompiledJob> compileJob(const JobOptions &options, Stage last);

/// `world 4 = dp 2 x tp 2; global batch 32 sequences = 8,192 tokens`
std::string identityLine(const frontend::Job &job);

/// 8192 as `8,192`.
std::string withCommas(int64_t value);
/// Rows of text in columns as wide as they need; the columns from `right` on are aligned to the right.
std::string table(const std::vector<std::vector<std::string>> &rows, size_t right);

/// Writes a file; reports why it can't.
bool writeText(const std::string &path, const std::string &text);

/// What `shardc run` takes besides the job.
struct RunOptions {
  int64_t ranksPerCore = 4;
  bool onlyBuild = false;                    ///< say where the trainer is, start nothing
  std::vector<std::string> trainerArguments; ///< after `--`
};

/// What `shardc schedule` draws.
struct ScheduleOptions {
  std::string name;
  int stages = 4, microbatches = 8, virtualStages = 2;
  std::string svg; ///< a file, or empty
};

/// What `shardc trace` reads.
struct TraceOptions {
  std::string path;
  int64_t first = 2; ///< the first step that counts, from 1
  bool json = false;
};

int emitCommand(const JobOptions &options, Stage stage);
int explainCommand(const JobOptions &options);
/// The timetable of the plan's pipeline; also as a picture, where `svg` names a file.
int explainScheduleCommand(const JobOptions &options, const std::string &svg);
/// Which rule gave each axis of a weight, or of all weights of a module, its mesh axes.
int whyCommand(const JobOptions &options, const std::string &path);
int schemaCommand(const std::string &document);
int verifyCommand(const JobOptions &options, int64_t world);
int buildCommand(const JobOptions &options, const std::string &folder);
int scheduleCommand(const ScheduleOptions &options);
/// The bubble of a run that was traced, measured and predicted.
int traceCommand(const TraceOptions &options);
int runCommand(const JobOptions &options, const RunOptions &run);

} // namespace shardc
