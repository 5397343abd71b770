//===- LowerEntries.cpp - entries reach memory through globals ------------===//
//
// What @step, @eval and @init take and return is memory that the runtime knows: weights, optimizer state,
// scalars. The same weight is the same global in each of them.
//
//===----------------------------------------------------------------------===//

#include "compiler/transforms/exec/LowerFunction.h"

using namespace mlir;
using namespace exec;

GlobalOp ProgramLowering::global(StringRef name, StringRef kind, Type type, Location loc) {
  GlobalOp &known = globals[name];
  if (!known) {
    OpBuilder builder(module.getContext());
    builder.setInsertionPointToStart(module.getBody());
    if (lastGlobal)
      builder.setInsertionPointAfter(lastGlobal);
    known = builder.create<GlobalOp>(loc, name, StringAttr(), kind, IntegerAttr(), type);
    lastGlobal = known;
  }
  return known;
}

namespace {
StringRef stringIn(DictionaryAttr attributes, StringRef name) {
  auto text = attributes ? attributes.getAs<StringAttr>(name) : StringAttr();
  return text ? text.getValue() : StringRef();
}

/// What a weight's or an optimizer state's global is called, `parameters.h.0` or `m.h.0`; empty for a state
/// that does not say which it is.
std::string nameOfGlobal(DictionaryAttr attributes, StringRef kind) {
  StringRef name = nn::bundleNameOf(attributes);
  StringRef what = kind == nn::kindParameter ? "parameters" : stringIn(attributes, nn::stateAttrName);
  return what.empty() ? "" : (what + "." + (name.empty() ? "main" : name)).str();
}

/// The scalars that an entry takes and returns, in order.
StringRef scalarArgument(StringRef entry) {
  return entry == "step" ? "step" : "first_sample";
}
StringRef scalarResult(StringRef entry, unsigned number) {
  static const StringRef ofStep[] = {"loss", "grad_norm", "learning_rate"}, ofEval[] = {"loss", "count"};
  return entry == "step" ? ofStep[std::min(number, 2u)] : ofEval[std::min(number, 1u)];
}
} // namespace

/// Notes on a global what a manifest needs: where it comes from in the model, and how it is placed.
static void annotate(GlobalOp global, DictionaryAttr attributes, Type placed) {
  global->setAttr("exec.placed", TypeAttr::get(placed));
  for (StringRef name : {nn::pathAttrName, nn::partAttrName, nn::filePrefixAttrName, nn::parametersAttrName,
                         nn::stateAttrName, pipes::copyAttrName})
    if (Attribute value = attributes ? attributes.get(name) : Attribute())
      global->setAttr(name, value);
}

LogicalResult FunctionLowering::declareEntry() {
  auto address = [&](GlobalOp global, Location loc) -> Value {
    return builder.create<AddressOp>(loc, global.getType(), global.getSymName());
  };
  auto stored = [&](DictionaryAttr attributes, StringRef kind, Type placed, Location loc) -> GlobalOp {
    std::string name = nameOfGlobal(attributes, kind);
    if (name.empty()) {
      func.emitOpError() << "has an optimizer state without '" << nn::stateAttrName << "'";
      return {};
    }
    GlobalOp global = program.global(name, kind, types.lower(placed), loc);
    annotate(global, attributes, placed);
    return global;
  };
  for (BlockArgument argument : func.getBody().getArguments()) {
    DictionaryAttr attributes = func.getArgAttrDict(argument.getArgNumber());
    StringRef kind = nn::kindIn(attributes);
    Type type = types.lower(argument.getType());
    GlobalOp global;
    if (kind.empty()) {
      StringRef name = scalarArgument(func.getSymName());
      global = program.global(("scalars." + name).str(), name, type, argument.getLoc());
    } else {
      global = stored(attributes, kind, argument.getType(), argument.getLoc());
      if (!global)
        return failure();
    }
    for (auto [index, pointer] : llvm::enumerate(pointersOf(address(global, argument.getLoc())))) {
      where[{argument, index}] = pointer;
      if (!kind.empty()) // the runtime's scalars are only read
        storage[{argument, index}] = pointer;
    }
  }
  SmallVector<int> ties = tiesOf(func);
  auto returned = func.getReturn().getOperands();
  unsigned scalars = 0;
  for (auto [index, tie] : llvm::enumerate(ties)) {
    DictionaryAttr attributes = func.getResultAttrDict(index);
    StringRef kind = nn::kindIn(attributes);
    auto &targets = results.emplace_back();
    if (tie >= 0) {
      Value argument = func.getBody().getArgument(tie);
      for (unsigned leaf = 0; leaf < leafTypes(argument.getType()).size(); ++leaf)
        targets.push_back({where[{argument, leaf}], Leaf{argument, leaf}});
      continue;
    }
    Type type = types.lower(func.getResultTypes()[index]);
    GlobalOp global;
    if (kind == nn::kindParameter || kind == nn::kindOptimizerState) {
      global = stored(attributes, kind, func.getResultTypes()[index], returned[index].getLoc());
      if (!global)
        return failure();
    } else {
      StringRef name = scalarResult(func.getSymName(), scalars++);
      global = program.global(("scalars." + name).str(), name, type, returned[index].getLoc());
    }
    if (global.getType() != type)
      return func.emitOpError() << "result #" << index << " has type " << type << ", global @"
                                << global.getSymName() << " has " << global.getType();
    for (Value pointer : pointersOf(address(global, returned[index].getLoc())))
      targets.push_back({pointer, {}});
  }
  return success();
}

