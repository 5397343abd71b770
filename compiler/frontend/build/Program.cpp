//===- Program.cpp - instances of modules ---------------------------------===//
#include "compiler/frontend/build/Program.h"
#include "compiler/frontend/build/FunctionBuilder.h"

#include "dialects/nn/Padding.h"

#include <fmt/format.h>

using namespace mlir;

namespace shardc::frontend::build {

static Scope rootScope(const Job &job, const ScopedAxes *names = nullptr) {
  return Scope(job.model,
               {job.train.globalBatchSize.value / job.plan.microbatches.value, job.train.seqLen.value},
               names);
}

Program::Program(MLIRContext &context, const Job &job, Diagnostics &diags)
    : context(context), job(job), diags(diags), scopedAxes(job.plan, job.model),
      padding(job, rootScope(job)) {
  context.loadDialect<nn::NnDialect, arith::ArithDialect, math::MathDialect>();
  module = ModuleOp::create(place(job.model.name.at));
}

Location Program::place(const Position &at) {
  const std::string &file = at.file ? at.file->name : job.name;
  return FileLineColLoc::get(&context, file, at.line, at.column);
}

/// Names of functions that later passes write: `@step`, `@block_forward`.
static bool isWrittenByPasses(StringRef name) {
  static constexpr const char *whole[] = {"step", "eval", "init", "micro", "embed", "middle", "head"};
  static constexpr const char *endings[] = {
      "_forward", "_backward", "_saved",   "_gradients",      "_squared_norm",    "_update",
      "_init",    "_eval",     "_carried", "_backward_input", "_backward_weights"};
  return llvm::is_contained(whole, name) ||
         llvm::any_of(endings, [&](const char *ending) { return name.ends_with(ending); });
}

std::string Program::uniqueName(const std::string &module) {
  const std::string base = isWrittenByPasses(module) ? module + "_module" : module;
  std::string name = base;
  for (int i = 1; !names.insert(name).second; ++i)
    name = fmt::format("{}_{}", base, i);
  return name;
}

OwningOpRef<ModuleOp> Program::build() {
  const size_t before = diags.size();
  const Scope scope = rootScope(job, &scopedAxes);
  if (!checkModules(job.plan, scope, diags))
    return nullptr;
  const ModuleSpec &main = *job.model.module("main");
  std::vector<Argument> inputs;
  for (const Name &param : main.forward.params) {
    const InputSpec &input = *job.model.input(param.value);
    Type element = Builder(&context).getF32Type();
    if (input.dtype.value == "i32")
      element = Builder(&context).getI32Type();
    auto type = tensorType(element, input.axes, scope, padding, diags);
    if (!type)
      return nullptr;
    inputs.push_back({*type});
  }
  instance(main, scope, scope, inputs);
  if (DictionaryAttr valid = validSizes())
    (*module)->setAttr(nn::validSizesAttrName, valid);
  return diags.size() == before ? std::move(module) : nullptr;
}

/// `{vocab = 50257}` for each name of a padded axis in a weight; null where nothing is padded.
DictionaryAttr Program::validSizes() {
  NamedAttrList valid;
  for (const Instance &instance : instances)
    for (const Field &field : instance.fields)
      for (nn::AxisAttr axis : field.type.getAxes())
        if (const PaddedAxis *padded = padding.find(axis.getName().getValue()))
          valid.set(axis.getName(), Builder(&context).getI64IntegerAttr(padded->valid));
  return valid.empty() ? DictionaryAttr() : valid.getDictionary(&context);
}

bool Instance::returnsInNamesOf(const Scope &caller) {
  return llvm::all_of(resultType().names(),
                      [&](StringAttr name) { return caller.nameOf(name.getValue()) == name.getValue(); });
}

Instance *Program::instance(const ModuleSpec &spec, const Scope &scope, const Scope &caller,
                            const std::vector<Argument> &arguments) {
  for (Instance *known : byModule[&spec])
    if (known->arguments == arguments && known->dependencies.hold(scope) &&
        (!known->func || known->returnsInNamesOf(caller)))
      return known->func ? known : nullptr;

  Instance &made = instances.emplace_back();
  made.module = &spec;
  made.arguments = arguments;
  const bool ok = FunctionBuilder(*this, made, scope, caller).build(uniqueName(spec.name.value));
  byModule[&spec].push_back(&made);
  if (!ok)
    return nullptr;
  module->push_back(made.func);
  return &made;
}

nn::BundleType Program::bundleOf(const Instance &instance, StringRef name) {
  SmallVector<StringAttr> fields;
  SmallVector<Type> types;
  for (const Field &field : instance.fields) {
    fields.push_back(StringAttr::get(&context, field.name));
    types.push_back(field.type);
  }
  for (const Instance *other : byModule[instance.module])
    if (other->bundle && other->bundle.getFields() == ArrayRef(fields) &&
        other->bundle.getTypes() == ArrayRef(types))
      return other->bundle;
  return nn::BundleType::get(&context, StringAttr::get(&context, name), fields, types);
}

ArrayAttr Program::parametersOf(const Instance &instance) {
  Builder builder(&context);
  SmallVector<Attribute> parameters;
  for (auto [field, contracted] : llvm::zip(instance.fields, instance.contractedFields)) {
    StringRef init = "normal";
    if (field.spec->init.kind != InitSpec::Kind::Normal)
      init = field.spec->init.kind == InitSpec::Kind::Ones ? "ones" : "zeros";
    parameters.push_back(
        nn::ParameterAttr::get(&context, builder.getStringAttr(field.file), builder.getStringAttr(init),
                               builder.getF64FloatAttr(field.std),
                               builder.getBoolAttr(field.spec->decay.value_or(contracted)), field.storage));
  }
  return builder.getArrayAttr(parameters);
}

} // namespace shardc::frontend::build
