//===- VerifyCut.cpp - nothing of the model is left out or done twice ------===//
//
// In:  the stages' programs, as pipe-cut wrote them, and `pipe.whole`: what the program was before.
// Out: the same, or an error: a layer that is missing or done twice in a micro-batch, forward or backward; a
//      message of another micro-batch; a weight that no stage owns, or two do.
// Not here: what the values are (interpreter), whether messages can be waited for (exec-verify-stages).
//
// Shares no code with what cuts. A call is known by its callee and the weights it was given or that made what
// it was given: `block_backward(h.3)`. Its micro-batch is where its activations came from: constants number
// micro-batches, and from there they are followed through calls and messages, all stages in turn.
//
//===----------------------------------------------------------------------===//

#include "compiler/transforms/pipe/VerifyCut.h"

#include "compiler/transforms/pipe/Passes.h"

#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringExtras.h"
#include <map>
#include <set>

namespace pipes {
#define GEN_PASS_DEF_PIPEVERIFYCUT
#include "compiler/transforms/pipe/Passes.h.inc"
} // namespace pipes

using namespace mlir;
using namespace pipes;

namespace {
using Names = std::set<std::string>;
using Counts = std::map<std::string, int64_t>;

/// The weights that calls of one function are known by.
class Labels {
public:
  std::string of(nn::CallOp call) {
    const Names names = ofCall(call);
    return call.getCallee().str() + "(" + llvm::join(names, ", ") + ")";
  }

private:
  /// Of what the call was given, but gradients: they are added up over all calls.
  Names ofCall(nn::CallOp call) {
    auto [known, isNew] = calls.try_emplace(call);
    if (!isNew)
      return known->second;
    Names names;
    nn::FuncOp callee = calleeOf(call);
    for (OpOperand &operand : call->getOpOperands())
      if (isa<nn::BundleType>(operand.get().getType()) &&
          kindOfArgument(callee, operand.getOperandNumber()) != nn::kindGradient)
        names.merge(ofValue(operand.get()));
    return calls[call] = names;
  }

  Names ofValue(Value value) {
    if (auto argument = dyn_cast<BlockArgument>(value)) {
      auto func = dyn_cast<nn::FuncOp>(argument.getOwner()->getParentOp());
      DictionaryAttr attributes = func ? func.getArgAttrDict(argument.getArgNumber()) : DictionaryAttr();
      if (nn::kindIn(attributes) != nn::kindParameter)
        return {};
      return {nn::bundleNameOf(attributes).str()};
    }
    Operation *op = value.getDefiningOp();
    if (auto call = dyn_cast<nn::CallOp>(op))
      return kindOfResult(calleeOf(call), cast<OpResult>(value).getResultNumber()) == nn::kindGradient
                 ? Names()
                 : ofCall(call);
    Names names;
    if (isa<nn::PackOp, nn::UnpackOp>(op))
      for (Value operand : op->getOperands())
        names.merge(ofValue(operand));
    return names;
  }

  llvm::DenseMap<Operation *, Names> calls;
};

Counts callsIn(nn::FuncOp func) {
  Labels labels;
  Counts counts;
  for (auto call : func.getBody().getOps<nn::CallOp>())
    ++counts[labels.of(call)];
  return counts;
}

/// Which micro-batches what a stage's @step does is of: followed from the constants that number them.
class Follower {
public:
  Follower(ArrayRef<nn::FuncOp> steps) : steps(steps) {
    for (nn::FuncOp step : steps)
      next.push_back(&step.getBody().front().front());
  }

  /// All stages in turn, each as far as messages allow: what is received is waited for where it is read.
  /// False if they come to no end.
  bool run() {
    for (bool moved = true; moved;) {
      moved = false;
      for (auto [stage, op] : llvm::enumerate(next))
        for (; op && visit(static_cast<int>(stage), op); op = op->getNextNode())
          moved = true;
    }
    return llvm::all_of(next, [](Operation *op) { return !op; });
  }

