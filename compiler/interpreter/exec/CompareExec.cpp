//===- CompareExec.cpp - does an exec program compute what one device would ===//

#include "compiler/interpreter/exec/CompareExec.h"

#include "dialects/nn/EvaluateLoops.h"

using namespace mlir;
using namespace shardc::interpreter;

namespace {

class Judgement {
public:
  Judgement(const OneDevice &one, ModuleOp exec, const CompareOptions &options)
      : one(one), options(options), module(exec), program(exec, options.seed) {
    program.setInputs(options.inputs);
  }

  FailureOr<Comparison> compare();

private:
  LogicalResult compareState(const std::string &when, const OneDevice::State &references);
  LogicalResult compareKind(const std::string &what, StringRef kind, const NamedValues &references);
  LogicalResult compareGradients();
  LogicalResult compareScalars(ArrayRef<StringRef> kinds, const NamedValues &references);
  LogicalResult compareStep(size_t number);
  bool isDone() const { return options.stopWhenOff && !comparison.passes(); }

  const OneDevice &one;
  const CompareOptions &options;
  ModuleOp module;
  ExecInterpreter program;
  Comparison comparison;
};

/// `value` with the axes in the order that `reference` has: exec-layout chose another one.
NamedValue arrangedLike(const NamedValue &reference, const NamedValue &value) {
  NamedValue arranged = value;
  arranged.value = reference.value;
  arranged.value.values = nn::arrange(value.value, nn::nestOf(reference.value));
  return arranged;
}

/// The values of `names`, in their order.
FailureOr<NamedValues> inOrderOf(ModuleOp module, const NamedValues &names, const NamedValues &values) {
  llvm::StringMap<const NamedValue *> byName;
  for (const NamedValue &value : values)
    byName[value.name] = &value;
  NamedValues ordered;
  for (const NamedValue &name : names) {
    const NamedValue *value = byName.lookup(name.name);
    if (!value)
      return module.emitError() << "the exec program has no tensor '" << name.name << "'", failure();
    ordered.push_back(arrangedLike(name, *value));
  }
  return ordered;
}

} // namespace

LogicalResult Judgement::compareKind(const std::string &what, StringRef kind, const NamedValues &references) {
  FailureOr<NamedValues> values = program.tensors(kind);
  if (failed(values))
    return failure();
  FailureOr<NamedValues> ordered = inOrderOf(module, references, *values);
  if (failed(ordered))
    return failure();
  comparison.add(what, *ordered, references);
  return success();
}

LogicalResult Judgement::compareState(const std::string &when, const OneDevice::State &references) {
  return failure(failed(compareKind("weight" + when, nn::kindParameter, references.weights)) ||
                 failed(compareKind("state" + when, nn::kindOptimizerState, references.states)));
}

/// A gradient that the program has no use for after its last sum is not kept.
LogicalResult Judgement::compareGradients() {
  llvm::StringMap<const NamedValue *> byName;
  for (const NamedValue &reference : one.gradients)
    byName[reference.name] = &reference;
  for (auto global : module.getOps<exec::GlobalOp>()) {
    if (global.getKind() != nn::kindGradient || !program.isWritten(global))
      continue;
    FailureOr<NamedValues> values = program.tensorsOf(global);
    if (failed(values))
      return failure();
    NamedValues wanted;
    for (NamedValue &value : *values) {
      const NamedValue *reference = byName.lookup(value.name);
      if (!reference)
        return global.emitOpError() << "has a gradient of '" << value.name << "', which is no weight";
      value = arrangedLike(*reference, value);
      wanted.push_back(*reference);
    }
    comparison.add("gradient", *values, wanted);
  }
  return success();
}

LogicalResult Judgement::compareScalars(ArrayRef<StringRef> kinds, const NamedValues &references) {
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

LogicalResult Judgement::compareStep(size_t number) {
  const OneDevice::Step &reference = one.steps[number];
  if (failed(program.run("step", static_cast<int64_t>(number))) ||
      failed(compareScalars({"loss", "grad_norm", "learning_rate"}, reference.scalars)))
    return failure();
  std::string when = number == 0 ? " after 1 step" : " after " + std::to_string(number + 1) + " steps";
  bool isFirst = number == 0, isLast = number + 1 == one.steps.size();
  return failure((isFirst && failed(compareGradients())) ||
                 ((isFirst || isLast) && failed(compareState(when, reference.after))));
}

FailureOr<Comparison> Judgement::compare() {
  if (failed(program.run("init")) || failed(compareState(" at the start", one.initial)) ||
      failed(program.writeTensors(nn::kindParameter, one.weights)))
    return failure();
  for (size_t number = 0; number < one.steps.size() && !isDone(); ++number)
    if (failed(compareStep(number)))
      return failure();
  if (!isDone() && (failed(program.run("eval")) || failed(compareScalars({"loss", "count"}, one.evaluated))))
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
