//===- SplitBackward.cpp - the gradient of the input, and that of the weights ===//
//
// In:  @micro; `pipe.schedule`: a schedule that splits the backward.
// Out: where @micro called a function that returns gradients of its input and adds to those of weights, it
//      calls two. The first is what other stages wait for. The second adds to the gradients of weights, which
//      nobody waits for, and takes what the first has carried to it. Functions that these call are split
//      alike. What only adds to gradients of weights, as an embedding's backward does, stays whole.
// Not here: when which of them runs (the schedule, StageSteps).
//
//   %d_x, %g = call @f_backward(%x, %weights, %saved, %d_y, %gradients)
//
//   %d_x, %carried = call @f_backward_input(%x, %weights, %saved, %d_y)
//   %g             = call @f_backward_weights(%x, %saved, %d_y, %carried, %gradients)
//
// The first half is what its results depend on, and the second all else. What the second reads of the first
// is carried where the forward would have kept its like for the backward, and computed again otherwise.
//
//===----------------------------------------------------------------------===//

#include "compiler/transforms/nn/Cleanup.h"
#include "compiler/transforms/nn/SavedPolicy.h"
#include "compiler/transforms/nn/WriteFunction.h"
#include "compiler/transforms/pipe/Passes.h"
#include "compiler/transforms/pipe/PlanPipeline.h"
#include "dialects/nn/Build.h"

#include "mlir/IR/IRMapping.h"

namespace pipes {
#define GEN_PASS_DEF_PIPESPLITBACKWARD
#include "compiler/transforms/pipe/Passes.h.inc"
} // namespace pipes

using namespace mlir;
using namespace pipes;

namespace {

/// The two functions that one was split into.
struct Halves {
  nn::FuncOp input, weights;
  SmallVector<unsigned> inputArguments, weightsArguments; // of the whole, that each takes
  std::optional<unsigned> carried;                        // the argument of `weights` that is carried to it
};

/// A call, and the two that can stand for it.
struct SplitCall {
  nn::CallOp whole, input, weights;
};

llvm::BitVector gradientResults(nn::FuncOp func) {
  llvm::BitVector gradients(func.getNumResults());
  for (unsigned index = 0; index < func.getNumResults(); ++index)
    gradients[index] = kindOfResult(func, index) == nn::kindGradient;
  return gradients;
}

bool isGradientArgument(nn::FuncOp func, unsigned index) {
  return kindOfArgument(func, index) == nn::kindGradient;
}

/// The ops that `value` depends on.
void collect(Value value, llvm::SetVector<Operation *> &ops) {
  Operation *op = value.getDefiningOp();
  if (!op || !ops.insert(op))
    return;
  op->walk([&](Operation *inner) {
    for (Value operand : inner->getOperands())
      collect(operand, ops);
  });
}

/// Removes results of a function and what is returned there.
void eraseResults(nn::FuncOp func, const llvm::BitVector &results) {
  func.getReturn()->eraseOperands(results);
  func.eraseResults(results);
}

/// Removes arguments that nobody reads; the others, by number.
SmallVector<unsigned> eraseUnusedArguments(nn::FuncOp func) {
  SmallVector<unsigned> left;
  llvm::BitVector unused(func.getNumArguments());
  for (BlockArgument argument : func.getArguments())
    if (argument.use_empty())
      unused.set(argument.getArgNumber());
    else
      left.push_back(argument.getArgNumber());
  func.eraseArguments(unused);
  return left;
}

std::string carriedName(Value value) {
  if (!isa<nn::BundleType>(value.getType()) || !nn::nameOf(value).empty())
    return nn::nameOf(value).str();
  return "carried";
}

class Splitter {
public:
  explicit Splitter(ModuleOp module) : symbols(module), policy(nn::keepDearPolicy()) {}

  /// Splits calls of `func`, each into two.
  FailureOr<SmallVector<SplitCall>> splitCalls(nn::FuncOp func);
  /// Removes functions that are only used in halves now.
  void eraseReplaced();

private:
  /// The halves of a function; null where it stays whole.
  FailureOr<const Halves *> halvesOf(nn::FuncOp func);
  LogicalResult halve(nn::FuncOp func, Halves &halves);
  /// A function with the body of `both`, in front of `next`, whose results `without` are gone.
  nn::FuncOp half(nn::FuncOp both, StringRef name, const llvm::BitVector &without, nn::FuncOp next,
                  IRMapping &copies);
  SplitCall splitCall(nn::CallOp call, const Halves &halves);

