//===- Accumulators.cpp - values that may stay partial through a function -===//

#include "compiler/transforms/dist/Accumulators.h"

using namespace mlir;
using namespace dist;

unsigned dist::numFields(Type type) {
  if (auto bundle = dyn_cast<nn::BundleType>(type))
    return bundle.size();
  return isa<nn::NamedTensorType>(type) ? 1 : 0;
}

nn::NamedTensorType dist::fieldType(Type type, unsigned field) {
  if (auto bundle = dyn_cast<nn::BundleType>(type))
    return dyn_cast<nn::NamedTensorType>(bundle.getTypes()[field]);
  return dyn_cast<nn::NamedTensorType>(type);
}

bool dist::mayBePartial(StringRef kind) {
  return kind == nn::kindGradient || kind == nn::kindAccumulator;
}

//===-- the relation -------------------------------------------------------===//

int Accumulators::root(int id) const {
  while (parents[id] != id)
    id = parents[id];
  return id;
}

int Accumulators::create(Field field) {
  int id = parents.size();
  parents.push_back(id);
  kinds.emplace_back();
  ids[field] = id;
  starts.push_back(field);
  return id;
}

void Accumulators::join(Field field, int id) {
  ids.insert({field, id});
}

void Accumulators::merge(int a, int b) {
  a = root(a), b = root(b);
  if (a == b)
    return;
  parents[b] = a;
  if (kinds[a].empty())
    kinds[a] = kinds[b];
}

int Accumulators::find(Value value, unsigned field) const {
  auto found = ids.find({value, field});
  return found == ids.end() ? none : root(found->second);
}

bool Accumulators::holdsAny(Value value) const {
  for (unsigned field = 0, e = numFields(value.getType()); field < e; ++field)
    if (find(value, field) != none)
      return true;
  return false;
}

//===-- where chains start, how they run, where they end -------------------===//

Accumulators::Accumulators(nn::FuncOp func, LinksOf linksOf) {
  startAtArguments(func);
  func.walk<WalkOrder::PreOrder>([&](Operation *op) { follow(op, linksOf); });
  closeFunction(func);
  dropOpenOnes();
  linkResults(func);
}

void Accumulators::startAtArguments(nn::FuncOp func) {
  for (BlockArgument argument : func.getArguments()) {
    StringRef kind = kindOfArgument(func, argument.getArgNumber());
    if (!mayBePartial(kind))
      continue;
    for (unsigned field = 0, e = numFields(argument.getType()); field < e; ++field)
      if (fieldType(argument.getType(), field))
        kinds[create({argument, field})] = kind.str();
  }
}

void Accumulators::startAtLoop(nn::LoopOp loop) {
  for (auto [init, argument] : llvm::zip(loop.getInits(), llvm::drop_begin(loop.getBody().getArguments())))
    for (unsigned field = 0, e = numFields(argument.getType()); field < e; ++field) {
      if (!fieldType(argument.getType(), field))
        continue;
      int id = create({argument, field});
      if (int outer = find(init, field); outer != none)
        merge(outer, id);
    }
}

/// A sum whose running value is the operand of this number, or none.
static std::optional<unsigned> runningOperand(nn::MapOp map, const Accumulators &accumulators) {
  if (map.getNumResults() != 1)
    return {};
  auto result = cast<nn::NamedTensorType>(map.getResultTypes().front());
  for (auto [index, operand] : llvm::enumerate(map.getOperands())) {
    auto type = cast<nn::NamedTensorType>(operand.getType());
    if (accumulators.find(operand) == Accumulators::none)
      continue;
    if (type.getAxes().size() != result.getAxes().size() || !nn::isLinear(map.getBody().front()))
      return {};
    return index;
  }
  return {};
}

void Accumulators::follow(Operation *op, LinksOf linksOf) {
  if (auto unpack = dyn_cast<nn::UnpackOp>(op)) {
    for (OpResult result : unpack->getResults())
      if (int id = find(unpack.getBundle(), result.getResultNumber()); id != none)
        join({result, 0}, id);
  } else if (auto pack = dyn_cast<nn::PackOp>(op)) {
    for (OpOperand &operand : pack->getOpOperands())
      if (int id = find(operand.get()); id != none && isa<nn::NamedTensorType>(operand.get().getType()))
        join({pack.getResult(), operand.getOperandNumber()}, id);
  } else if (auto map = dyn_cast<nn::MapOp>(op)) {
    if (std::optional<unsigned> running = runningOperand(map, *this))
      join({map.getResult(0), 0}, find(map.getOperand(*running)));
  } else if (auto call = dyn_cast<nn::CallOp>(op)) {
    for (const AccumulatorLink &link : linksOf(call))
      if (int id = find(call.getOperand(link.argument), link.field); id != none) {
        join({call.getResult(link.result), link.field}, id);
        if (kinds[id].empty())
          kinds[id] = link.kind.str();
      }
  } else if (auto loop = dyn_cast<nn::LoopOp>(op)) {
    startAtLoop(loop);
  } else if (auto yield = dyn_cast<nn::YieldOp>(op)) {
    if (auto loop = dyn_cast<nn::LoopOp>(yield->getParentOp()))
      closeLoop(loop);
  }
}

void Accumulators::closeLoop(nn::LoopOp loop) {
  Operation *yield = loop.getBody().front().getTerminator();
  for (auto [carried, argument, result] :
       llvm::zip(yield->getOperands(), llvm::drop_begin(loop.getBody().getArguments()), loop.getResults()))
    for (unsigned field = 0, e = numFields(argument.getType()); field < e; ++field) {
      int id = find(argument, field);
      if (id == none || find(carried, field) != id)
        continue;
      join({result, field}, id);
      comeBack.insert({argument, field});
    }
}

/// Calls `found` for each argument field whose accumulator a result field of its kind continues.
void Accumulators::forEachReturned(nn::FuncOp func, function_ref<void(Field, unsigned)> found) {
  llvm::DenseMap<int, SmallVector<Field, 1>> startsOf;
  for (Field start : starts)
    if (find(start.first, start.second) != none &&
        cast<BlockArgument>(start.first).getOwner() == &func.getBody().front())
      startsOf[find(start.first, start.second)].push_back(start);
  for (OpOperand &operand : func.getReturn()->getOpOperands()) {
    if (!mayBePartial(kindOfResult(func, operand.getOperandNumber())))
      continue;
    for (unsigned field = 0, e = numFields(operand.get().getType()); field < e; ++field)
      if (int id = find(operand.get(), field); id != none)
        for (Field start : startsOf.lookup(id))
          if (start.second == field)
            found(start, operand.getOperandNumber());
  }
}

void Accumulators::closeFunction(nn::FuncOp func) {
  forEachReturned(func, [&](Field start, unsigned) { comeBack.insert(start); });
}

void Accumulators::linkResults(nn::FuncOp func) {
  forEachReturned(func, [&](Field start, unsigned result) {
    unsigned argument = cast<BlockArgument>(start.first).getArgNumber();
    links.push_back({argument, result, start.second, kindOfArgument(func, argument)});
  });
}

void Accumulators::dropOpenOnes() {
  llvm::DenseSet<int> open;
  for (Field start : starts)
    if (!comeBack.contains(start))
      open.insert(find(start.first, start.second));
  llvm::SmallVector<Field> dropped;
  for (auto &[field, id] : ids)
    if (open.contains(root(id)))
      dropped.push_back(field);
  for (Field field : dropped)
    ids.erase(field);
}
