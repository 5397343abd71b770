//===- StageSteps.cpp - @step of each stage: tasks, then the update --------===//
//
//   each task of the timetable, as time goes    the ops of its pass and chunk, of its micro-batch
//   gradients of weights                        added up by each chunk that uses them; then by the owner
//   norm                                        the squares of all stages' gradients, added by one
//   clipping, update                            each op where its gradients are
//
// Schedules change when an op runs and where, but no sum: a chunk adds up by micro-batch, chunks are added in
// the model's order, squares in that of the weights. So all schedules of a plan leave the same bits.

#include "compiler/schedule/Timeline.h"
#include "compiler/transforms/nn/ScalarMath.h"
#include "compiler/transforms/nn/WriteFunction.h"
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

static Value packOf(OpBuilder &builder, BlockArgument argument, MutableArrayRef<Value> fields) {
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

/// What all chunks have added up of a bundle, on its owner.
Value StageEntries::wholeGradient(StagePrograms &written, BlockArgument argument) {
  const int owner = ownerOf(micro.getArgAttrDict(argument.getArgNumber()));
  auto &byChunk = gradients[argument];
  OpBuilder &builder = written.builder(owner);
  if (byChunk.size() == 1) {
    auto &[chunk, sum] = *byChunk.begin();
    if (shape.stageOf(chunk) == owner && sum.isWhole)
      return sum.whole;
  }
  auto bundle = cast<nn::BundleType>(argument.getType());
  auto fieldsOf = [&](int chunk) {
    Gradients &sum = byChunk[chunk];
    if (sum.isWhole && sum.whole)
      return llvm::to_vector_of<Value>(written.builder(shape.stageOf(chunk))
                                           .create<nn::UnpackOp>(argument.getLoc(), sum.whole)
                                           .getResults());
    sum.fields.resize(bundle.size());
    return llvm::to_vector(sum.fields);
  };
  SmallVector<int> chunks;
  for (auto &[chunk, sum] : byChunk)
    chunks.push_back(chunk);
  llvm::sort(chunks);
  SmallVector<Value> total(bundle.size());
  for (int chunk : chunks)
    for (auto [field, value] : llvm::enumerate(fieldsOf(chunk))) {
      if (!value)
        continue;
      const int stage = shape.stageOf(chunk);
      Value here = stage == owner ? value : written.move(value, stage, owner, nn::kindGradient);
      total[field] = total[field] ? nn::buildSum(builder, nn::locOf(value), total[field], here) : here;
    }
  return packOf(builder, argument, total);
}

//===-- the update ---------------------------------------------------------===//

/// Whether a map adds its operands, scalars, and does nothing else.
static bool isSum(nn::MapOp map) {
  return map.getNumOperands() > 1 && map.getNumResults() == 1 &&
         llvm::all_of(map.getOperands(),
                      [](Value v) { return cast<nn::NamedTensorType>(v.getType()).isScalar(); }) &&
         llvm::all_of(map.getBody().front().without_terminator(), llvm::IsaPred<arith::AddFOp>);
}

/// The last stage that has a term adds them all, in their order. Each of the others sends its terms in one
/// message.
bool StageEntries::runSumOverStages(StagePrograms &written, nn::MapOp sum) {
  std::vector<SmallVector<Value>> own(shape.stages);
  for (Value operand : sum.getOperands())
    if (int home = written.homeOf(once, operand); home >= 0)
      own[home].push_back(operand);
    else
      return false;
  int last = shape.stages - 1;
  while (own[last].empty())
    --last;
  for (int stage = 0; stage < last; ++stage)
    if (own[stage].size() > 1)
      moveTogether(written, own[stage], stage, last);
  written.run(last, once, sum);
  return true;
}

/// Scalars of one stage go to another as one tensor.
void StageEntries::moveTogether(StagePrograms &written, ArrayRef<Value> scalars, int from, int to) {
  auto type = cast<nn::NamedTensorType>(scalars[0].getType());
  Location loc = nn::locOf(scalars[0]);
  MLIRContext *context = loc.getContext();
  const auto count = static_cast<int64_t>(scalars.size());
  auto terms = StringAttr::get(context, "term");
  auto all = nn::NamedTensorType::get(type.getElementType(), nn::AxisAttr::get(context, terms, count, {}));
  SmallVector<Value> there;
  SmallVector<std::string> names;
  for (Value scalar : scalars) {
    there.push_back(written.get(from, once, scalar));
    names.push_back(nn::nameOf(scalar).str());
  }
  Value stacked = written.builder(from).create<nn::StackOp>(nn::named(loc, "squares"), all, there, terms);
  auto parts = written.builder(to).create<nn::UnstackOp>(nn::namedAll(loc, names),
                                                         SmallVector<Type>(scalars.size(), type),
                                                         written.move(stacked, from, to), terms);
  for (auto [scalar, part] : llvm::zip(scalars, parts.getResults()))
    written.know(to, once, scalar, part);
}

/// The stage where an op of the update belongs: of its weights or gradients, or where the last of its
/// operands is made.
int StageEntries::homeOf(StagePrograms &written, Value value) {
  if (auto argument = dyn_cast<BlockArgument>(value))
    return argument.getOwner() == &step.getBody().front() && isa<nn::BundleType>(value.getType())
               ? ownerOf(step.getArgAttrDict(argument.getArgNumber()))
               : -1;
  return written.homeOf(once, value);
}

void StageEntries::runTail(StagePrograms &written) {
  Operation *yield = loop.getBody().front().getTerminator();
  for (auto [index, result] : llvm::enumerate(loop.getResults())) {
    auto called = cast<OpResult>(yield->getOperand(index)).getResultNumber();
    // What @micro returns continues an argument: the loop hands it over at the same place.
    Value carried = loop.getBody().getArgument(index + 1);
    auto operand = llvm::find(microCall.getOperands(), carried) - microCall.getOperands().begin();
    BlockArgument argument = micro.getArgument(operand);
    (void)called;
    if (kindOfArgument(micro, argument.getArgNumber()) == nn::kindGradient) {
      const int owner = ownerOf(micro.getArgAttrDict(argument.getArgNumber()));
      written.map(owner, once, result, wholeGradient(written, argument));
    } else if (Value sum = sums.lookup(argument)) {
      auto func = sum.getDefiningOp()->getParentOfType<nn::FuncOp>();
      for (int stage = 0; stage < shape.stages; ++stage)
        if (written.func(stage) == func)
          written.map(stage, once, result, sum);
    }
  }
  bool isAfter = false;
  for (Operation &op : step.getBody().front().without_terminator()) {
    if (&op == loop) {
      isAfter = true;
      continue;
    }
    if (!isAfter || isWiring(&op) || written.isFree.contains(&op))
      continue;
    if (auto sum = dyn_cast<nn::MapOp>(op); sum && isSum(sum) && runSumOverStages(written, sum))
      continue;
    int bundles = -1, others = 0;
    for (Value operand : op.getOperands())
      (isa<nn::BundleType>(operand.getType()) ? bundles : others) =
          std::max(isa<nn::BundleType>(operand.getType()) ? bundles : others, homeOf(written, operand));
    written.run(bundles >= 0 ? bundles : others, once, &op);
  }
}
