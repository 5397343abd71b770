//===- TrainWorker.cpp - a trainer written by hand, for TrainTest ----------===//
//
// MESH ("1" or "2x2", dp x tp) in the environment chooses the plan. The "model" has no products, but
// everything else that a generated trainer has: padded, fused and differently placed parameters, inputs by
// micro-batch, collectives, a loss that every rank agrees on. All its numbers are small integers (exact in
// f32), so that every plan must write the same bytes.
//
// FAULT in the environment ("kill 2 3": rank 2 in step 3): kill, stop, throw, nan, allocate, overrun.
//
//===----------------------------------------------------------------------===//
#include "runtime/comm/Collectives.h"
#include "runtime/core/Context.h"
#include "runtime/core/Error.h"
#include "runtime/core/Program.h"
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <unistd.h>
#include <vector>

using namespace rt;

namespace {

constexpr std::int64_t globalBatch = 8, microbatches = 2, seqLen = 16;
constexpr int dp = 0, tp = 1, all = 2;
constexpr State states[] = {{"m"}, {"ema", true}};
constexpr int m = 0, ema = 1;

int dpSize = 1, tpSize = 1;
std::int64_t arenaBytes = 0;
std::vector<Parameter> parameters;
std::vector<Input> inputs;
std::int64_t sumOffset, countOffset, stepOffset, normOffset, rateOffset;

std::int64_t room(std::int64_t bytes) {
  const std::int64_t offset = (arenaBytes + 63) / 64 * 64;
  arenaBytes = offset + bytes;
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
  parameters.push_back(p);
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
  for (const Parameter &p : parameters) {
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
    *context.at<float>(arenaBytes + 60) = 1;
}

/// Sum of the labels of all micro-batches (or the first `count`), over all ranks, into the loss.
float sumLabels(Context &context, std::int64_t count) {
  const Input &labels = inputs[1], &tokens = inputs[0];
  const std::int64_t n = labels.batch.localCount * labels.seq.localCount;
  float *sum = context.at<float>(sumOffset);
  *sum = 0;
  for (std::int64_t i = 0; i < count; ++i)
    for (std::int64_t at = 0; at < n; ++at)
      *sum += static_cast<float>(context.at<std::int32_t>(labels.offset)[i * labels.microbatchStride + at]);
  // Tokens are whole over tp: a token after the first is the label before it.
  if (tpSize == 1 && context.at<std::int32_t>(tokens.offset)[tokens.seq.localStride] !=
                         context.at<std::int32_t>(labels.offset)[0])
    throw Error("tokens and labels do not fit together");
  context.enter(1);
  allReduce(context.group(all), sum, 1);
  *context.at<float>(countOffset) = static_cast<float>(count * globalBatch / microbatches * seqLen);
  return *sum;
}

void step(Context &context) {
  const std::int32_t number = *context.at<std::int32_t>(stepOffset);
  context.enter(2);
  fault(context, number);
  if (const char *wait = std::getenv("STEP_MS"))
    usleep(1000 * std::atoi(wait));
  const float sum = sumLabels(context, microbatches);
  context.enter(3);
  for (const Parameter &p : parameters) {
    float *g = context.at<float>(p.gradient.offset), *w = context.at<float>(p.weight.offset);
    eachElement(context, p.gradient,
                [&](auto at, auto global) { g[at] = static_cast<float>(global) + sum + number; });
    eachElement(context, p.weight, [&](auto at, auto) { w[at] += g[at]; });
    eachElement(context, p.states[m],
                [&](auto at, auto global) { context.at<float>(p.states[m].offset)[at] = -1.0f - global; });
    eachElement(context, p.states[ema],
                [&](auto at, auto global) { context.at<float>(p.states[ema].offset)[at] = 1.0f + global; });
  }
  *context.at<float>(normOffset) = 1.5f;
  *context.at<float>(rateOffset) = 1e-3f;
  const char *text = std::getenv("FAULT");
  if (text && std::strncmp(text, "nan", 3) == 0 && number == std::atoi(text + 3))
    *context.at<float>(sumOffset) = std::numeric_limits<float>::quiet_NaN();
}

void eval(Context &context) {
  sumLabels(context, 1);
}

} // namespace

int main(int argc, char **argv) {
  if (const char *mesh = std::getenv("MESH"))
    std::sscanf(mesh, "%dx%d", &dpSize, &tpSize);
  addParameter("model.embed.weight", {11, 6}, 0, 12, 11, 6);
  addParameter("model.qkv.weight", {12, 4}, 0, 4, 4, 4);
  addParameter("model.qkv.weight", {12, 4}, 16, 4, 4, 4);
  addParameter("model.qkv.weight", {12, 4}, 32, 4, 4, 4);
  parameters[0].aliases = {"head.weight"};
  inputs = {input(Input::tokens, false), input(Input::labels, true)};
  for (std::int64_t *offset : {&stepOffset, &normOffset, &rateOffset, &countOffset, &sumOffset})
    *offset = room(4);
  const MeshAxis mesh[] = {{"dp", dpSize}, {"tp", tpSize}};
  const GroupSpec groups[] = {{"dp", {0}}, {"tp", {1}}, {"dp_tp", {0, 1}}};
  const Loss losses[] = {{"loss", {sumOffset}, {countOffset}}};
  const Operation operations[] = {{1, "head: all_reduce dp_tp", "job.yaml:3:1"},
                                  {2, "block: fault", "model.yaml:5:7"},
                                  {3, "update", ""}};
  const char *const ignored[] = {"attn.mask"};
  const Program program{
      .identity = "world = dp x tp",
      .mesh = mesh,
      .groups = groups,
      .arenaBytes = arenaBytes,
      .parameters = parameters,
      .states = states,
      .filePrefix = "model.",
      .ignoredTensors = ignored,
      .inputs = inputs,
      .losses = losses,
      .step = {stepOffset, Type::i32},
      .firstSample = {},
      .gradientNorm = {normOffset},
      .learningRate = {rateOffset},
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
  };
  return train(program, argc, argv);
}
