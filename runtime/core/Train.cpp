//===- Train.cpp - a run, from its flags to its last weights ---------------===//
#include "runtime/comm/World.h"
#include "runtime/core/AllocationCounter.h"
#include "runtime/core/ArenaCheck.h"
#include "runtime/core/Error.h"
#include "runtime/core/Flags.h"
#include "runtime/core/Inputs.h"
#include "runtime/core/LoadWeights.h"
#include "runtime/core/Mesh.h"
#include "runtime/core/Output.h"
#include "runtime/core/Rehearsal.h"
#include "runtime/core/Tracing.h"
#include "runtime/core/Weights.h"
#include "runtime/observe/Progress.h"
#include "runtime/observe/Signals.h"
#include "runtime/observe/StatusPage.h"
#include <algorithm>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <omp.h>
#include <optional>
#include <sched.h>

namespace rt {
namespace {

constexpr int voteNotFinite = 1000; // above every signal's number

class Trainer {
public:
  Trainer(World &world, Programs programs, const Program &program, const Flags &flags)
      : world(world), programs(programs), program(program), flags(flags), context(world.context()) {}

  /// The exit code.
  int run();
  /// On the status page, for the launcher.
  void failed(const char *message) {
    if (status)
      std::snprintf(status->message, sizeof status->message, "%s", message);
    setState(RankState::failed);
  }
  void setState(RankState state) {
    if (status)
      status->state = state;
  }

private:
  void prepare();
  void makeStatusPage();
  void startTrace();
  void trainStep(std::int64_t step);
  void evaluate(std::int64_t stepsDone);
  double meanLoss() const;
  double read(const Scalar &scalar, double absent) const;
  void write(const Scalar &scalar, std::int64_t value);
  void dumpGradients() const;
  void dumpState() const;
  void saveStates(bool (*wanted)(const State &), const std::string &folder) const;
  void saveResults(std::int64_t steps) const;
  void reportArena();
  void during(RuntimeOperation operation) { context.enter(operation); }

