//===- Main.cpp - shardc: the command line --------------------------------===//

#include "compiler/driver/Commands.h"
#include "compiler/schedule/Schedules.h"

#include "CLI/CLI.hpp"
#include <map>

using namespace shardc;

namespace {
/// Adds the options that every command reading a job takes.
void addJobOptions(CLI::App &command, JobOptions &options) {
  command.add_option("job", options.path, "the job: a YAML file")->required();
  command.add_option("--set", options.sets, "override a key of the job: --set train.steps=20")
      ->take_all()
      ->allow_extra_args(false);
  command.add_option("--dump-ir", options.dumpDir, "write the program after each level into this folder");
  command.add_flag("--timing", options.timing, "print the time each pass took");
}

void addRehearse(CLI::App &command, JobOptions &options) {
  command.add_flag(
      "--rehearse", options.rehearse,
      "a trainer that sleeps instead of computing: all messages, collectives and tasks in their order, "
      "on any number of ranks");
}
} // namespace

int main(int argc, char **argv) {
  CLI::App app("shardc: compiles a YAML job (model, plan, recipe) into a trainer");
  app.require_subcommand(1);
  registerPasses();
  JobOptions options;
  int exitCode = 0;

  CLI::App *emit = app.add_subcommand("emit", "print the program at a level");
  addJobOptions(*emit, options);
  Stage stage = Stage::Dist;
  const std::map<std::string, Stage> stages = {{"nn", Stage::Nn},
                                               {"step", Stage::Step},
                                               {"pipe", Stage::Pipe},
                                               {"dist", Stage::Dist},
                                               {"exec", Stage::Exec}};
  emit->add_option("--stage", stage,
                   "nn: the model; step: the training step; dist: placed; exec: one rank's program")
      ->transform(CLI::CheckedTransformer(stages, CLI::ignore_case))
      ->required();
  emit->callback([&] { exitCode = emitCommand(options, stage); });

  CLI::App *explain = app.add_subcommand(
      "explain", "the plan's rules, every parameter's layout, a rank's memory, collectives");
  addJobOptions(*explain, options);
  explain->add_flag("--json", options.json, "as JSON");
  std::string why;
  explain->add_option("--why", why, "which rules place this weight, or the weights of this module: h.0.mlp");
  bool drawsSchedule = false;
  CLI::Option *drawing =
      explain->add_flag("--schedule", drawsSchedule, "draw the timetable of the plan's pipeline instead");
  std::string picture;
  explain->add_option("-o,--output", picture, "with --schedule: also as a picture, an SVG file")
      ->needs(drawing);
  explain->callback([&] {
    exitCode = drawsSchedule ? explainScheduleCommand(options, picture)
               : why.empty() ? explainCommand(options)
                             : whyCommand(options, why);
  });

  CLI::App *verify = app.add_subcommand("verify", "compare the placed program with one device, by value");
  addJobOptions(*verify, options);
  int64_t world = 0;
  verify->add_option("--world", world, "scale the mesh to this many simulated ranks")
      ->check(CLI::PositiveNumber);
  verify->add_flag("--json", options.json, "as JSON");
  verify->callback([&] { exitCode = verifyCommand(options, world); });

  CLI::App *build = app.add_subcommand("build", "write and compile the trainer package");
  addJobOptions(*build, options);
  addRehearse(*build, options);
  std::string folder = "out";
  build->add_option("-o,--output", folder, "the package's folder")->capture_default_str();
  build->callback([&] { exitCode = buildCommand(options, folder); });

  CLI::App *run =
      app.add_subcommand("run", "build if needed, then train on every rank of the mesh on this machine");
  addJobOptions(*run, options);
  addRehearse(*run, options);
  RunOptions runOptions;
  run->add_option("--ranks-per-core", runOptions.ranksPerCore, "how many ranks may share a core")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  run->add_flag("--only-build", runOptions.onlyBuild,
                "start nothing; the last line says where the trainer is");
  run->add_option("arguments", runOptions.trainerArguments,
                  "after --: passed to the trainer, e.g. -- --output DIR");
  run->callback([&] { exitCode = runCommand(options, runOptions); });

  CLI::App *schema = app.add_subcommand("schema", "the JSON schema of job, plan, train or model files");
  std::string document = "job";
  schema->add_option("document", document, "job, plan, train or model")
      ->check(CLI::IsMember({"job", "plan", "train", "model"}));
  schema->callback([&] { exitCode = schemaCommand(document); });

  CLI::App *schedule = app.add_subcommand("schedule", "draw and judge the timetable of a pipeline");
  ScheduleOptions drawn;
  const std::vector<std::string_view> kinds = pipeline::kindNames();
  schedule->add_option("name", drawn.name, "its kind")
      ->required()
      ->check(CLI::IsMember(std::vector<std::string>(kinds.begin(), kinds.end())));
  schedule->add_option("--stages", drawn.stages, "stages")->check(CLI::Range(1, 1024))->capture_default_str();
  schedule->add_option("--microbatches", drawn.microbatches, "micro-batches of a step")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  schedule
      ->add_option("--virtual-stages", drawn.virtualStages, "of interleaved: chunks of layers on each stage")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  schedule->add_option("-o,--output", drawn.svg, "also as a picture: an SVG file");
  schedule->callback([&] { exitCode = scheduleCommand(drawn); });

  CLI::App *trace =
      app.add_subcommand("trace", "measure the bubble of a pipeline: of a run with -- --trace FILE");
  TraceOptions traced;
  trace->add_option("file", traced.path, "what the trainer wrote")->required();
  trace->add_option("--from-step", traced.first, "the first step that counts")->capture_default_str();
  trace->add_flag("--json", traced.json, "as JSON");
  trace->callback([&] { exitCode = traceCommand(traced); });

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError &error) {
    return app.exit(error) == 0 ? 0 : 1;
  }
  return exitCode;
}
