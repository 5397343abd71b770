//===- TrainWorker.cpp - a trainer written by hand, for TrainTest ----------===//
//
// MESH ("1" or "2x2", dp x tp) in the environment chooses the plan. The "model" has no products, but
// everything else that a generated trainer has: padded, fused and differently placed parameters, inputs by
// micro-batch, collectives, a loss that every rank agrees on. All its numbers are small integers (exact in
// f32), so that every plan must write the same bytes. With STAGES=2 the embedding and the tokens are the
// first stage's, all else the second's, which holds a copy of the embedding and sends the loss back.
//
// REHEARSE makes each task of a stage a pause too.
//
// FAULT in the environment ("kill 2 3": rank 2 in step 3): kill, stop, throw, nan, allocate, overrun.
//
//===----------------------------------------------------------------------===//
#include "runtime/comm/Collectives.h"
#include "runtime/comm/Messages.h"
#include "runtime/core/Context.h"
#include "runtime/core/Error.h"
#include "runtime/core/Program.h"
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <span>
#include <unistd.h>
#include <vector>

using namespace rt;

namespace {

constexpr std::int64_t globalBatch = 8, microbatches = 2, seqLen = 16;
constexpr int dp = 0, tp = 1, all = 2; // mesh axes, and groups
constexpr int pp = 2;                  // the last axis, where there are stages
constexpr State states[] = {{"m"}, {"ema", true}};
constexpr int m = 0, ema = 1;

int dpSize = 1, tpSize = 1, stages = 1;

/// What a stage's program has, and the only program's.
struct Stage {
  std::int64_t arenaBytes = 0;
  std::vector<Parameter> parameters;
  std::vector<Input> inputs;
  std::vector<Loss> losses;
  std::int64_t sumOffset, countOffset, stepOffset, normOffset, rateOffset;
  std::int64_t received = -1; // the embedding that the first stage sends
};
Stage program[2];
Stage *at = program; // the one that is laid out

Stage &stageOf(const Context &context) {
  return program[stages == 1 ? 0 : context.coordinate(pp)];
}

std::int64_t room(std::int64_t bytes) {
  const std::int64_t offset = (at->arenaBytes + 63) / 64 * 64;
  at->arenaBytes = offset + bytes;
  return offset;
}

/// A [rows, columns] tensor, rows placed on tp; states also place their columns on dp (ZeRO-1).
Block block(std::int64_t rows, std::int64_t fileRows, std::int64_t columns, bool state) {
  const std::int64_t r = rows / tpSize, c = state ? columns / dpSize : columns;
  Block result{.offset = room(r * c * 4)};
  // Stored by columns: the local order is not the file's.
  result.axes = {{rows, fileRows, columns, 1, r, {tp}},
                 {columns, columns, 1, r, c, state ? MeshAxes{dp} : MeshAxes{}}};
  return result;
}

void addParameter(const char *name, List<std::int64_t, 4> shape, std::int64_t first, std::int64_t rows,
                  std::int64_t fileRows, std::int64_t columns) {
  Parameter p{.name = name, .fileShape = shape, .fileFirst = first};
  p.weight = block(rows, fileRows, columns, false);
  p.gradient = block(rows, fileRows, columns, false);
  for (int i = 0; i < std::ssize(states); ++i)
    p.states.items[p.states.count++] = block(rows, fileRows, columns, true);
  at->parameters.push_back(p);
}

Input input(Input::Kind kind, bool placeSeq) {
  const std::int64_t batch = globalBatch / microbatches / dpSize, seq = placeSeq ? seqLen / tpSize : seqLen;
  return {.kind = kind,
          .offset = room(microbatches * batch * seq * 4),
          .microbatchStride = batch * seq,
          .batch = {globalBatch / microbatches, 0, 0, 1, batch, {dp}}, // seq first in memory
          .seq = {seqLen, 0, 0, batch, seq, placeSeq ? MeshAxes{tp} : MeshAxes{}}};
}

/// Calls visit(local index, global index) for a block of a tensor.
template <class Visit> void eachElement(const Context &context, const Block &b, const Visit &visit) {
  auto place = [&](const BlockAxis &axis) {
    return axis.mesh.size() ? context.coordinate(axis.mesh[0]) * axis.localCount : 0;
  };
  const BlockAxis &rows = b.axes[0], &columns = b.axes[1];
  for (std::int64_t i = 0; i < rows.localCount; ++i)
    for (std::int64_t j = 0; j < columns.localCount; ++j)
      visit(i * rows.localStride + j * columns.localStride,
            (place(rows) + i) * columns.size + place(columns) + j);
}

void init(Context &context) {
  for (const Parameter &p : stageOf(context).parameters) {
    eachElement(context, p.weight, [&](auto at, auto global) {
      context.at<float>(p.weight.offset)[at] = static_cast<float>(global);
    });
    for (const Block *zero : {&p.gradient, &p.states[m], &p.states[ema]})
      eachElement(context, *zero, [&](auto at, auto) { context.at<float>(zero->offset)[at] = 0; });
  }
}

void fault(Context &context, std::int32_t step) {
  const char *text = std::getenv("FAULT");
  char what[16];
  int rank, when;
  if (!text || std::sscanf(text, "%15s %d %d", what, &rank, &when) != 3 || step != when ||
      context.rank != rank)
    return;
  if (!std::strcmp(what, "kill"))
    raise(SIGKILL);
  if (!std::strcmp(what, "stop"))
    raise(SIGSTOP);
  if (!std::strcmp(what, "throw"))
    throw Error("token 300 is not in the vocabulary of 256");
  if (!std::strcmp(what, "allocate"))
    *const_cast<int *volatile>(new int(7)) = 8;
  if (!std::strcmp(what, "overrun"))
    *context.at<float>(stageOf(context).arenaBytes + 60) = 1;
}

/// Sum of the labels of all micro-batches (or the first `count`), over all ranks, into the loss.
float sumLabels(Context &context, std::int64_t count) {
  Stage &own = stageOf(context);
  const Input &labels = own.inputs.back(), &tokens = own.inputs.front();
  const std::int64_t n = labels.batch.localCount * labels.seq.localCount;
  float *sum = context.at<float>(own.sumOffset);
  *context.at<float>(own.countOffset) = static_cast<float>(count * globalBatch / microbatches * seqLen);
  if (stages > 1 && context.coordinate(pp) == 0) {
    context.enter(4);
    expect(context.stage(1), sum, 1, 1);
    receive(context.stage(1), sum, 1, 1);
    return *sum;
  }
  *sum = 0;
  for (std::int64_t i = 0; i < count; ++i)
    for (std::int64_t at = 0; at < n; ++at)
      *sum += static_cast<float>(context.at<std::int32_t>(labels.offset)[i * labels.microbatchStride + at]);
  // Tokens are whole over tp: a token after the first is the label before it.
  if (tpSize == 1 && stages == 1 &&
      context.at<std::int32_t>(tokens.offset)[tokens.seq.localStride] !=
          context.at<std::int32_t>(labels.offset)[0])
    throw Error("tokens and labels do not fit together");
  context.enter(1);
  allReduce(context.group(all), sum, 1);
  if (stages > 1) {
    send(context.stage(0), sum, 1, 1);
    sent(context.stage(0), 1);
  }
  return *sum;
}

/// The first stage sends its embedding to the copy of the other one, which has it already before step 0.
void refreshCopy(Context &context, std::int32_t number) {
  const bool isFirst = context.coordinate(pp) == 0;
  Stage &own = stageOf(context);
  const Block &block = own.parameters[0].weight;
  const std::int64_t n = block.axes[0].localCount * block.axes[1].localCount;
  float *weights = context.at<float>(block.offset), *received = context.at<float>(own.received);
  context.enter(5);
  if (isFirst) {
    send(context.stage(1), weights, n, 0);
    sent(context.stage(1), 0);
    return;
  }
  expect(context.stage(0), received, n, 0);
  receive(context.stage(0), received, n, 0);
  if (number == 0 && std::memcmp(weights, received, n * sizeof(float)) != 0)
    throw Error("the copy of the embedding is another one");
  std::memcpy(weights, received, n * sizeof(float));
}

void step(Context &context) {
  Stage &own = stageOf(context);
  const std::int32_t number = *context.at<std::int32_t>(own.stepOffset);
  context.enter(2);
  fault(context, number);
  if (const char *wait = std::getenv("STEP_MS"))
    usleep(1000 * std::atoi(wait));
  if (stages > 1)
    context.begin({Pass::forward, 0, context.coordinate(pp), 3e6});
  if (const char *late = std::getenv("LATE_MS"); late && stages > 1 && context.coordinate(pp) > 0)
    usleep(1000 * std::atoi(late));
  if (std::getenv("REHEARSE"))
    context.pause(3e6);
  if (stages > 1)
    refreshCopy(context, number);
  const float sum = sumLabels(context, microbatches);
  context.begin({Pass::update});
  context.enter(3);
  for (const Parameter &p : own.parameters) {
    if (p.isCopy)
      continue;
    float *g = context.at<float>(p.gradient.offset), *w = context.at<float>(p.weight.offset);
    eachElement(context, p.gradient,
                [&](auto at, auto global) { g[at] = static_cast<float>(global) + sum + number; });
    eachElement(context, p.weight, [&](auto at, auto) { w[at] += g[at]; });
    eachElement(context, p.states[m],
                [&](auto at, auto global) { context.at<float>(p.states[m].offset)[at] = -1.0f - global; });
    eachElement(context, p.states[ema],
                [&](auto at, auto global) { context.at<float>(p.states[ema].offset)[at] = 1.0f + global; });
  }
  *context.at<float>(own.normOffset) = 1.5f;
  *context.at<float>(own.rateOffset) = 1e-3f;
  const char *text = std::getenv("FAULT");
  if (text && std::strncmp(text, "nan", 3) == 0 && number == std::atoi(text + 3))
    *context.at<float>(own.sumOffset) = std::numeric_limits<float>::quiet_NaN();
}

void eval(Context &context) {
  sumLabels(context, 1);
}

/// Lays out the arena of a stage that holds the first or the last half of the model, or both.
void layOut(Stage &stage, bool hasFirst, bool hasLast) {
  at = &stage;
  addParameter("model.embed.weight", {11, 6}, 0, 12, 11, 6);
  stage.parameters[0].aliases = {"head.weight"};
  stage.parameters[0].isCopy = !hasFirst;
  if (hasLast)
    for (std::int64_t first : {0, 16, 32})
      addParameter("model.qkv.weight", {12, 4}, first, 4, 4, 4);
  if (hasFirst)
    stage.inputs.push_back(input(Input::tokens, false));
  if (hasLast)
    stage.inputs.push_back(input(Input::labels, true));
  if (!hasFirst)
    stage.received = room(12 / tpSize * 6 * 4);
  for (std::int64_t *offset :
       {&stage.stepOffset, &stage.normOffset, &stage.rateOffset, &stage.countOffset, &stage.sumOffset})
    *offset = room(4);
  stage.losses = {{"loss", {stage.sumOffset}, {stage.countOffset}}};
}

} // namespace

