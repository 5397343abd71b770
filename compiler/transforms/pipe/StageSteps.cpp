//===- StageSteps.cpp - @step of each stage: the tasks ---------------------===//
//
//   each task of the timetable, as time goes    the ops of its pass and chunk, of its micro-batch
//   gradients of weights                        added up by each chunk that uses them
//
// Schedules change when an op runs and where, but no sum: a chunk adds up by micro-batch. StageUpdate.cpp
// writes what is behind the tasks.
//
//===----------------------------------------------------------------------===//

#include "compiler/schedule/Timeline.h"
#include "compiler/transforms/pipe/StageEntries.h"
#include "dialects/nn/Build.h"

using namespace mlir;
using namespace pipes;
namespace pipeline = shardc::pipeline;

static constexpr auto once = StagePrograms::once;

static bool isGradient(OpOperand &operand) {
  auto call = dyn_cast<nn::CallOp>(operand.getOwner());
  return call && kindOfArgument(calleeOf(call), operand.getOperandNumber()) == nn::kindGradient;
}

/// The ops of a block that read nothing but scalars which `isKnown` and each other.
static void collectFree(Block &block, llvm::DenseSet<Operation *> &free, function_ref<bool(Value)> isKnown) {
  for (Operation &op : block.without_terminator())
    if (isa<nn::MapOp, nn::InputOp, nn::KeyOp>(op) && llvm::all_of(op.getOperands(), [&](Value operand) {
          return isKnown(operand) || (operand.getDefiningOp() && free.contains(operand.getDefiningOp()));
        }))
      free.insert(&op);
}

void StageEntries::writeStep(const pipeline::Table &table) {
  Entry entry = start(step);
  Block &body = loop.getBody().front();
  Value number = step.getArgument(0), trip = body.getArgument(0);
  collectFree(step.getBody().front(), entry->isFree, [&](Value value) { return value == number; });
  collectFree(body, entry->isFree, [&](Value value) {
    Operation *op = value.getDefiningOp();
    return value == number || value == trip || (op && entry->isFree.contains(op));
  });
  StagePrograms &written = *entry;
  entry->argument = [&](int stage, StagePrograms::Copy copy, BlockArgument argument) -> Value {
    if (argument == trip)
      return nn::buildFill(written.builder(stage), argument.getLoc(),
                           cast<nn::NamedTensorType>(trip.getType()), copy);
    if (argument.getOwner() == &micro.getBody().front())
      return written.get(stage, copy, microCall.getOperand(argument.getArgNumber()));
    return {};
  };
  knowFields(written, micro, step, [&](BlockArgument argument) {
    auto outer = dyn_cast<BlockArgument>(microCall.getOperand(argument.getArgNumber()));
    return outer ? static_cast<int>(outer.getArgNumber()) : -1;
  });
  findPartialGradients();
  runTasks(written, table);
  for (int stage = 0; stage < shape.stages; ++stage) {
    written.beginTask(stage, nullptr);
    written.builder(stage).create<BeginOp>(step.getLoc(), pipes::Pass::update, IntegerAttr(), IntegerAttr());
  }
  runTail(written);
  finish(written, step);
}

//===-- micro-batches ------------------------------------------------------===//

static BeginOp beginOf(OpBuilder &builder, Location loc, const pipeline::Task &task) {
  constexpr pipes::Pass passes[] = {pipes::Pass::forward, pipes::Pass::backward,
                                    pipes::Pass::backward_weight}; // as in pipeline::Pass
  return builder.create<BeginOp>(loc, passes[static_cast<int>(task.pass)],
                                 builder.getI64IntegerAttr(task.microbatch),
                                 builder.getI64IntegerAttr(task.chunk));
}

void StageEntries::runTasks(StagePrograms &written, const pipeline::Table &table) {
  struct Turn {
    double begin;
    int stage, number;
  };
  std::vector<Turn> turns;
  const pipeline::Timeline timeline = pipeline::timelineOf(shape, table);
  for (auto [stage, spans] : llvm::enumerate(timeline.spans))
    for (auto [number, span] : llvm::enumerate(spans))
      turns.push_back({span.begin, static_cast<int>(stage), static_cast<int>(number)});
  llvm::sort(turns, [](const Turn &a, const Turn &b) {
    return std::tie(a.begin, a.stage, a.number) < std::tie(b.begin, b.stage, b.number);
  });
  for (const Turn &turn : turns) {
    const pipeline::Task &task = table[turn.stage][turn.number];
    written.releaseSent(turn.stage);
    written.beginTask(turn.stage, beginOf(written.builder(turn.stage), module.getLoc(), task));
    for (Operation *op : microChunks.opsOf(task.pass, task.chunk))
      runOp(written, turn.stage, task.microbatch, op);
  }
}

