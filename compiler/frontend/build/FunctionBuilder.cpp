//===- FunctionBuilder.cpp - arguments, weights, statements ---------------===//
#include "compiler/frontend/build/FunctionBuilder.h"

#include "dialects/nn/FileNames.h"

#include <fmt/format.h>

using namespace mlir;

namespace shardc::frontend::build {
namespace {

Scope recording(Scope scope, Reads *reads) {
  scope.record(reads);
  return scope;
}

bool isAxisParam(std::string_view name) {
  return name == "over" || name == "axis" || name == "into";
}

} // namespace

FunctionBuilder::FunctionBuilder(Program &program, Instance &instance, const Scope &scope,
                                 const Scope &caller)
    : builder(&program.context), program(program), scope(recording(scope, &instance.dependencies.reads)),
      caller(caller), instance(instance), isMain(instance.module->name.value == "main") {}

bool FunctionBuilder::build(StringRef name) {
  const ModuleSpec &module = *instance.module;
  const size_t before = program.diags.size();
  auto fields = FieldCollector(program.context, program.padding, program.diags)
                    .collect(module, scope, instance.dependencies, /*ownOnly=*/isMain);
  if (!fields)
    return false;
  instance.fields = std::move(*fields);
  instance.contractedFields.resize(instance.fields.size());
  instance.contractedArguments.resize(instance.arguments.size());
  if (!instance.fields.empty())
    instance.bundle = program.bundleOf(instance, name);

  auto func = builder.create<nn::FuncOp>(loc(module.name.at, name), name, builder.getFunctionType({}, {}));
  instance.func = func;
  builder.setInsertionPointToStart(&func.getBody().front());
  Frame body{.function = &module.forward};
  frame = &body;
  bool failed = false;
  try {
    checkNames();
    addArguments(body);
    addWeights();
    Term returned = runBody(body, "");
    const Expr &at = *module.forward.body.back().value;
    TensorPtr result = asTensor(returned, at, fmt::format("what '{}' returns", module.name.value));
    valueOf(*result);
    result = inNamesOf(caller, result);
    if (isMain)
      checkLoss(*result, at);
    finish(*result);
  } catch (const Stop &) {
    failed = true;
  }
  if (!failed && program.diags.size() == before)
    checkChildrenCalled();
  failed |= program.diags.size() != before;
  if (failed) {
    func->erase();
    instance.func = nullptr;
  }
  return !failed;
}

//===-- signature and weights ------------------------------------------------===//

/// A name has one meaning: a parameter, a weight or a config key.
void FunctionBuilder::checkNames() {
  const ModuleSpec &module = *instance.module;
  const ModelSpec &model = scope.model();
  auto clash = [&](const Name &name, const std::string &what) {
    const ConfigEntry *key = model.configKey(name.value);
    if (key)
      error(name.at, fmt::format("'{}' is {} and a config key", name.value, what))
          .note(key->key.at, "the config key is declared here");
  };
  for (const WeightSpec &weight : module.weights)
    clash(weight.name, "a weight");
}

BlockArgument FunctionBuilder::addArgument(Type type, StringRef name, const Position &at) {
  Block &block = instance.func.getBody().front();
  const unsigned place = block.getNumArguments() - (keyArgument ? 1 : 0); // the key stays last
  return block.insertArgument(place, type, loc(at, name));
}

void FunctionBuilder::addArguments(Frame &body) {
  const std::vector<Name> &params = instance.module->forward.params;
  for (auto [i, param] : llvm::enumerate(params)) {
    const Argument &argument = instance.arguments[i];
    BlockArgument value = addArgument(argument.type, param.value, param.at);
    if (isMain)
      argumentAttrs[value].set("nn.input", str(param.value));
    auto tensor = std::make_shared<Tensor>(Tensor{.type = argument.type,
                                                  .name = param.value,
                                                  .loc = program.place(param.at),
                                                  .value = value,
                                                  .isWeight = argument.isWeight,
                                                  .params = {static_cast<unsigned>(i)}});
    define(param, Term::of(inNamesOf(scope, tensor)));
  }
}

void FunctionBuilder::addWeights() {
  if (instance.bundle) {
    mlir::Value bundle = addArgument(instance.bundle, "weights", instance.module->name.at);
    auto unpack = builder.create<nn::UnpackOp>(program.place(instance.module->name.at), bundle);
    fieldValues.assign(unpack.getResults().begin(), unpack.getResults().end());
  }
  bindWeights();
}

/// Own weights by name: a field, the field that one is tied to, or 0 where it is absent.
void FunctionBuilder::bindWeights() {
  for (auto [i, field] : llvm::enumerate(instance.fields))
    fieldIndex[field.name] = i;
  for (const WeightSpec &weight : instance.module->weights) {
    std::optional<bool> present = scope.holds(weight.when, program.diags);
    std::optional<bool> tied = isTied(weight, scope, program.diags);
    if (!present || !tied)
      throw Stop{};
    const std::string &name = *tied ? weight.tie->to.value : weight.name.value;
    auto found = fieldIndex.find(name);
    if (!*present || found == fieldIndex.end()) {
      Term absent = Term::of(0.0);
      absent.absent = weight.name.value;
      weights[weight.name.value] = absent;
      continue;
    }
    weights[weight.name.value] =
        Term::of(std::make_shared<Tensor>(Tensor{.type = instance.fields[found->second].type,
                                                 .name = weight.name.value,
                                                 .loc = program.place(weight.name.at),
                                                 .value = fieldValues[found->second],
                                                 .isWeight = true,
                                                 .fields = {found->second}}));
  }
}

mlir::Value FunctionBuilder::key() {
  if (!keyArgument) {
    mlir::Value made = addArgument(builder.getType<nn::KeyType>(), "key", instance.module->name.at);
    keyArgument = made;
    instance.needsKey = true;
  }
  return keyArgument;
}

void FunctionBuilder::finish(const Tensor &result) {
  const Position &at = instance.module->forward.body.back().at;
  builder.create<nn::ReturnOp>(program.place(at), result.value);
  Block &block = instance.func.getBody().front();
  SmallVector<Attribute> attrs;
  for (BlockArgument argument : block.getArguments()) {
    NamedAttrList &list = argumentAttrs[argument];
    if (argument.getType() == instance.bundle && nn::nameOf(argument.getLoc()) == "weights") {
      list.set(nn::kindAttrName, str(nn::kindParameter));
      list.set(nn::parametersAttrName, program.parametersOf(instance));
      if (isMain) {
        list.set(nn::pathAttrName, str(""));
        list.set(nn::filePrefixAttrName, str(scope.model().hf.prefix));
      }
    }
    attrs.push_back(list.getDictionary(&program.context));
  }
  instance.func.setFunctionType(builder.getFunctionType(block.getArgumentTypes(), result.value.getType()));
  instance.func.setArgAttrsAttr(builder.getArrayAttr(attrs));
}

/// The step divides the sum of the loss by the number of labels: nothing may fold batch before.
void FunctionBuilder::checkLoss(const Tensor &loss, const Expr &at) {
  const std::vector<std::string> allowed{"batch", "seq"};
  for (nn::AxisAttr axis : loss.type.getAxes())
    if (!llvm::is_contained(allowed, axis.getName().str()))
      fail(at.at,
           fmt::format("main returns {}; a loss has no axis '{}'", nn::toString(loss.type),
                       axis.getName().str()),
           "main returns its loss per element, over batch, or batch and seq");
  if (!loss.type.has(str("batch")) || !isa<FloatType>(loss.type.getElementType()))
    fail(at.at, fmt::format("main returns {}; its loss must be f32 over batch, or batch and seq",
                            nn::toString(loss.type)));
}

/// A child that is there but never called would be weights that nothing trains.
void FunctionBuilder::checkChildrenCalled() {
  for (const ChildSpec &child : instance.module->children) {
    if (called.contains(&child) || child.when)
      continue;
    error(child.name.at, fmt::format("child '{}' of module '{}' is never called", child.name.value,
                                     instance.module->name.value))
        .note("remove it, or say with 'when:' where it is there");
  }
}

//===-- statements -----------------------------------------------------------===//

Term FunctionBuilder::runBody(Frame &body, const std::string &name) {
  bool failed = false;
  for (const Statement &statement : body.function->body) {
    try {
      if (statement.isReturn()) {
        Term result = evaluate(*statement.value, name);
        if (failed)
          throw Stop{};
        return result;
      }
      std::string names;
      for (const Name &target : statement.targets)
        names += (names.empty() ? "" : ", ") + target.value;
      assign(statement, evaluate(*statement.value, names));
    } catch (const Stop &) {
      // go on, to find what else is wrong; names that this statement sets stay unknown
      failed = true;
      for (const Name &target : statement.targets)
        body.locals.insert_or_assign(target.value, std::nullopt);
    }
  }
  throw Stop{};
}

void FunctionBuilder::assign(const Statement &statement, Term term) {
  const auto &targets = statement.targets;
  if (targets.size() == 1 && term.kind != Term::Kind::Tuple) {
    if (term.isTensor())
      valueOf(*term.tensor);
    return define(targets[0], std::move(term));
  }
  const size_t count = term.kind == Term::Kind::Tuple ? term.parts.size() : 1;
  if (targets.size() != count)
    fail(targets[0].at, fmt::format("{} name{} for {} value{}", targets.size(),
                                    targets.size() == 1 ? "" : "s", count, count == 1 ? "" : "s"));
  for (auto [target, part] : llvm::zip(targets, term.parts)) {
    if (part.isTensor())
      part.tensor->name = target.value;
    define(target, part);
  }
}

/// In a module a name has one meaning; a function's names hide config keys, which it does not know.
void FunctionBuilder::define(const Name &name, Term term) {
  if (!frame->caller) {
    const ConfigEntry *key = scope.model().configKey(name.value);
    const WeightSpec *weight = instance.module->weight(name.value);
    if (key || weight) {
      error(name.at, fmt::format("'{}' is a {} already", name.value, weight ? "weight" : "config key"))
          .note(weight ? weight->name.at : key->key.at, "it is declared here");
      throw Stop{};
    }
  }
  frame->locals.insert_or_assign(name.value, std::move(term));
}

//===-- calls of functions and children ----------------------------------------===//

Term FunctionBuilder::callFunction(const Function &function, const Expr &call, const std::string &name) {
  for (Frame *outer = frame; outer; outer = outer->caller)
    if (outer->function == &function)
      fail(call.at, fmt::format("function '{}' calls itself", function.name));
  std::vector<Param> params;
  for (const Name &param : function.params)
    params.push_back({param.value});
  Frame inner{.function = &function, .callSite = call.at, .caller = frame};
  for (auto [param, expr] : llvm::zip(function.params, bind(call, params))) {
    if (isAxisParam(param.value)) {
      inner.axes[param.value] = axes(*expr);
      continue;
    }
    Term argument = evaluate(*expr);
    if (argument.isTensor())
      valueOf(*argument.tensor);
    inner.locals[param.value] = argument;
  }
  struct Within { // leaves the frame however the body ends
    Frame *&frame, *outer;
    ~Within() { frame = outer; }
  } within{frame, frame};
  frame = &inner;
  return runBody(inner, name.empty() ? function.name : name);
}

Term FunctionBuilder::callChild(const ChildSpec &child, const Expr &call, const std::string &name) {
  called.insert(&child);
  std::optional<int64_t> count = scope.repeats(child, program.diags);
  if (!count)
    throw Stop{};
  std::vector<TensorPtr> arguments;
  for (int64_t i = 0; i < *count; ++i) {
    const std::optional<int64_t> layer = child.repeat ? std::optional(i) : std::nullopt;
    std::optional<bool> present = scope.present(child, layer, program.diags);
    const ModuleSpec *module = scope.moduleOf(child, layer, program.diags);
    if (!present || !module)
      throw Stop{};
    if (!*present) {
      if (child.repeat)
        continue;
      error(call.at, fmt::format("child '{}' is absent here", child.name.value))
          .note(child.when->at, fmt::format("its 'when' is false: {}", toString(*child.when)))
          .note("it may stand only in the branch of 'a if c else b' that is not taken");
      throw Stop{};
    }
    std::vector<Param> params;
    for (const Name &param : module->forward.params)
      params.push_back({param.value});
    const std::vector<const Expr *> bound = bind(call, params);
    if (arguments.empty())
      for (const Expr *expr : bound)
        arguments.push_back(tensor(*expr, fmt::format("an argument of '{}'", child.name.value)));
    TensorPtr result =
        callOnce(child, layer, *module, arguments, call, name.empty() ? child.name.value : name);
    if (!child.repeat)
      return Term::of(result);
    if (arguments.empty() || result->type != arguments[0]->type) {
      error(call.at, fmt::format("layers of '{}' cannot follow each other: {} became {}", child.name.value,
                                 arguments.empty() ? "nothing" : nn::toString(arguments[0]->type),
                                 nn::toString(result->type)))
          .note(module->forward.at, "a module that repeats returns what its first argument is");
      throw Stop{};
    }
    arguments[0] = result;
  }
  if (arguments.empty())
    fail(call.at, fmt::format("no layer of '{}' is there", child.name.value));
  return Term::of(arguments[0]);
}

TensorPtr FunctionBuilder::callOnce(const ChildSpec &child, std::optional<int64_t> layer,
                                    const ModuleSpec &module, const std::vector<TensorPtr> &arguments,
                                    const Expr &call, const std::string &name) {
  std::optional<Scope> below = scope.child(child, layer, program.diags);
  if (!below)
    throw Stop{};
  std::vector<Argument> types;
  SmallVector<mlir::Value> operands;
  for (const TensorPtr &argument : arguments) {
    types.push_back({argument->type, argument->isWeight});
    operands.push_back(valueOf(*argument));
  }
  Instance *callee = program.instance(module, *below, scope, types);
  if (!callee)
    throw Stop{};
  instance.dependencies.addChild(scope, child, layer, callee->dependencies);

  const std::string path = childPath(child, layer);
  if (callee->bundle)
    operands.push_back(bundleFor(child, layer, *callee, call.at));
  if (callee->needsKey)
    operands.push_back(builder.create<nn::ChildKeyOp>(loc(call.at, "key_" + path),
                                                      builder.getType<nn::KeyType>(), key(),
                                                      builder.getI32IntegerAttr(nextSite())));
  auto made = builder.create<nn::CallOp>(loc(call.at, name), callee->func, operands);
  for (auto [argument, contracted] : llvm::zip(arguments, callee->contractedArguments))
    if (contracted)
      markContracted(*argument);
  for (auto [field, contracted] : llvm::zip(callee->fields, callee->contractedFields))
    if (auto own = fieldIndex.find(path + "." + field.name); contracted && own != fieldIndex.end())
      instance.contractedFields[own->second] = true;
  return result(made.getResult(0)).tensor;
}

/// The child's weights: an argument of main for a layer, else packed from this function's own.
mlir::Value FunctionBuilder::bundleFor(const ChildSpec &child, std::optional<int64_t> layer, Instance &callee,
                                       const Position &at) {
  const std::string path = childPath(child, layer);
  if (!isMain || !layer) {
    SmallVector<mlir::Value> values;
    for (const Field &field : callee.fields)
      values.push_back(fieldValues[fieldIndex.at(path + "." + field.name)]);
    return builder.create<nn::PackOp>(loc(at, path + ".weights"), callee.bundle, values);
  }
  mlir::Value &bundle = layerBundles[path];
  if (!bundle) {
    bundle = addArgument(callee.bundle, path, child.name.at);
    const std::string file = nn::fileNameOf(childFile(child, layer), scope.model().hf.prefix);
    NamedAttrList &attrs = argumentAttrs[bundle];
    attrs.set(nn::kindAttrName, str(nn::kindParameter));
    attrs.set(nn::pathAttrName, str(path));
    attrs.set(nn::filePrefixAttrName, str(file + "."));
    attrs.set(nn::parametersAttrName, program.parametersOf(callee));
  }
  return bundle;
}

} // namespace shardc::frontend::build
