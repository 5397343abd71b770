//===- MainSignature.cpp - what the arguments of @main are ----------------===//

#include "compiler/transforms/nn/MainSignature.h"

#include "compiler/transforms/nn/Activity.h"
#include "compiler/transforms/nn/StepScalars.h"

using namespace mlir;
using namespace nn;

static constexpr llvm::StringLiteral inputAttrName = "nn.input";

//===-- reading ------------------------------------------------------------===//

const ModuleFunctions *MainSignature::functionsFor(BundleType type, ArrayAttr parameters) {
  for (auto &[key, functions] : modules)
    if (key == std::pair(type, parameters))
      return functions.get();
  auto list = llvm::to_vector(parameters.getAsRange<ParameterAttr>());
  modules.emplace_back(std::pair(type, parameters), std::make_unique<ModuleFunctions>(writeModuleFunctions(
                                                        symbols, main.getLoc(), recipe, type, list)));
  return modules.back().second.get();
}

LogicalResult MainSignature::readParameters(BlockArgument argument) {
  unsigned index = argument.getArgNumber();
  auto type = dyn_cast<BundleType>(argument.getType());
  auto parameters = main.getArgAttrOfType<ArrayAttr>(index, parametersAttrName);
  bool isDescribed = parameters && type && parameters.size() == type.size() &&
                     llvm::all_of(parameters, llvm::IsaPred<ParameterAttr>);
  if (!isDescribed)
    return main.emitOpError() << "argument #" << index
                              << " holds parameters, it must be a bundle with one #nn.parameter a field";
  if (!carriesGradient(type))
    return main.emitOpError() << "argument #" << index << " holds no parameter that can be trained";
  std::string name = nameOf(argument.getLoc()).str();
  instances.push_back(
      {index, name.empty() ? "weights" : name, main.getArgAttrDict(index), functionsFor(type, parameters)});
  return success();
}

LogicalResult MainSignature::checkInputs() {
  bool hasLabels = false;
  for (unsigned index : inputs) {
    hasLabels |= main.getArgAttrOfType<StringAttr>(index, inputAttrName).getValue() == "labels";
    AxisAttr batch = cast<NamedTensorType>(main.getArgumentTypes()[index])
                         .find(StringAttr::get(main.getContext(), "batch"));
    if (!batch || batch.getSize() != recipe.microBatchSize())
      return main.emitOpError() << "input #" << index << " is "
                                << toString(cast<NamedTensorType>(main.getArgumentTypes()[index]))
                                << ", a micro-batch has batch=" << recipe.microBatchSize();
  }
  if (!hasLabels)
    return main.emitOpError() << "has no input 'labels' to count";
  return success();
}

LogicalResult MainSignature::read() {
  for (BlockArgument argument : main.getArguments()) {
    unsigned index = argument.getArgNumber();
    if (isa<KeyType>(argument.getType()))
      keyArgument = index;
    else if (main.getArgAttr(index, inputAttrName))
      inputs.push_back(index);
    else if (kindOfArgument(main, index) != kindParameter)
      return main.emitOpError() << "argument #" << index << " is neither an input, nor parameters, nor a key";
    else if (failed(readParameters(argument)))
      return failure();
  }
  if (instances.empty())
    return main.emitOpError() << "has no parameters to train";
  if (main.getNumResults() != 1 || !isa<NamedTensorType>(main.getResultTypes()[0]) ||
      !carriesGradient(main.getResultTypes()[0]))
    return main.emitOpError() << "must return one tensor, the loss of each element";
  return checkInputs();
}

//===-- slots of the step's functions --------------------------------------===//

Slot MainSignature::slotOf(const Instance &instance, StringRef kind, StringRef name, Type type) const {
  MLIRContext *context = type.getContext();
  NamedAttrList attrs(instance.attrs);
  attrs.set(kindAttrName, StringAttr::get(context, kind));
  return {type, name.str(), attrs.getDictionary(context)};
}

void MainSignature::addInputs(SmallVectorImpl<Slot> &slots) {
  for (unsigned index : inputs)
    slots.push_back({main.getArgumentTypes()[index], nameOf(main.getArgument(index).getLoc()).str(),
                     main.getArgAttrDict(index)});
}

void MainSignature::addParameters(SmallVectorImpl<Slot> &slots) const {
  for (const Instance &instance : instances)
    slots.push_back(slotOf(instance, kindParameter, instance.name, instance.functions->weights));
}

void MainSignature::addGradients(SmallVectorImpl<Slot> &slots) const {
  for (const Instance &instance : instances)
    slots.push_back(
        slotOf(instance, kindGradient, instance.with("gradients"), instance.functions->gradients));
}

void MainSignature::addStates(SmallVectorImpl<Slot> &slots) const {
  for (StringRef state : recipe.states())
    for (const Instance &instance : instances) {
      Slot slot = slotOf(instance, kindOptimizerState, instance.with(state), instance.functions->state);
      NamedAttrList attrs(slot.attrs);
      attrs.set(stateAttrName, StringAttr::get(slot.type.getContext(), state));
      slot.attrs = attrs.getDictionary(slot.type.getContext());
      slots.push_back(slot);
    }
}

SmallVector<DictionaryAttr> MainSignature::stateAttrs() const {
  SmallVector<Slot> slots;
  addParameters(slots);
  addStates(slots);
  return llvm::map_to_vector(slots, [](const Slot &slot) { return slot.attrs; });
}

//===-- values -------------------------------------------------------------===//

SmallVector<Value> MainSignature::arguments(ValueRange inputValues, ValueRange weights, Value key) {
  SmallVector<Value> values(main.getNumArguments());
  for (auto [index, value] : llvm::zip(inputs, inputValues))
    values[index] = value;
  for (auto [instance, value] : llvm::zip(instances, weights))
    values[instance.argument] = value;
  if (keyArgument)
    values[*keyArgument] = key;
  llvm::erase(values, Value());
  return values;
}

Value MainSignature::labelsAmong(ValueRange inputValues) {
  for (auto [index, value] : llvm::zip(inputs, inputValues))
    if (main.getArgAttrOfType<StringAttr>(index, inputAttrName).getValue() == "labels")
      return value;
  return {};
}

SmallVector<Value> MainSignature::readInputs(OpBuilder &builder, Value firstSample) {
  return llvm::map_to_vector(inputs, [&](unsigned index) -> Value {
    auto name = main.getArgAttrOfType<StringAttr>(index, inputAttrName);
    return builder.create<InputOp>(main.getArgument(index).getLoc(), main.getArgumentTypes()[index], name,
                                   firstSample);
  });
}