  World &world;
  Programs programs;
  const Program &program; // this rank's own
  const Flags &flags;
  Context &context;
  StatusPage *status = nullptr;
  std::optional<Inputs> inputs;     // where the program has some
  std::optional<Progress> progress; // on rank 0
  std::optional<Trace> trace;       // where one is wanted
  std::optional<Rehearsal> rehearsal;
};

/// The text is mapped by every rank; a pattern of token files is told by its tokenizer's name.
Dataset openData(const Recipe &recipe, const std::string &path) {
  if (path.empty())
    throw Error("no training data is named", "--data FILE");
  const std::string tokenizer = recipe.tokenizer ? recipe.tokenizer : "bytes";
  if (tokenizer == "bytes")
    return Dataset::text(path);
  if (tokenizer == "u16" || tokenizer == "u32")
    return Dataset::tokens(path, tokenizer == "u16" ? 2 : 4);
  throw Error("tokenizer '" + tokenizer + "' is not known", "bytes, u16 or u32 is valid");
}

void Trainer::makeStatusPage() {
  const std::string dir = flags.runDir;
  if (dir.empty())
    return;
  if (world.leadsNode()) { // nodes may have no disk in common
    makeFolder(dir);
    std::vector<OperationRow> rows;
    for (const Operation &operation : program.operations)
      rows.push_back({operation.id, operation.name, operation.place ? operation.place : ""});
    writeOperations(dir, rows, world.rank());
  }
  world.agree(0);
  status = createStatusPage(dir, world.rank(), world.size());
  context.operation = &status->operation;
  world.describeRank = [dir](int rank) {
    for (const RankStatus &other : readStatus(dir))
      if (other.rank == rank)
        return " " + describe(other);
    return std::string();
  };
}

void Trainer::prepare() {
  world.together([&] { makeStatusPage(); });
  during(opReadingData);
  world.together([&] {
    const Recipe &recipe = program.recipe;
    if (program.inputs.empty())
      return;
    inputs.emplace(program, context,
                   Batches(openData(recipe, flags.data), recipe.seqLen, recipe.vocab, recipe.seed));
  });
  world.together([&] {
    if (world.rank() != 0)
      return;
    if (!flags.output.empty())
      checkFolder(flags.output,
                  (1 + std::ranges::count_if(statesOf(programs), &State::isSaved)) * weightBytes(programs));
    if (!flags.dump.empty())
      checkFolder(flags.dump, (2 + std::ssize(statesOf(programs))) * weightBytes(programs));
    progress.emplace(Progress::Options{.steps = flags.steps,
                                       .tokensPerStep = program.recipe.globalBatch * program.recipe.seqLen,
                                       .logEvery = flags.logEvery,
                                       .metrics = flags.metrics});
  });
  if (flags.checkArena) {
    poisonArena(context.arena, world.arenaRoom());
    world.agree(0);
  }
  startTrace();
  if (program.isRehearsal)
    context.pace =
        &rehearsal.emplace(program.pipeline, flags.gflops > 0 ? flags.gflops : 10, flags.forwardMs / 1000);
  during(opStarting);
  program.init(context);
  if (flags.initFrom.empty())
    return;
  during(opReadingWeights);
  loadWeights(world, programs, flags.initFrom);
}

/// All ranks begin together.
void Trainer::startTrace() {
  if (flags.trace.empty())
    return;
  world.together([&] {
    if (world.rank() == 0)
      writeTrace(flags.trace, {}, {}); // before anybody trains for it
  });
  trace.emplace(context, flags.traceSteps);
  context.trace = &*trace;
  world.tellOfWaits(&*trace);
}

double Trainer::read(const Scalar &scalar, double absent) const {
  if (scalar.offset < 0)
    return absent;
  switch (scalar.type) {
  case Type::i32:
    return *context.at<std::int32_t>(scalar.offset);
  case Type::i64:
    return static_cast<double>(*context.at<std::int64_t>(scalar.offset));
  case Type::f32:
    break;
  }
  return *context.at<float>(scalar.offset);
}

void Trainer::write(const Scalar &scalar, std::int64_t value) {
  if (scalar.offset < 0)
    return;
  switch (scalar.type) {
  case Type::i32:
    *context.at<std::int32_t>(scalar.offset) = static_cast<std::int32_t>(value);
    return;
  case Type::i64:
    *context.at<std::int64_t>(scalar.offset) = value;
    return;
  case Type::f32:
    *context.at<float>(scalar.offset) = static_cast<float>(value);
  }
}

double Trainer::meanLoss() const {
  const Loss &loss = program.losses[0];
  return read(loss.sum, 0) / std::max(1.0, read(loss.count, 1));
}

void Trainer::trainStep(std::int64_t step) {
  if (status)
    status->step.store(step, std::memory_order_relaxed);
  during(opReadingData);
  if (inputs)
    inputs->fillStep(step);
  write(program.step, step);
  write(program.firstSample, step * program.recipe.globalBatch);
  countAllocations(flags.checkArena && step > 0);
  if (trace)
    trace->beginStep(step);
  program.run(context);
  if (trace)
    trace->endStep();
  countAllocations(false);
}

void Trainer::evaluate(std::int64_t stepsDone) {
  const std::int64_t calls =
      std::max<std::int64_t>(1, program.recipe.evalBatches) * program.recipe.microbatches;
  double sum = 0, count = 0;
  for (std::int64_t i = 0; i < calls; ++i) {
    during(opReadingData);
    if (inputs)
      inputs->fillEval(i);
    program.eval(context);
    sum += read(program.losses[0].sum, 0);
    count += read(program.losses[0].count, 1);
  }
  if (progress)
    progress->evalDone(stepsDone, sum / std::max(1.0, count));
}

void Trainer::dumpGradients() const {
  saveTensors(world, programs, gradientOf, flags.dump + "/gradients.safetensors");
}

void Trainer::dumpState() const {
  saveStates([](const State &) { return true; }, flags.dump);
  saveTensors(world, programs, weightOf, flags.dump + "/weights.safetensors");
}

void Trainer::saveStates(bool (*wanted)(const State &), const std::string &folder) const {
  for (const State &state : statesOf(programs))
    if (wanted(state))
      saveTensors(world, programs, stateOf(state.name), folder + "/" + state.name + ".safetensors");
}

/// What was trained. The average of no step at all is none.
void Trainer::saveResults(std::int64_t steps) const {
  saveTensors(world, programs, weightOf, flags.output + "/model.safetensors");
  if (steps > 0)
    saveStates([](const State &state) { return state.isSaved; }, flags.output);
  if (world.rank() != 0 || flags.quiet)
    return;
  std::printf("weights: %s/model.safetensors\n", flags.output.c_str());
  for (const State &state : statesOf(programs))
    if (state.isSaved && steps > 0)
      std::printf("%s of the weights: %s/%s.safetensors\n", state.name, flags.output.c_str(), state.name);
}

// Rank by rank, so that the lines are in order.
void Trainer::reportArena() {
  const std::int64_t touched = touchedBytes(context.arena, world.arenaRoom());
  const Allocations allocations = allocationsCounted();
  const std::int64_t sharedArena = world.localSize() > 1 ? touched : 0;
  const std::int64_t resident = residentBytes() + sharedArena;
  for (int rank = 0; rank < world.size(); ++rank) {
    if (rank == world.rank()) {
      std::printf("rank %d: arena %s bytes planned, %s touched, %s resident in all; allocations after step "
                  "1: %s own, "
                  "%s in libraries\n",
                  rank, withCommas(program.arenaBytes).c_str(), withCommas(touched).c_str(),
                  withCommas(resident).c_str(), withCommas(allocations.own).c_str(),
                  withCommas(allocations.libraries).c_str());
      std::fflush(stdout);
    }
    world.agree(0);
  }
  world.together([&] {
    if (touched > program.arenaBytes)
      throw Error("rank " + std::to_string(world.rank()) + " wrote up to byte " + std::to_string(touched) +
                  " of its arena, whose planned peak is " + std::to_string(program.arenaBytes));
  });
}

int Trainer::run() {
  prepare();
  setState(RankState::running);
  std::int64_t done = 0;
  int stop = 0;
  if (flags.evalOnly)
    evaluate(0);
  while (!flags.evalOnly && done < flags.steps && stop == 0) {
    trainStep(done);
    const double loss = meanLoss();
    constexpr double absent = std::numeric_limits<double>::quiet_NaN();
    ++done;
    stop = world.agree(std::isfinite(loss) ? stopSignal() : voteNotFinite);
    if (progress)
      progress->stepDone(
          {done, loss, read(program.gradientNorm, absent), read(program.learningRate, absent)});
    if (stop == voteNotFinite)
      world.together([&] {
        if (!std::isfinite(loss))
          throw Error("the loss of step " + std::to_string(done) + " is " +
                          (std::isnan(loss) ? "nan" : "infinite"),
                      "a lower learning rate, more warmup steps or a max_grad_norm may help");
      });
    if (done == 1 && !flags.dump.empty())
      dumpGradients();
    if (stop == 0 && program.recipe.evalEvery > 0 && program.eval && done % program.recipe.evalEvery == 0)
      evaluate(done);
  }
  during(opWritingFiles);
  if (stop != 0 && world.rank() == 0)
    std::fprintf(stderr, "stopped by %s after step %s\n", stop == SIGINT ? "Ctrl-C" : "SIGTERM",
                 std::to_string(done).c_str());
  if (!flags.dump.empty())
    dumpState();
  if (!flags.output.empty() && !flags.evalOnly)
    saveResults(done);
  if (trace)
    saveTrace(world, *trace, stageAt(programs, coordinatesOf(program.mesh, world.rank())), program.operations,
              flags.trace);
  if (flags.checkArena)
    reportArena();
  setState(RankState::finished);
  return stop == 0 ? 0 : 128 + stop;
}

/// Ranks of a node share its cores, unless the user says otherwise.
void shareCores(const World &world) {
  if (std::getenv("OMP_NUM_THREADS"))
    return;
  cpu_set_t cores;
  const int count = sched_getaffinity(0, sizeof cores, &cores) == 0 ? CPU_COUNT(&cores) : 1;
  omp_set_num_threads(std::max(1, count / world.localSize()));
}

/// What every rank finds alike is said by rank 0 alone.
int runAll(World &world, Programs programs, int argc, char **argv) {
  const Program &program = programs[stageAt(programs, coordinatesOf(programs[0].mesh, world.rank()))];
  Flags flags;
  try {
    flags = readFlags(program.recipe, argc, argv);
    if (!program.isRehearsal && (flags.gflops > 0 || flags.forwardMs > 0))
      throw Error("--gflops and --forward-ms are of rehearsals", "shardc run --rehearse makes one");
    if (flags.help) {
      if (world.rank() == 0)
        std::fputs(usage(argv[0]).c_str(), stdout);
      return 0;
    }
    // A launcher, which is who asks for status pages, has said it before it built and started us.
    if (world.rank() == 0 && !flags.quiet && flags.runDir.empty())
      std::printf("%s%s\n", program.identity,
                  program.isRehearsal ? "; a rehearsal: nothing is computed" : "");
    std::fflush(stdout);
    world.build({program.mesh, program.groups, program.arenaBytes, program.pipeline});
  } catch (const std::exception &error) {
    if (world.rank() == 0)
      std::fprintf(stderr, "error: %s\n", error.what());
    return 1;
  }
  shareCores(world);
  catchSignals();
  Trainer trainer(world, programs, program, flags);
  try {
    return trainer.run();
  } catch (const std::exception &error) {
    world.report(error.what(), [&] { trainer.failed(error.what()); });
  } catch (const Aborted &) {
  }
  trainer.setState(RankState::failed);
  return 1;
}

} // namespace

int train(const Program &program, int argc, char **argv) {
  return train(Programs(&program, 1), argc, argv);
}

int train(Programs stages, int argc, char **argv) {
  World world(argc, argv);
  int code = 1;
  try {
    code = runAll(world, stages, argc, argv);
  } catch (const Aborted &) { // from build
  }
  world.leave(code);
}

} // namespace rt