  SymbolTable symbols;
  std::unique_ptr<nn::SavedPolicy> policy;
  llvm::MapVector<Operation *, std::unique_ptr<Halves>> known; // null: stays whole
};

//===-- calls --------------------------------------------------------------===//

SplitCall Splitter::splitCall(nn::CallOp call, const Halves &halves) {
  OpBuilder builder(call);
  llvm::BitVector gradients = gradientResults(symbols.lookup<nn::FuncOp>(call.getCallee()));
  std::vector<std::string> names[2]; // of the results of either half
  for (auto [index, result] : llvm::enumerate(call.getResults()))
    names[gradients[index]].push_back(nn::nameOf(result).str());
  if (halves.carried)
    names[0].push_back(names[0][0].empty() ? "" : names[0][0] + "_carried");
  auto locOf = [&](ArrayRef<std::string> all) {
    return llvm::all_of(all, [](StringRef name) { return name.empty(); }) ? call.getLoc()
                                                                          : nn::namedAll(call.getLoc(), all);
  };
  auto operandsAt = [&](ArrayRef<unsigned> arguments) {
    return llvm::map_to_vector(arguments, [&](unsigned index) { return call.getOperand(index); });
  };
  auto input = builder.create<nn::CallOp>(locOf(names[0]), halves.input, operandsAt(halves.inputArguments));
  SmallVector<Value> operands = operandsAt(halves.weightsArguments);
  if (halves.carried)
    operands.insert(operands.begin() + *halves.carried, input.getResults().back());
  auto weights = builder.create<nn::CallOp>(locOf(names[1]), halves.weights, operands);
  unsigned next[2] = {0, 0};
  for (auto [index, result] : llvm::enumerate(call.getResults()))
    result.replaceAllUsesWith((gradients[index] ? weights : input).getResult(next[gradients[index]]++));
  return {call, input, weights};
}

FailureOr<SmallVector<SplitCall>> Splitter::splitCalls(nn::FuncOp func) {
  SmallVector<SplitCall> split;
  for (auto call : llvm::to_vector(func.getBody().getOps<nn::CallOp>())) {
    FailureOr<const Halves *> halves = halvesOf(symbols.lookup<nn::FuncOp>(call.getCallee()));
    if (failed(halves))
      return failure();
    if (*halves)
      split.push_back(splitCall(call, **halves));
  }
  return split;
}

/// Undoes `splitCall`.
static void makeWhole(SplitCall &call, const llvm::BitVector &gradients) {
  unsigned next[2] = {0, 0};
  for (auto [index, result] : llvm::enumerate(call.whole->getResults())) {
    nn::CallOp from = gradients[index] ? call.weights : call.input;
    from.getResult(next[gradients[index]]++).replaceAllUsesWith(result);
  }
  call.weights->erase();
  call.input->erase();
}

//===-- functions ----------------------------------------------------------===//

FailureOr<const Halves *> Splitter::halvesOf(nn::FuncOp func) {
  if (auto found = known.find(func); found != known.end())
    return found->second.get();
  llvm::BitVector gradients = gradientResults(func);
  std::unique_ptr<Halves> halves;
  if (gradients.any() && !gradients.all()) {
    halves = std::make_unique<Halves>();
    if (failed(halve(func, *halves)))
      return failure();
  }
  return (known[func] = std::move(halves)).get();
}

nn::FuncOp Splitter::half(nn::FuncOp both, StringRef name, const llvm::BitVector &without, nn::FuncOp next,
                          IRMapping &copies) {
  auto func = cast<nn::FuncOp>(both->clone(copies));
  func.setSymName(nn::freshName(symbols, name));
  symbols.insert(func, next->getIterator());
  eraseResults(func, without);
  return func;
}

LogicalResult Splitter::halve(nn::FuncOp func, Halves &halves) {
  // A copy whose calls are split, where that is of use: a callee's gradient of the input that this function's
  // does not depend on is no half.
  auto both = cast<nn::FuncOp>(func->clone());
  both.setSymName(nn::freshName(symbols, (func.getSymName() + "_both").str()));
  symbols.insert(both, std::next(func->getIterator()));
  FailureOr<SmallVector<SplitCall>> calls = splitCalls(both);
  if (failed(calls))
    return failure();
  const llvm::BitVector gradients = gradientResults(both);
  llvm::SetVector<Operation *> ofInput;
  for (auto [index, returned] : llvm::enumerate(both.getReturn().getOperands()))
    if (!gradients[index])
      collect(returned, ofInput);
  for (SplitCall &call : *calls)
    if (!ofInput.contains(call.input))
      makeWhole(call, gradientResults(symbols.lookup<nn::FuncOp>(call.whole.getCallee())));
    else
      call.whole->erase();
  for (BlockArgument argument : both.getArguments())
    if (isGradientArgument(both, argument.getArgNumber()))
      for (Operation *user : argument.getUsers())
        if (ofInput.contains(user))
          return user->emitError() << "the gradient of an input of @" << func.getSymName()
                                   << " depends on those of weights: it can't be split";

  // The weights' half takes all that could be carried, at first.
  IRMapping ofWeights, ofFirst;
  halves.weights =
      half(both, (func.getSymName() + "_weights").str(), llvm::BitVector(gradients).flip(), both, ofWeights);
  SmallVector<Value> offered;
  const unsigned numArguments = both.getNumArguments();
  for (Operation &op : both.getBody().front().without_terminator())
    if (ofInput.contains(&op) && policy->keepsResults(op))
      for (Value result : op.getResults()) {
        offered.push_back(result);
        Value inside = ofWeights.lookup(result);
        halves.weights.insertArgument(halves.weights.getNumArguments(), result.getType(), {},
                                      inside.getLoc());
        inside.replaceAllUsesWith(halves.weights.getArguments().back());
      }
  nn::cleanUp(halves.weights);
  SmallVector<Value> carried; // of `both`
  SmallVector<std::string> names;
  SmallVector<Value> standIns;
  for (auto [value, argument] :
       llvm::zip(offered, llvm::drop_begin(halves.weights.getArguments(), numArguments)))
    if (!argument.use_empty()) {
      carried.push_back(value);
      names.push_back(carriedName(value));
      standIns.push_back(argument);
    }
  nn::BundleType bundle;
  if (!carried.empty()) {
    StringRef base = func.getSymName();
    base.consume_back("_backward");
    bundle = nn::bundleOf((base + "_carried").str(), names, ValueRange(carried).getTypes());
    // Before the gradients, as what is saved.
    unsigned at = 0;
    while (at < numArguments && !isGradientArgument(halves.weights, at))
      ++at;
    halves.weights.insertArgument(at, bundle, {}, nn::named(func.getLoc(), "carried"));
    auto unpack = OpBuilder::atBlockBegin(&halves.weights.getBody().front())
                      .create<nn::UnpackOp>(func.getLoc(), halves.weights.getArgument(at));
    for (auto [standIn, field] : llvm::zip(standIns, unpack.getResults()))
      standIn.replaceAllUsesWith(field);
    halves.weightsArguments = eraseUnusedArguments(halves.weights);
    auto place = llvm::find(halves.weightsArguments, at);
    halves.carried = place - halves.weightsArguments.begin();
    halves.weightsArguments.erase(place);
    for (unsigned &number : halves.weightsArguments)
      number -= number > at;
  } else {
    halves.weightsArguments = eraseUnusedArguments(halves.weights);
  }

  halves.input = half(both, (func.getSymName() + "_input").str(), gradients, halves.weights, ofFirst);
  if (bundle) {
    nn::ReturnOp ret = halves.input.getReturn();
    SmallVector<Value> fields =
        llvm::map_to_vector(carried, [&](Value value) { return ofFirst.lookup(value); });
    OpBuilder builder(ret);
    ret->insertOperands(ret->getNumOperands(), Value(builder.create<nn::PackOp>(
                                                   nn::named(ret.getLoc(), "carried"), bundle, fields)));
    halves.input.insertResult(halves.input.getNumResults(), bundle, DictionaryAttr());
  }
  nn::cleanUp(halves.input);
  halves.inputArguments = eraseUnusedArguments(halves.input);
  symbols.erase(both);
  return success();
}

void Splitter::eraseReplaced() {
  for (auto &[func, halves] : llvm::reverse(known))
    if (halves && SymbolTable::symbolKnownUseEmpty(func, symbols.getOp()))
      symbols.erase(func);
}

struct SplitBackward : pipes::impl::PipeSplitBackwardBase<SplitBackward> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    auto micro = module.lookupSymbol<nn::FuncOp>("micro");
    if (!micro || !splitsBackward(module))
      return;
    Splitter splitter(module);
    FailureOr<SmallVector<SplitCall>> calls = splitter.splitCalls(micro);
    if (failed(calls))
      return signalPassFailure();
    for (SplitCall &call : *calls)
      call.whole->erase();
    splitter.eraseReplaced();
  }
};

} // namespace
