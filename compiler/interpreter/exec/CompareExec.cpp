//===- CompareExec.cpp - does an exec program compute what one device would ===//

#include "compiler/interpreter/exec/CompareExec.h"

#include "compiler/interpreter/exec/ExecStages.h"

using namespace mlir;
using namespace shardc::interpreter;

namespace {

class Judgement {
public:
  Judgement(const OneDevice &one, ModuleOp exec, const CompareOptions &options)
      : one(one), options(options), module(exec), programs(exec, options.seed, options.inputs) {}

  FailureOr<Comparison> compare();

private:
  LogicalResult compareState(const std::string &when, const OneDevice::State &references);
  LogicalResult compareKind(const std::string &what, StringRef kind, const NamedValues &references);
  LogicalResult compareGradients();
  LogicalResult compareScalars(ArrayRef<StringRef> kinds, const NamedValues &references);
  LogicalResult compareStep(size_t number);
  LogicalResult writeWeights();
  bool isDone() const { return options.stopWhenOff && !comparison.passes(); }

  const OneDevice &one;
  const CompareOptions &options;
  ModuleOp module;
  ExecStages programs;
  Comparison comparison;
};

} // namespace

LogicalResult Judgement::compareKind(const std::string &what, StringRef kind, const NamedValues &references) {
  NamedValues values;
  for (ExecInterpreter &program : programs) {
    FailureOr<NamedValues> own = program.tensors(kind);
    if (failed(own))
      return failure();
    llvm::append_range(values, *own);
  }
  FailureOr<Pairs> pairs = pairUp(module, values, references);
  if (failed(pairs) || failed(expectAll(module, values, references)))
    return failure();
  comparison.add(what, pairs->values, pairs->references);
  return success();
}

LogicalResult Judgement::compareState(const std::string &when, const OneDevice::State &references) {
  return failure(failed(compareKind("weight" + when, nn::kindParameter, references.weights)) ||
                 failed(compareKind("state" + when, nn::kindOptimizerState, references.states)));
}

/// A gradient that the program has no use for after its last sum is not kept.
LogicalResult Judgement::compareGradients() {
  for (ExecInterpreter &program : programs)
    for (auto global : program.getModule().getOps<exec::GlobalOp>()) {
      if (global.getKind() != nn::kindGradient || !program.isWritten(global))
        continue;
      FailureOr<NamedValues> values = program.tensorsOf(global);
      if (failed(values))
        return failure();
      FailureOr<Pairs> pairs = pairUp(module, *values, one.gradients);
      if (failed(pairs))
        return failure();
      comparison.add("gradient", pairs->values, pairs->references);
    }
  return success();
}

LogicalResult Judgement::compareScalars(ArrayRef<StringRef> kinds, const NamedValues &references) {
  for (ExecInterpreter &program : programs)
    for (auto [kind, reference] : llvm::zip_equal(kinds, references)) {
      FailureOr<double> value = program.scalar(kind);
      if (failed(value))
        return failure();
      NamedValue own = reference;
      own.value.set({*value});
      comparison.add("scalar", {own}, {reference});
    }
  return success();
}

LogicalResult Judgement::writeWeights() {
  for (ExecInterpreter &program : programs)
    if (failed(program.writeTensors(nn::kindParameter, one.start.weights)))
      return failure();
  return success();
}

LogicalResult Judgement::compareStep(size_t number) {
  const OneDevice::Step &reference = one.steps[number];
  if (failed(programs.run("step", static_cast<int64_t>(number))) ||
      failed(compareScalars({"loss", "grad_norm", "learning_rate"}, reference.scalars)))
    return failure();
  std::string when = number == 0 ? " after 1 step" : " after " + std::to_string(number + 1) + " steps";
  bool isFirst = number == 0, isLast = number + 1 == one.steps.size();
  return failure((isFirst && failed(compareGradients())) ||
                 ((isFirst || isLast) && failed(compareState(when, reference.after))));
}

FailureOr<Comparison> Judgement::compare() {
  if (failed(programs.run("init")) || failed(compareState(" at the start", one.initial)) ||
      failed(writeWeights()))
    return failure();
  for (size_t number = 0; number < one.steps.size() && !isDone(); ++number)
    if (failed(compareStep(number)))
      return failure();
  if (!isDone() && (failed(programs.run("eval")) || failed(compareScalars({"loss", "count"}, one.evaluated))))
    return failure();
  return std::move(comparison);
}

FailureOr<Comparison> shardc::interpreter::compareExecWithGlobal(ModuleOp global, ModuleOp exec,
                                                                 const CompareOptions &options) {
  FailureOr<OneDevice> one = trainOnOneDevice(global, options.seed, options.inputs, options.steps);
  return failed(one) ? FailureOr<Comparison>(failure()) : compareExec(*one, exec, options);
}

FailureOr<Comparison> shardc::interpreter::compareExec(const OneDevice &one, ModuleOp exec,
                                                       const CompareOptions &options) {
  return Judgement(one, exec, options).compare();
}
