//===- StageEntries.cpp - who has which weights; @eval and @init -----------===//

#include "compiler/transforms/pipe/StageEntries.h"

#include "compiler/transforms/nn/WriteFunction.h"
#include "dialects/nn/Build.h"

using namespace mlir;
using namespace pipes;

static bool rests(StringRef kind) {
  return kind == nn::kindParameter || kind == nn::kindOptimizerState;
}

StageEntries::StageEntries(ModuleOp module, ArrayRef<ModuleOp> programs,
                           const shardc::pipeline::Pipeline &shape, ArrayRef<int64_t> layers)
    : module(module), programs(programs), shape(shape), step(module.lookupSymbol<nn::FuncOp>("step")),
      micro(module.lookupSymbol<nn::FuncOp>("micro")), eval(module.lookupSymbol<nn::FuncOp>("eval")),
      init(module.lookupSymbol<nn::FuncOp>("init")), loop(*step.getBody().getOps<nn::LoopOp>().begin()),
      microCall(*loop.getBody().getOps<nn::CallOp>().begin()),
      microChunks(micro, layers, shape.splitsBackward), evalChunks(eval, layers) {
  findWeights(micro, microChunks);
  findWeights(eval, evalChunks);
}

int StageEntries::ownerOf(DictionaryAttr attributes) const {
  auto found = weights.find(nn::bundleNameOf(attributes));
  return found == weights.end() || found->second.owner < 0 ? 0 : found->second.owner; // what nobody uses too
}

void StageEntries::findWeights(nn::FuncOp func, const Chunks &chunks) {
  for (Operation &op : func.getBody().front().without_terminator())
    for (Value operand : isWiring(&op) ? ValueRange() : ValueRange(op.getOperands()))
      if (isa<nn::BundleType>(operand.getType()))
        for (auto [argument, field] : leavesOf(operand)) {
          DictionaryAttr attributes = func.getArgAttrDict(argument.getArgNumber());
          if (nn::kindIn(attributes) != nn::kindParameter)
            continue;
          Weights &bundle = weights[nn::bundleNameOf(attributes)];
          const int stage = shape.stageOf(chunks.of(&op).chunk);
          if (bundle.owner < 0)
            bundle.owner = stage;
          bundle.use[stage].insert(field);
        }
}

//===-- entries ------------------------------------------------------------===//

/// A bundle of some fields of another, and the attributes that say so.
static nn::Slot copyOf(nn::BundleType whole, ArrayRef<unsigned> fields, DictionaryAttr attributes,
                       StringRef name) {
  Builder builder(whole.getContext());
  auto parameters = attributes.getAs<ArrayAttr>(nn::parametersAttrName);
  SmallVector<StringAttr> names;
  SmallVector<Type> types;
  SmallVector<Attribute> kept;
  for (unsigned field : fields) {
    names.push_back(whole.getFields()[field]);
    types.push_back(whole.getTypes()[field]);
    if (parameters)
      kept.push_back(parameters[field]);
  }
  NamedAttrList list(attributes);
  if (parameters)
    list.set(nn::parametersAttrName, builder.getArrayAttr(kept));
  list.set(copyAttrName, builder.getUnitAttr());
  auto type = nn::BundleType::get(whole.getContext(),
                                  builder.getStringAttr(whole.getName().getValue() + "_copy"), names, types);
  return {type, name.str(), list.getDictionary(whole.getContext())};
}

static SmallVector<unsigned> sorted(const llvm::SetVector<unsigned> &fields) {
  SmallVector<unsigned> list(fields.begin(), fields.end());
  llvm::sort(list);
  return list;
}

StageEntries::Entry StageEntries::start(nn::FuncOp entry) {
  SmallVector<nn::FuncOp> funcs;
  SmallVector<SmallVector<std::pair<BlockArgument, bool>>> takes(
      programs.size()); // of the entry; whether a copy
  for (auto [stage, program] : llvm::enumerate(programs)) {
    SmallVector<nn::Slot> slots;
    for (BlockArgument argument : entry.getArguments()) {
      DictionaryAttr attributes = entry.getArgAttrDict(argument.getArgNumber());
      StringRef name = nn::nameOf(argument.getLoc());
      if (!rests(nn::kindIn(attributes)) || ownerOf(attributes) == static_cast<int>(stage)) {
        slots.push_back({argument.getType(), name.str(), attributes});
        takes[stage].push_back({argument, false});
      } else if (nn::kindIn(attributes) == nn::kindParameter) {
        Weights &bundle = weights[nn::bundleNameOf(attributes)];
        if (!bundle.use.contains(stage))
          continue;
        slots.push_back(
            copyOf(cast<nn::BundleType>(argument.getType()), sorted(bundle.use[stage]), attributes, name));
        takes[stage].push_back({argument, true});
      }
    }
    SymbolTable symbols(program);
    funcs.push_back(nn::startFunction(symbols, entry.getLoc(), entry.getSymName(), slots));
  }
  auto result = std::make_unique<StagePrograms>(funcs);
  for (auto [stage, list] : llvm::enumerate(takes))
    for (auto [number, taken] : llvm::enumerate(list))
      if (!taken.second)
        result->know(stage, StagePrograms::once, taken.first, funcs[stage].getArgument(number));
  // Fields that wiring takes out of weights: of the whole bundle, or of the copy.
  for (auto [stage, list] : llvm::enumerate(takes))
    for (auto [number, taken] : llvm::enumerate(list)) {
      auto [argument, isCopy] = taken;
      if (!isCopy)
        continue;
      Weights &bundle = weights[nn::bundleNameOf(entry.getArgAttrDict(argument.getArgNumber()))];
      auto fields = result->builder(stage)
                        .create<nn::UnpackOp>(argument.getLoc(), funcs[stage].getArgument(number))
                        .getResults();
      copies[{entry, stage, argument.getArgNumber()}] = {sorted(bundle.use[stage]), fields};
    }
  return result;
}