/// A step's loss is a mean already: what the runtime divides it by is one.
void FunctionLowering::finishEntry() {
  if (func.getSymName() != "step")
    return;
  BufferType type = BufferType::dense(builder.getF32Type(), {}, {});
  GlobalOp count = program.global("scalars.count", "count", type, func.getLoc());
  Value pointer = builder.create<AddressOp>(func.getLoc(), type, count.getSymName());
  kernel(func, {}, pointer, Store::write, {}, [&](OpBuilder &inside, ValueRange) {
    return SmallVector<Value>{inside.create<arith::ConstantOp>(func.getLoc(), inside.getF32FloatAttr(1))};
  });
}

/// The gradients that an update reads are globals, so that they can be looked at after a step.
void FunctionLowering::wantGradients(nn::CallOp update) {
  nn::FuncOp callee = program.calleeOf(update);
  bool updates = false;
  for (unsigned i = 0; i < callee.getNumResults(); ++i)
    updates |= kindOfResult(callee, i) == nn::kindParameter;
  DictionaryAttr bundle; // of the weights
  for (unsigned i = 0; i < update.getNumOperands(); ++i) {
    Value weights = update.getOperand(i);
    if (auto moved = weights.getDefiningOp<nn::CallOp>(); moved && moved.getNumOperands() == 1)
      weights = moved.getOperand(0); // a part of the weights, where only that is updated
    if (auto argument = dyn_cast<BlockArgument>(resolve(weights).first);
        argument && kindOfArgument(callee, i) == nn::kindParameter &&
        argument.getOwner() == &func.getBody().front())
      bundle = func.getArgAttrDict(argument.getArgNumber());
  }
  StringRef name = nn::bundleNameOf(bundle);
  for (unsigned i = 0; updates && i < update.getNumOperands(); ++i) {
    if (kindOfArgument(callee, i) != nn::kindGradient)
      continue;
    Value gradients = update.getOperand(i);
    GlobalOp global = program.global(("gradients." + (name.empty() ? "main" : name)).str(), nn::kindGradient,
                                     types.lower(gradients.getType()), gradients.getLoc());
    annotate(global, {}, gradients.getType());
    global->setAttr(nn::pathAttrName, builder.getStringAttr(stringIn(bundle, nn::pathAttrName)));
    Value pointer = builder.create<AddressOp>(gradients.getLoc(), global.getType(), global.getSymName());
    for (auto [leaf, field] : llvm::zip(leavesOf(gradients), pointersOf(pointer)))
      want(leaf, field); // else it stays where it is, and its global is not written
  }
}

//===-- inputs ---------------------------------------------------------------===//

static int64_t microbatchesOf(ModuleOp module) {
  auto recipe = module->getAttrOfType<DictionaryAttr>("nn.recipe");
  auto count = recipe ? recipe.getAs<IntegerAttr>("microbatches") : IntegerAttr();
  return count ? count.getInt() : 1;
}

/// An input that is read in two layouts is two inputs.
GlobalOp ProgramLowering::inputGlobal(StringRef name, nn::NamedTensorType type, Location loc) {
  BufferType one = types.buffer(type);
  SmallVector<StringAttr> names{StringAttr::get(type.getContext(), "slot")};
  SmallVector<int64_t> sizes{microbatchesOf(module)};
  for (AxisAttr axis : one.getAxes()) {
    names.push_back(axis.getName());
    sizes.push_back(axis.getSize());
  }
  BufferType all = BufferType::dense(one.getElementType(), names, sizes);
  std::string base = ("inputs." + name).str();
  for (int number = 0;; ++number) {
    GlobalOp found = global(number == 0 ? base : base + "_" + std::to_string(number), "input", all, loc);
    auto placed = found->getAttrOfType<TypeAttr>("exec.placed");
    if (placed && placed.getValue() != type)
      continue;
    annotate(found, {}, type);
    found->setAttr("exec.input", StringAttr::get(type.getContext(), name));
    return found;
  }
}

void FunctionLowering::lowerInput(nn::InputOp op) {
  GlobalOp all = program.inputGlobal(op.getName(), op.getType(), op.getLoc());
  BufferType scalar = BufferType::dense(builder.getI64Type(), {}, {});
  GlobalOp since = program.global("scalars.first_sample", "first_sample", scalar, op.getLoc());
  Value base = builder.create<AddressOp>(op.getLoc(), all.getType(), all.getSymName());
  Value first = builder.create<AddressOp>(op.getLoc(), scalar, since.getSymName());
  int64_t samples = op.getType().find(builder.getStringAttr("batch")).getSize();
  where[{op.getResult(), 0}] =
      builder.create<InputOp>(op.getLoc(), types.buffer(op.getType()), base, at(op.getFirstSample()), first,
                              builder.getI64IntegerAttr(samples));
}
