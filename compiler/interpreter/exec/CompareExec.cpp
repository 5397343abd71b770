//===- CompareExec.cpp - does an exec program compute what one device would ===//

#include "compiler/interpreter/exec/CompareExec.h"

#include "dialects/nn/EvaluateLoops.h"

using namespace mlir;
using namespace shardc::interpreter;

namespace {

class Pair {
public:
  Pair(ModuleOp global, ModuleOp exec, const CompareOptions &options)
      : options(options), module(exec), one(global, Mesh(), {options.seed, options.inputs}),
        program(exec, options.seed) {
    program.setInputs(options.inputs);
  }

  FailureOr<Comparison> compare();

private:
  LogicalResult compareState(const std::string &when);
  LogicalResult compareKind(const std::string &what, StringRef kind, const NamedValues &references);
  LogicalResult compareGradients();
  LogicalResult compareScalars(ArrayRef<StringRef> kinds, const NamedValues &references);
  LogicalResult step(int64_t number);

  const CompareOptions &options;
  ModuleOp module;
  Training one;
  ExecInterpreter program;
  Data state, beforeStep;
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

LogicalResult Pair::compareKind(const std::string &what, StringRef kind, const NamedValues &references) {
  FailureOr<NamedValues> values = program.tensors(kind);
  if (failed(values))
    return failure();
  FailureOr<NamedValues> ordered = inOrderOf(module, references, *values);
  if (failed(ordered))
    return failure();
  comparison.add(what, *ordered, references);
  return success();
}

LogicalResult Pair::compareState(const std::string &when) {
  return failure(
      failed(compareKind("weight" + when, nn::kindParameter, one.namesOf(state, nn::kindParameter))) ||
      failed(
          compareKind("moment" + when, nn::kindOptimizerState, one.namesOf(state, nn::kindOptimizerState))));
}

/// A gradient that the program has no use for after its last sum is not kept.
LogicalResult Pair::compareGradients() {
  FailureOr<NamedValues> references = one.gradients(beforeStep);
  if (failed(references))
    return failure();
  llvm::StringMap<const NamedValue *> byName;
  for (const NamedValue &reference : *references)
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

LogicalResult Pair::compareScalars(ArrayRef<StringRef> kinds, const NamedValues &references) {
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

LogicalResult Pair::step(int64_t number) {
  beforeStep = state;
  NamedValues scalars;
  FailureOr<Data> next = one.step(number, state, scalars);
  if (failed(next) || failed(program.run("step", number)))
    return failure();
  state = *next;
  return compareScalars({"loss", "grad_norm", "learning_rate"}, scalars);
}

FailureOr<Comparison> Pair::compare() {
  FailureOr<Data> initial = one.init();
  if (failed(initial) || failed(program.run("init")))
    return failure();
  state = *initial;
  if (failed(compareState(" at the start")))
    return failure();
  state = one.perturbed(*initial, options.seed);
  if (failed(program.writeTensors(nn::kindParameter, one.namesOf(state, nn::kindParameter))))
    return failure();
  for (int64_t number = 0; number < options.steps; ++number) {
    if (failed(step(number)))
      return failure();
    std::string when = number == 0 ? " after 1 step" : " after " + std::to_string(number + 1) + " steps";
    if (number == 0 && failed(compareGradients()))
      return failure();
    if ((number == 0 || number + 1 == options.steps) && failed(compareState(when)))
      return failure();
  }
  FailureOr<NamedValues> evaluated = one.evaluate(state);
  if (failed(evaluated) || failed(program.run("eval")) ||
      failed(compareScalars({"loss", "count"}, *evaluated)))
    return failure();
  return comparison;
}

FailureOr<Comparison> shardc::interpreter::compareExecWithGlobal(ModuleOp global, ModuleOp exec,
                                                                 const CompareOptions &options) {
  return Pair(global, exec, options).compare();
}