void StageEntries::knowFields(StagePrograms &programs, nn::FuncOp func, nn::FuncOp entry,
                              function_ref<int(BlockArgument)> ofEntry) {
  for (auto unpack : func.getBody().getOps<nn::UnpackOp>())
    if (auto argument = dyn_cast<BlockArgument>(unpack.getBundle()))
      for (int stage = 0; stage < shape.stages; ++stage) {
        auto copy = copies.find({entry, stage, ofEntry(argument)});
        if (copy == copies.end())
          continue;
        for (auto [field, value] : llvm::zip(copy->second.first, copy->second.second))
          programs.know(stage, StagePrograms::once, unpack->getResult(field), value);
      }
}

void StageEntries::finish(StagePrograms &written, nn::FuncOp entry) {
  const int stages = shape.stages;
  std::vector<SmallVector<Value>> results(stages);
  std::vector<SmallVector<DictionaryAttr>> attrs(stages);
  for (OpOperand &result : entry.getReturn()->getOpOperands()) {
    const unsigned index = result.getOperandNumber();
    DictionaryAttr attributes = entry.getResultAttrDict(index);
    const bool isOwned = rests(nn::kindIn(attributes));
    for (int stage = 0; stage < stages; ++stage)
      if (!isOwned || ownerOf(attributes) == stage) {
        results[stage].push_back(written.get(stage, StagePrograms::once, result.get()));
        attrs[stage].push_back(attributes);
      }
  }
  for (OpOperand &result : entry.getReturn()->getOpOperands()) {
    DictionaryAttr attributes = entry.getResultAttrDict(result.getOperandNumber());
    if (nn::kindIn(attributes) != nn::kindParameter)
      continue;
    const int owner = ownerOf(attributes);
    ValueRange whole;
    for (auto &[stage, fields] : weights[nn::bundleNameOf(attributes)].use) {
      if (stage == owner)
        continue;
      Value bundle = written.get(owner, StagePrograms::once, result.get());
      if (whole.empty())
        whole = written.builder(owner).create<nn::UnpackOp>(bundle.getLoc(), bundle).getResults();
      SmallVector<unsigned> list = sorted(fields);
      nn::Slot copy =
          copyOf(cast<nn::BundleType>(bundle.getType()), list, attributes, nn::nameOf(result.get()));
      SmallVector<Value> received;
      for (unsigned field : list)
        received.push_back(written.move(whole[field], owner, stage, nn::kindParameter));
      results[stage].push_back(written.builder(stage).create<nn::PackOp>(
          nn::locOf(result.get()), cast<nn::BundleType>(copy.type), received));
      attrs[stage].push_back(copy.attrs);
    }
  }
  for (int stage = 0; stage < stages; ++stage) {
    written.releaseSent(stage);
    written.releaseSent(stage);
    nn::finishFunction(written.func(stage), results[stage], attrs[stage]);
  }
  written.finish();
}

//===-- @eval, @init -------------------------------------------------------===//

void StageEntries::writeEval() {
  Entry entry = start(eval);
  entry->argument = [](int, StagePrograms::Copy, BlockArgument) { return Value(); };
  knowFields(*entry, eval, eval, [](BlockArgument argument) { return argument.getArgNumber(); });
  for (Operation &op : eval.getBody().front().without_terminator())
    if (isa<nn::InputOp>(op))
      entry->isFree.insert(&op);
    else if (!isWiring(&op))
      entry->run(shape.stageOf(evalChunks.of(&op).chunk), StagePrograms::once, &op);
  finish(*entry, eval);
}

void StageEntries::writeInit() {
  Entry entry = start(init);
  entry->argument = [](int, StagePrograms::Copy, BlockArgument) { return Value(); };
  for (Operation &op : init.getBody().front().without_terminator()) {
    if (isWiring(&op))
      continue;
    int stage = 0;
    for (OpOperand &use : op.getUses())
      if (isa<nn::ReturnOp>(use.getOwner()))
        stage = ownerOf(init.getResultAttrDict(use.getOperandNumber()));
    entry->run(stage, StagePrograms::once, &op);
  }
  finish(*entry, init);
}

void StageEntries::write(const shardc::pipeline::Table &table) {
  writeStep(table);
  writeEval();
  writeInit();
}