int main(int argc, char **argv) {
  if (const char *mesh = std::getenv("MESH"))
    std::sscanf(mesh, "%dx%d", &dpSize, &tpSize);
  if (const char *count = std::getenv("STAGES"))
    stages = std::atoi(count);
  for (int stage = 0; stage < stages; ++stage)
    layOut(program[stage], stage == 0, stage == stages - 1);
  const MeshAxis mesh[] = {{"dp", dpSize}, {"tp", tpSize}, {"pp", stages}};
  const GroupSpec groups[] = {{"dp", {0}}, {"tp", {1}}, {"dp_tp", {0, 1}}};
  const Operation operations[] = {{1, "head: all_reduce dp_tp", "job.yaml:3:1"},
                                  {2, "block: fault", "model.yaml:5:7"},
                                  {3, "update", ""},
                                  {4, "step: receive loss from stage 1", "job.yaml:2:1"},
                                  {5, "step: send embed to stage 1", "job.yaml:2:1"}};
  const char *const ignored[] = {"attn.mask"};
  std::vector<Program> programs;
  for (const Stage &stage : std::span(program, stages))
    programs.push_back({
        .identity = "world = dp x tp",
        .mesh = std::span(mesh, stages == 1 ? 2 : 3),
        .groups = groups,
        .pipeline = stages == 1 ? Pipeline{} : Pipeline{.axis = pp, .messages = 2},
        .isRehearsal = std::getenv("REHEARSE") != nullptr,
        .arenaBytes = stage.arenaBytes,
        .parameters = stage.parameters,
        .states = states,
        .filePrefix = "model.",
        .ignoredTensors = ignored,
        .inputs = stage.inputs,
        .losses = stage.losses,
        .step = {stage.stepOffset, Type::i32},
        .firstSample = {},
        .gradientNorm = {stage.normOffset},
        .learningRate = {stage.rateOffset},
        .recipe = {.steps = 6,
                   .globalBatch = globalBatch,
                   .microbatches = microbatches,
                   .seqLen = seqLen,
                   .vocab = 256,
                   .seed = 7,
                   .data = "text.txt",
                   .tokenizer = "bytes",
                   .evalEvery = 3,
                   .evalBatches = 2},
        .operations = operations,
        .init = init,
        .run = step,
        .eval = eval,
    });
  return stages == 1 ? train(programs[0], argc, argv) : train(programs, argc, argv);
}
