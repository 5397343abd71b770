//===- StageUpdate.cpp - @step of each stage: behind the tasks -------------===//
//
//   gradients of weights      of all chunks that use them, added by the owner
//   norm                      the squares of all stages' gradients, added by one
//   clipping, update          each op where its gradients are
//
// Chunks are added in the model's order, squares in that of the weights, each whole: received from another
// stage, or kept as if it were. So all schedules of a plan leave the same bits.
//
//===----------------------------------------------------------------------===//

#include "compiler/transforms/pipe/StageEntries.h"
#include "dialects/nn/Build.h"

using namespace mlir;
using namespace pipes;

static constexpr auto once = StagePrograms::once;

//===-- gradients ----------------------------------------------------------===//

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
      Value here = written.move(value, shape.stageOf(chunk), owner, nn::kindGradient);
      total[field] = total[field] ? nn::buildSum(builder, nn::locOf(value), total[field], here) : here;
    }
  return packOf(builder, argument, total);
}

//===-- norm ---------------------------------------------------------------===//

/// Whether a map adds its operands, scalars, and does nothing else.
static bool isSum(nn::MapOp map) {
  return map.getNumOperands() > 1 && map.getNumResults() == 1 &&
         llvm::all_of(map.getOperands(),
                      [](Value v) { return cast<nn::NamedTensorType>(v.getType()).isScalar(); }) &&
         llvm::all_of(map.getBody().front().without_terminator(), llvm::IsaPred<arith::AddFOp>);
}

static Value stack(OpBuilder &builder, Location loc, ArrayRef<Value> scalars) {
  auto type = cast<nn::NamedTensorType>(scalars[0].getType());
  auto term = builder.getStringAttr("term");
  auto axis = nn::AxisAttr::get(builder.getContext(), term, static_cast<int64_t>(scalars.size()), {});
  return builder.create<nn::StackOp>(loc, nn::NamedTensorType::get(type.getElementType(), axis), scalars,
                                     term);
}

static ResultRange unstack(OpBuilder &builder, Location loc, Value stacked, ArrayRef<std::string> names) {
  auto type = cast<nn::NamedTensorType>(stacked.getType());
  auto scalar = nn::NamedTensorType::get(type.getElementType(), ArrayRef<nn::AxisAttr>());
  SmallVector<Type> types(names.size(), scalar);
  return builder.create<nn::UnstackOp>(nn::namedAll(loc, names), types, stacked, type.getAxes()[0].getName())
      .getResults();
}

static SmallVector<std::string> namesOf(ValueRange values) {
  return llvm::map_to_vector(values, [](Value value) { return nn::nameOf(value).str(); });
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
  for (int stage = 0; stage <= last; ++stage)
    if (!own[stage].empty())
      moveTogether(written, own[stage], stage, last);
  written.run(last, once, sum);
  return true;
}

/// Scalars of one stage go to another, or are kept, as one tensor.
void StageEntries::moveTogether(StagePrograms &written, ArrayRef<Value> scalars, int from, int to) {
  SmallVector<Value> values =
      llvm::map_to_vector(scalars, [&](Value scalar) { return written.get(from, once, scalar); });
  Location loc = nn::locOf(scalars[0]);
  const bool isAlone = values.size() == 1;
  Value packed = isAlone ? values[0] : stack(written.builder(from), nn::named(loc, "squares"), values);
  Value there = written.move(packed, from, to);
  if (isAlone)
    values = {there};
  else
    values = unstack(written.builder(to), loc, there, namesOf(scalars));
  for (auto [scalar, value] : llvm::zip(scalars, values))
    written.know(to, once, scalar, value);
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
  for (auto [index, result] : llvm::enumerate(loop.getResults())) {
    // What @micro returns continues an argument: the loop hands it over at the same place.
    Value carried = loop.getBody().getArgument(index + 1);
    auto operand = llvm::find(microCall.getOperands(), carried) - microCall.getOperands().begin();
    BlockArgument argument = micro.getArgument(operand);
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