/// Loss and count are added up by the stage that has them; gradients by each chunk that makes some.
void StageEntries::runOp(StagePrograms &written, int stage, int microbatch, Operation *op) {
  const int chunk = microChunks.of(op).chunk;
  Operation *clone = written.run(stage, microbatch, op, [&](OpOperand &operand) -> Value {
    if (isGradient(operand))
      return gradientOperand(written, chunk, operand.get());
    if (auto argument = dyn_cast<BlockArgument>(operand.get());
        argument && kindOfArgument(micro, argument.getArgNumber()) == nn::kindAccumulator) {
      Value &sum = sums[argument];
      if (!sum)
        sum = nn::buildFill(written.builder(stage), argument.getLoc(),
                            cast<nn::NamedTensorType>(argument.getType()), 0);
      return sum;
    }
    return written.get(stage, microbatch, operand.get());
  });
  for (OpOperand &operand : op->getOpOperands())
    if (auto argument = dyn_cast<BlockArgument>(operand.get());
        argument && kindOfArgument(micro, argument.getArgNumber()) == nn::kindAccumulator)
      sums[argument] = clone->getResult(0);
  auto call = dyn_cast<nn::CallOp>(op);
  if (!call)
    return;
  SmallVector<Value> adds; // operands that gradients are, in order
  for (OpOperand &operand : op->getOpOperands())
    if (isGradient(operand))
      adds.push_back(operand.get());
  nn::FuncOp callee = calleeOf(call);
  auto next = adds.begin();
  for (unsigned index = 0; index < op->getNumResults() && next != adds.end(); ++index)
    if (kindOfResult(callee, index) == nn::kindGradient)
      takeGradient(written, chunk, *next++, clone->getResult(index));
}

//===-- gradients ----------------------------------------------------------===//

/// Whether `value` is all of one argument's fields, in order; then that argument.
static BlockArgument wholeArgument(Value value) {
  SmallVector<Leaf> leaves = leavesOf(value, /*throughCalls=*/true);
  if (leaves.empty() || leaves[0].first.getType() != value.getType())
    return {};
  for (auto [number, leaf] : llvm::enumerate(leaves))
    if (leaf != Leaf(leaves[0].first, number))
      return {};
  return leaves[0].first;
}

void StageEntries::findPartialGradients() {
  for (Operation &op : micro.getBody().front().without_terminator())
    for (OpOperand &operand : op.getOpOperands())
      if (isGradient(operand) && !wholeArgument(operand.get()))
        for (auto [argument, field] : leavesOf(operand.get(), /*throughCalls=*/true))
          inFields.insert({argument, microChunks.of(&op).chunk});
}

/// Zero in the type of a field.
static Value zeroOf(OpBuilder &builder, BlockArgument argument, unsigned field) {
  auto bundle = cast<nn::BundleType>(argument.getType());
  return nn::buildFill(builder, nn::named(argument.getLoc(), bundle.getFields()[field].getValue()),
                       cast<nn::NamedTensorType>(bundle.getTypes()[field]), 0);
}

Value StageEntries::packOf(OpBuilder &builder, BlockArgument argument, MutableArrayRef<Value> fields) {
  for (auto [number, field] : llvm::enumerate(fields))
    if (!field)
      field = zeroOf(builder, argument, number);
  return builder.create<nn::PackOp>(argument.getLoc(), cast<nn::BundleType>(argument.getType()), fields);
}

Value StageEntries::gradientOperand(StagePrograms &written, int chunk, Value value) {
  OpBuilder &builder = written.builder(shape.stageOf(chunk));
  if (BlockArgument argument = wholeArgument(value); argument && !inFields.contains({argument, chunk})) {
    Gradients &sum = gradients[argument][chunk];
    if (!sum.whole) {
      SmallVector<Value> zeros(cast<nn::BundleType>(argument.getType()).size());
      sum.whole = packOf(builder, argument, zeros);
    }
    return sum.whole;
  }
  SmallVector<Value> fields;
  for (auto [argument, field] : leavesOf(value, /*throughCalls=*/true)) {
    Gradients &sum = gradients[argument][chunk];
    sum.isWhole = false;
    sum.fields.resize(cast<nn::BundleType>(argument.getType()).size());
    Value &now = sum.fields[field];
    if (!now)
      now = zeroOf(builder, argument, field);
    fields.push_back(now);
  }
  return builder.create<nn::PackOp>(nn::locOf(value), cast<nn::BundleType>(value.getType()), fields);
}

void StageEntries::takeGradient(StagePrograms &written, int chunk, Value operand, Value result) {
  if (BlockArgument argument = wholeArgument(operand); argument && !inFields.contains({argument, chunk})) {
    gradients[argument][chunk].whole = result;
    return;
  }
  OpBuilder &builder = written.builder(shape.stageOf(chunk));
  auto fields = builder.create<nn::UnpackOp>(result.getLoc(), result).getResults();
  for (auto [leaf, value] : llvm::zip(leavesOf(operand, /*throughCalls=*/true), fields))
    gradients[leaf.first][chunk].fields[leaf.second] = value;
}