  const std::set<int64_t> &of(nn::CallOp call) { return microbatches[call]; }

private:
  bool visit(int stage, Operation *op) {
    std::set<int64_t> all;
    for (Value operand : op->getOperands())
      if (auto receive = operand.getDefiningOp<ReceiveOp>()) {
        auto sent = messages.find({receive.getFrom(), stage, receive.getMessage()});
        if (sent == messages.end())
          return false;
        values[operand] = sent->second;
      }
    for (OpOperand &operand : op->getOpOperands())
      if (carries(operand))
        if (auto found = values.find(operand.get()); found != values.end())
          all.insert(found->second.begin(), found->second.end());
    if (auto number = numberOf(op))
      all.insert(*number);
    if (auto send = dyn_cast<SendOp>(op))
      messages[{stage, send.getTo(), send.getMessage()}] = all;
    auto call = dyn_cast<nn::CallOp>(op);
    if (call)
      microbatches[call] = all;
    for (OpResult result : op->getResults())
      if (!call || kindOfResult(calleeOf(call), result.getResultNumber()) != nn::kindGradient)
        values[result] = all;
    return true;
  }

  /// Weights and sums of gradients are of all micro-batches, or of none.
  static bool carries(OpOperand &operand) {
    auto call = dyn_cast<nn::CallOp>(operand.getOwner());
    StringRef kind = call ? kindOfArgument(calleeOf(call), operand.getOperandNumber()) : StringRef();
    return kind != nn::kindGradient && kind != nn::kindParameter;
  }

  /// The number that a scalar constant of the step's counter is.
  static std::optional<int64_t> numberOf(Operation *op) {
    auto map = dyn_cast<nn::MapOp>(op);
    if (!map || map.getNumOperands() != 0 || map.getNumResults() != 1)
      return std::nullopt;
    auto type = cast<nn::NamedTensorType>(map.getResult(0).getType());
    Operation *made = map.getBody().front().getTerminator()->getOperand(0).getDefiningOp();
    auto constant = made ? made->getAttrOfType<IntegerAttr>("value") : IntegerAttr();
    return type.isScalar() && constant && type.getElementType().isInteger(64)
               ? std::optional(constant.getInt())
               : std::nullopt;
  }

  ArrayRef<nn::FuncOp> steps;
  SmallVector<Operation *> next; // of each stage; null at the end
  llvm::DenseMap<Value, std::set<int64_t>> values;
  llvm::DenseMap<Operation *, std::set<int64_t>> microbatches;
  std::map<std::tuple<int64_t, int64_t, int64_t>, std::set<int64_t>> messages; // from, to, number
};

class Verifier {
public:
  Verifier(ModuleOp module, DictionaryAttr whole) : module(module), whole(whole) {
    stages = stagesOf(module);
  }

  LogicalResult run() { return failure(failed(checkOwners()) || failed(checkStep()) || failed(checkEval())); }

private:
  LogicalResult fail(const Twine &message) { return module.emitError() << "the cut is wrong: " << message; }

  Counts expected(StringRef key) const {
    Counts counts;
    for (NamedAttribute entry : whole.getAs<DictionaryAttr>(key))
      counts[entry.getName().str()] = cast<IntegerAttr>(entry.getValue()).getInt();
    return counts;
  }

  LogicalResult compare(const Counts &found, const Counts &wanted, const Twine &where) {
    for (auto &[label, count] : wanted) {
      const auto here = found.find(label);
      if (const int64_t times = here == found.end() ? 0 : here->second; times != count)
        return fail(label + " is done " + Twine(times) + " times" + where + ", not " + Twine(count));
    }
    for (auto &[label, count] : found)
      if (!wanted.contains(label))
        return fail(label + " is done" + where + ", which the whole program does not");
    return success();
  }

