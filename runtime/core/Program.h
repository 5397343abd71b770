//===- Program.h - what a generated trainer hands to the runtime -----------===//
//
// A generated package defines one constant Program (shapes, mesh, memory plan, recipe: all known when it was
// compiled) and three functions; main.cpp is `return rt::train(program, argc, argv)`.
//
//   arena of each rank, the same offsets on all of them (on all of one stage, where there is a pipeline):
//   | weights | optimizer state | gradients | inputs | scalars | frames ... | <- arenaBytes, the planned peak
//
// Here: descriptions only. Not here: MPI, oneDNN, anything that allocates.
//
//===----------------------------------------------------------------------===//
#pragma once
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>

namespace rt {

class Context;

/// A short constant list, so that a Program is one constant in the binary without static initialisers.
template <class T, int capacity> struct List {
  T items[capacity]{};
  int count = 0;
  constexpr List() = default;
  constexpr List(std::initializer_list<T> values) {
    for (const T &value : values)
      items[count++] = value; // past the capacity is not a constant expression: an error when compiled
  }
  constexpr const T *begin() const { return items; }
  constexpr const T *end() const { return items + count; }
  constexpr int size() const { return count; }
  constexpr const T &operator[](int i) const { return items[i]; }
};

/// One mesh axis. The mesh lists the slowest first: ranks that differ in the last axis are neighbours.
struct MeshAxis {
  const char *name;
  int size;
};

/// Indices into Program::mesh, major first (`batch@dp@ep` is {dp, ep}).
using MeshAxes = List<std::int8_t, 6>;

/// The ranks that differ only on `axes`; a member's index counts with the first listed axis slowest.
/// Generated code finds it as `ctx.group(i)`, i being its position in Program::groups.
struct GroupSpec {
  const char *name; // "tp", "dp_tp"
  MeshAxes axes;
};

/// The stages of a pipeline lie along one mesh axis, and each has a program of its own.
struct Pipeline {
  int axis = -1;               // of the mesh; < 0: there is none
  int messages = 0;            // numbers of messages from one rank to another are below it
  int chunksPerStage = 1;      // parts of the model
  bool splitsBackward = false; // gradients of weights are tasks of their own
};

enum class Type : std::uint8_t { f32, i32, i64 };

/// One axis of a tensor: how the global index runs in the file and in this rank's block.
///   global index = (rank's place on `mesh`) * localCount + local index; at or past `fileSize` it is padding.
struct BlockAxis {
  std::int64_t size;        // global, padding included
  std::int64_t fileSize;    // global, as the file has it: <= size
  std::int64_t fileStride;  // elements
  std::int64_t localStride; // elements
  std::int64_t localCount;  // size / the sizes of the mesh axes
  MeshAxes mesh;            // mesh axes that place it, major first; empty: whole
};

/// A rank's block of one tensor, at `offset` bytes of its arena; offset < 0: the program has none.
struct Block {
  std::int64_t offset = -1;
  List<BlockAxis, 8> axes;
};

/// What the optimizer keeps of each parameter from step to step.
struct State {
  const char *name;     // "m", "momentum", "ema"; of the file that --dump writes
  bool isSaved = false; // beside the final weights, under their names
};

/// One parameter, under the name and shape that it has in a Hugging Face file. Weight, gradient and states
/// are f32 and may be placed differently (ZeRO).
struct Parameter {
  const char *name;
  List<std::int64_t, 4> fileShape;
  std::int64_t fileFirst = 0;    // first element of this parameter within the file's tensor (fused weights)
  List<const char *, 4> aliases; // names that a file may give it too: of weights that are tied to it
  bool isCopy = false;           // of another stage's, which files are written from
  Block weight, gradient;
  List<Block, 4> states; // as Program::states lists them
};

/// Token or label buffer of a whole step: microbatches x [local block of (batch, seq)], i32. Sample j of
/// micro-batch i is number i * (globalBatch / microbatches) + j of the step. axes = {batch, seq}, in that
/// order whatever their strides (file members unused). microbatchStride: elements from one micro-batch to the
/// next.
struct Input {
  enum Kind : std::uint8_t { tokens, labels } kind;
  std::int64_t offset;
  std::int64_t microbatchStride;
  BlockAxis batch, seq;
};

/// One number in the arena.
struct Scalar {
  std::int64_t offset = -1; // bytes; < 0: the program has none
  Type type = Type::f32;
};

/// A named loss: its mean is sum / count, both whole (already reduced over the mesh) when step or eval
/// returns.
struct Loss {
  const char *name; // "loss"
  Scalar sum, count;
};

/// A row of the table that turns an operation number of the status page into words.
struct Operation {
  std::int32_t id;
  const char *name;  // "block.mlp: reduce_scatter tp"
  const char *place; // "model.yaml:18:5"
};

struct Recipe {
  std::int64_t steps;
  std::int64_t globalBatch; // sequences per optimizer step, all ranks
  std::int64_t microbatches;
  std::int64_t seqLen;
  std::int64_t vocab; // tokens in the data are 0 .. vocab - 1 (valid size)
  std::uint64_t seed;
  const char *data;           // path of the text, relative to where the trainer is started
  const char *tokenizer;      // "bytes"
  std::int64_t evalEvery = 0; // steps; 0: never
  std::int64_t evalBatches = 0;
  std::int64_t checkpointEvery = 0; // steps; 0: only the final weights
  std::int64_t checkpointKeep = 2;
};

struct Program {
  const char *identity; // "world 4 = dp 2 x tp 2; global batch 32 sequences = 8,192 tokens"
  std::span<const MeshAxis> mesh;
  std::span<const GroupSpec> groups;
  Pipeline pipeline = {};
  bool isRehearsal = false; // it pauses instead of computing
  std::int64_t arenaBytes;  // the planned peak, per rank
  std::span<const Parameter> parameters;
  std::span<const State> states;
  const char *filePrefix = "";                 // files may leave it out of their names
  std::span<const char *const> ignoredTensors; // names, or how names end, of tensors that are no weights
  std::span<const Input> inputs;
  std::span<const Loss> losses; // written by step and eval; the first one is what the progress line shows
  Scalar step;                  // read by step: number of this step, from 0
  Scalar firstSample;           // read by step: number of its first sample, step * globalBatch
  Scalar gradientNorm;          // written by step: global norm before clipping
  Scalar learningRate;          // written by step
  Recipe recipe;
  std::span<const Operation> operations;

  void (*init)(Context &); // weights, optimizer state, whatever else must be set before step 0
  void (*run)(Context &);  // one optimizer step: all micro-batches, then the update
  void (*eval)(Context &); // forward of one micro-batch, in slot 0 of the inputs; weights untouched
};

/// Runs the trainer: flags, MPI, data, steps, metrics, final weights. The exit code of main.
int train(const Program &program, int argc, char **argv);
/// The same with a program for each stage of a pipeline. They have mesh, groups, recipe, operations and
/// pipeline in common; each lists its own stage's parameters and inputs, and all write the same losses.
int train(std::span<const Program> stages, int argc, char **argv);

} // namespace rt