  LogicalResult checkOwners() {
    for (StringRef entry : {"step", "init"}) {
      std::map<std::string, SmallVector<int64_t>> owners;
      for (auto [stage, program] : llvm::enumerate(stages))
        if (auto func = program.lookupSymbol<nn::FuncOp>(entry))
          for (unsigned index = 0; index < func.getNumResults(); ++index)
            if (DictionaryAttr attributes = func.getResultAttrDict(index);
                nn::kindIn(attributes) == nn::kindParameter && !attributes.contains(copyAttrName))
              owners[nn::bundleNameOf(attributes).str()].push_back(static_cast<int64_t>(stage));
      for (auto name : whole.getAs<ArrayAttr>("weights").getAsRange<StringAttr>()) {
        const auto &list = owners[name.str()];
        if (list.empty())
          return fail("no stage owns the weights of '" + name.getValue() + "' in @" + entry);
        if (list.size() > 1)
          return fail("the weights of '" + name.getValue() + "' have several owners, stages " +
                      Twine(list[0]) + " and " + Twine(list[1]) + ", in @" + entry);
      }
      if (owners.size() != whole.getAs<ArrayAttr>("weights").size())
        return fail("there are weights that the whole program does not have");
    }
    return success();
  }

  LogicalResult checkStep() {
    SmallVector<nn::FuncOp> steps;
    for (ModuleOp program : stages)
      steps.push_back(program.lookupSymbol<nn::FuncOp>("step"));
    Follower follower(steps);
    if (!follower.run())
      return fail("some stage of @step receives what no other sends");
    const Counts inMicro = expected("micro"), once = expected("step");
    std::map<int64_t, Counts> byMicrobatch;
    Counts others;
    for (nn::FuncOp step : steps) {
      Labels labels;
      for (auto call : step.getBody().getOps<nn::CallOp>()) {
        const std::string label = labels.of(call);
        const std::set<int64_t> &of = follower.of(call);
        if (!inMicro.contains(label))
          ++others[label];
        else if (of.size() == 1)
          ++byMicrobatch[*of.begin()][label];
        else
          return fail(label + " is given values of " + Twine(of.size()) + " micro-batches");
      }
    }
    const int64_t microbatches = whole.getAs<IntegerAttr>("microbatches").getInt();
    for (int64_t number = 0; number < microbatches; ++number)
      if (failed(compare(byMicrobatch[number], inMicro, " in micro-batch " + Twine(number))))
        return failure();
    if (static_cast<int64_t>(byMicrobatch.size()) != microbatches)
      return fail("there is a micro-batch too many");
    return compare(others, once, " behind the micro-batches");
  }

  LogicalResult checkEval() {
    Counts counts;
    for (ModuleOp program : stages)
      for (auto &[label, count] : callsIn(program.lookupSymbol<nn::FuncOp>("eval")))
        counts[label] += count;
    return compare(counts, expected("eval"), " in @eval");
  }

  ModuleOp module;
  DictionaryAttr whole;
  SmallVector<ModuleOp> stages;
};

struct VerifyCut : pipes::impl::PipeVerifyCutBase<VerifyCut> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    auto whole = module->getAttrOfType<DictionaryAttr>(wholeAttrName);
    if (!whole)
      return;
    if (failed(Verifier(module, whole).run()))
      signalPassFailure();
    module->removeAttr(wholeAttrName);
  }
};
} // namespace

DictionaryAttr pipes::describeWhole(ModuleOp module, int64_t microbatches) {
  Builder builder(module.getContext());
  auto toAttribute = [&](const Counts &counts) {
    NamedAttrList list;
    for (auto &[label, count] : counts)
      list.set(label, builder.getI64IntegerAttr(count));
    return list.getDictionary(module.getContext());
  };
  auto step = module.lookupSymbol<nn::FuncOp>("step");
  SmallVector<Attribute> weights;
  for (unsigned index = 0; index < step.getNumArguments(); ++index)
    if (kindOfArgument(step, index) == nn::kindParameter)
      weights.push_back(builder.getStringAttr(nn::bundleNameOf(step.getArgAttrDict(index))));
  NamedAttrList whole;
  whole.set("weights", builder.getArrayAttr(weights));
  whole.set("microbatches", builder.getI64IntegerAttr(microbatches));
  whole.set("micro", toAttribute(callsIn(module.lookupSymbol<nn::FuncOp>("micro"))));
  whole.set("step", toAttribute(callsIn(step)));
  whole.set("eval", toAttribute(callsIn(module.lookupSymbol<nn::FuncOp>("eval"))));
  return whole.getDictionary(module.getContext());
}
