//===- LowerFunction.cpp - signatures, blocks, calls and loops ------------===//

#include "compiler/transforms/exec/LowerFunction.h"

#include "dialects/exec/Loops.h"
#include "dialects/nn/Build.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace exec;

//===-- what functions agree on ---------------------------------------------===//

/// A function that only moves a bundle between layouts (hoisted there by dist-simplify).
static bool onlyMoves(nn::FuncOp func) {
  return func->hasAttr("dist.moves") && func.getNumArguments() == 1 && func.getResultTypes().size() == 1;
}

/// Whether both may be one weight or state: neither says of itself what the other contradicts.
static bool mayBeSame(DictionaryAttr a, DictionaryAttr b) {
  return !a || !b || llvm::all_of(a, [&](NamedAttribute each) {
    Attribute other = b.get(each.getName());
    return !other || other == each.getValue();
  });
}

/// Whether a rank holds the same of both: they differ in partials only.
static bool sameOnRank(Type a, Type b) {
  SmallVector<nn::NamedTensorType> x = leafTypes(a), y = leafTypes(b);
  return x.size() == y.size() && llvm::all_of(llvm::zip(x, y), [](auto pair) {
           return std::get<0>(pair).withPartial({}) == std::get<1>(pair).withPartial({});
         });
}

SmallVector<int> exec::tiesOf(nn::FuncOp func) {
  SmallVector<int> ties;
  if (onlyMoves(func)) // all-reduces run in place
    return {sameOnRank(func.getArgumentTypes()[0], func.getResultTypes()[0]) ? 0 : -1};
  llvm::SmallDenseSet<int> taken;
  for (auto [index, type] : llvm::enumerate(func.getResultTypes())) {
    StringRef kind = kindOfResult(func, index);
    int tie = -1;
    for (int i = 0, count = func.getNumArguments(); i < count && tie < 0 && !kind.empty(); ++i)
      if (DictionaryAttr argument = func.getArgAttrDict(i);
          !taken.contains(i) && func.getArgumentTypes()[i] == type && nn::kindIn(argument) == kind &&
          mayBeSame(argument, func.getResultAttrDict(index)))
        tie = i;
    taken.insert(tie);
    ties.push_back(tie);
  }
  return ties;
}

/// Gradients and sums are added to; weights and optimizer state are replaced.
static Mode tiedMode(nn::FuncOp func, unsigned argument) {
  StringRef kind = kindOfArgument(func, argument);
  return kind == nn::kindGradient || kind == nn::kindAccumulator ? Mode::acc : Mode::inout;
}

StringAttr ProgramLowering::kernelName(StringRef function, Operation *op) {
  StringRef value = exec::nameOf(op->getLoc());
  std::string name = (function + "_" + (value.empty() ? op->getName().stripDialect() : value)).str();
  for (size_t comma; (comma = name.find(", ")) != std::string::npos;)
    name.replace(comma, 2, "_"); // an op with several results has the names of all
  int number = kernelNames[name]++;
  return StringAttr::get(module.getContext(), number == 0 ? name : name + "_" + std::to_string(number));
}

//===-- signature ------------------------------------------------------------===//

FunctionLowering::FunctionLowering(ProgramLowering &program, nn::FuncOp func)
    : program(program), types(program.types), func(func), builder(func) {
  static const StringRef entries[] = {"init", "step", "eval"};
  isEntry = llvm::is_contained(entries, func.getSymName());
}

LogicalResult FunctionLowering::run() {
  lowered = builder.create<FuncOp>(func.getLoc(), func.getSymNameAttr(), StringAttr(),
                                   builder.getDenseI32ArrayAttr({}), IntegerAttr(), UnitAttr());
  // Both functions have one name until the nn one is erased; nothing looks up exec functions before.
  Block &body = lowered.getBody().emplaceBlock();
  builder.setInsertionPointToEnd(&body);
  if (isEntry) {
    lowered.setEntry(true);
    if (failed(declareEntry()))
      return failure();
  } else {
    declare();
  }
  if (failed(lowerBlock(func.getBody().front(), results)))
    return failure();
  if (isEntry)
    finishEntry();
  builder.create<ReturnOp>(func.getLoc());
  return success();
}

void FunctionLowering::declare() {
  SmallVector<int> ties = tiesOf(func);
  SmallVector<int32_t> modes;
  Block &body = lowered.getBody().front();
  for (BlockArgument argument : func.getBody().getArguments()) {
    unsigned index = argument.getArgNumber();
    bool isTied = llvm::is_contained(ties, int(index));
    Mode mode = isTied ? tiedMode(func, index) : Mode::in;
    modes.push_back(int32_t(mode));
    Value pointer = body.addArgument(types.lower(argument.getType()), argument.getLoc());
    if (isa<nn::KeyType>(argument.getType())) {
      keys[argument] = pointer;
      continue;
    }
    for (auto [leaf, leafPointer] : llvm::enumerate(pointersOf(pointer))) {
      where[{argument, leaf}] = leafPointer;
      if (isTied)
        storage[{argument, leaf}] = leafPointer;
      if (mode == Mode::acc)
        accumulators.insert({argument, leaf});
    }
  }
  auto returned = func.getReturn().getOperands();
  for (auto [index, tie] : llvm::enumerate(ties)) {
    auto &targets = results.emplace_back();
    if (tie >= 0) {
      Value argument = func.getBody().getArgument(tie);
      for (unsigned leaf = 0; leaf < leafTypes(argument.getType()).size(); ++leaf)
        targets.push_back({where[{argument, leaf}], Leaf{argument, leaf}});
      continue;
    }
    modes.push_back(int32_t(Mode::out));
    Location loc = nn::locOf(returned[index]);
    if (exec::nameOf(loc).empty())
      loc = nn::named(loc, "result");
    Value pointer = body.addArgument(types.lower(func.getResultTypes()[index]), loc);
    for (Value leafPointer : pointersOf(pointer))
      targets.push_back({leafPointer, {}});
  }
  lowered.setModes(modes);
}

//===-- blocks ---------------------------------------------------------------===//

LogicalResult FunctionLowering::lowerBlock(Block &body, const Targets &targets) {
  LeafUses bodyUses(body), *outerUses = std::exchange(uses, &bodyUses);
  Block *outerBlock = std::exchange(block, &body);
  SmallVector<Copy> outerCopies = std::exchange(copies, {});
  followStorage();
  wantDestinations(targets);
  for (Operation &op : body.without_terminator()) {
    awaitOperands(&op);
    if (failed(lowerOp(&op)))
      return failure();
  }
  if (isa<nn::FuncOp>(body.getParentOp()))
    awaitAll();
  for (Copy &last : copies)
    copy(where.lookup(last.from), last.to, last.from.first.getLoc());
  uses = outerUses;
  block = outerBlock;
  copies = std::move(outerCopies);
  return success();
}

LogicalResult FunctionLowering::lowerOp(Operation *op) {
  if (isa<nn::PackOp, nn::UnpackOp, nn::DetachOp>(op))
    return success(); // leaves look through them
  if (isView(op))
    return lowerView(op), success();
  auto done = [&](auto lower) {
    return [this, lower](auto inner) { return (this->*lower)(inner), success(); };
  };
  return llvm::TypeSwitch<Operation *, LogicalResult>(op)
      .Case<nn::CallOp>(done(&FunctionLowering::lowerCall))
      .Case<nn::LoopOp>([&](auto inner) { return lowerLoop(inner); })
      .Case<nn::ContractOp>(done(&FunctionLowering::lowerContract))
      .Case<nn::MapOp>(done(&FunctionLowering::lowerMap))
      .Case<nn::ReduceOp>(done(&FunctionLowering::lowerReduce))
      .Case<nn::GatherOp>(done(&FunctionLowering::lowerGather))
      .Case<nn::ScatterAddOp>(done(&FunctionLowering::lowerScatterAdd))
      .Case<nn::AttentionOp>([&](auto inner) { return lowerAttention(inner); })
      .Case<nn::AttentionBackwardOp>([&](auto inner) { return lowerAttentionBackward(inner); })
      .Case<nn::RopeOp>(done(&FunctionLowering::lowerRope))
      .Case<nn::IotaOp>(done(&FunctionLowering::lowerIota))
      .Case<nn::RandomOp>(done(&FunctionLowering::lowerRandom))
      .Case<nn::DropoutOp>(done(&FunctionLowering::lowerDropout))
      .Case<nn::InputOp>(done(&FunctionLowering::lowerInput))
      .Case<dist::MaskOp>(done(&FunctionLowering::lowerMask))
      .Case<pipes::SendOp>(done(&FunctionLowering::lowerSend))
      .Case<pipes::SentOp>(done(&FunctionLowering::lowerSent))
      .Case<pipes::ReceiveOp>(done(&FunctionLowering::lowerReceive))
      .Case<pipes::BeginOp>([&](Operation *inner) { return builder.clone(*inner), success(); })
      .Case<nn::StackOp, nn::ConcatOp>([&](Operation *inner) {
        // The parts were written into place, or are copied there now.
        Leaf result{inner->getResult(0), 0};
        for (Copy &part : partCopies[inner])
          copy(where.lookup(part.from), part.to, inner->getLoc());
        where[result] = wanted.lookup(result);
        return success();
      })
      .Case<nn::KeyOp>([&](nn::KeyOp inner) {
        keys[inner] = builder.create<KeyOp>(inner.getLoc(), KeyType::get(builder.getContext()),
                                            at(inner.getStep()), at(inner.getFirstSample()));
        return success();
      })
      .Case<nn::ChildKeyOp>([&](nn::ChildKeyOp inner) {
        keys[inner] = builder.create<ChildKeyOp>(inner.getLoc(), KeyType::get(builder.getContext()),
                                                 keys.lookup(inner.getParent()), inner.getSiteAttr());
        return success();
      })
      .Case<dist::AllReduceOp>([&](dist::AllReduceOp inner) {
        Fold fold = inner.getKind() == nn::ReductionKind::sum ? Fold::sum : Fold::max;
        lowerCollective(inner, CollectiveKind::all_reduce, inner.getOver(), "", "", fold);
        return success();
      })
      .Case<dist::ReduceScatterOp>([&](dist::ReduceScatterOp inner) {
        Fold fold = inner.getKind() == nn::ReductionKind::sum ? Fold::sum : Fold::max;
        lowerCollective(inner, CollectiveKind::reduce_scatter, inner.getOver(), "", inner.getAxis(), fold);
        return success();
      })
      .Case<dist::AllGatherOp>([&](dist::AllGatherOp inner) {
        lowerCollective(inner, CollectiveKind::all_gather, inner.getOver(), inner.getAxis(), "", Fold::sum);
        return success();
      })
      .Case<dist::AllToAllOp>([&](dist::AllToAllOp inner) {
        lowerCollective(inner, CollectiveKind::all_to_all, inner.getOver(), inner.getFrom(), inner.getTo(),
                        Fold::sum);
        return success();
      })
      .Default([](Operation *other) { return other->emitOpError() << "has no form in exec"; });
}

//===-- calls and loops ------------------------------------------------------===//

void FunctionLowering::lowerCall(nn::CallOp op) {
  nn::FuncOp callee = program.calleeOf(op);
  SmallVector<int> ties = tiesOf(callee);
  SmallVector<Value> operands;
  for (auto [index, operand] : llvm::enumerate(op.getOperands())) {
    if (isa<nn::KeyType>(operand.getType())) {
      operands.push_back(keys.lookup(operand));
      continue;
    }
    int result = llvm::find(ties, int(index)) - ties.begin();
    bool isTied = result < int(ties.size());
    SmallVector<Value> leaves;
    for (auto [number, leaf] : llvm::enumerate(leavesOf(operand))) {
      Value pointer = where.lookup(leaf);
      if (!isTied) { // the callee reads dense memory
        if (!cast<BufferType>(pointer.getType()).isDense()) {
          Value dense = newBuffer(types.buffer(typeOf(leaf)), nn::locOf(leaf.first));
          copy(pointer, dense, op.getLoc());
          pointer = dense;
        }
        leaves.push_back(alikeOnRanks(pointer, op.getLoc()));
        continue;
      }
      Leaf written{op.getResult(result), unsigned(number)};
      Value place = placeOf(written, leaf);
      if (place != pointer)
        copy(pointer, place, op.getLoc());
      leaves.push_back(where[written] = place);
    }
    ArrayRef<Value> rest = leaves;
    operands.push_back(bundled(types.lower(operand.getType()), rest, op.getLoc()));
  }
  for (auto [index, result] : llvm::enumerate(op.getResults())) {
    if (ties[index] >= 0)
      continue;
    Type type = types.lower(result.getType());
    SmallVector<Value> leaves;
    unsigned count = leafTypes(result.getType()).size();
    bool isWanted = false;
    for (unsigned i = 0; i < count; ++i)
      isWanted |= wanted.contains({result, i});
    if (!isWanted) { // one buffer for the whole struct
      leaves = pointersOf(newBuffer(type, nn::locOf(result)));
      for (unsigned i = 0; i < count; ++i)
        if (isa<BufferType>(type))
          ownBuffers.insert({result, i});
    }
    for (unsigned i = 0; i < count; ++i) {
      if (isWanted)
        leaves.push_back(placeOf({result, i}));
      where[{result, i}] = leaves[i];
    }
    ArrayRef<Value> rest = leaves;
    operands.push_back(bundled(type, rest, op.getLoc()));
  }
  builder.create<CallOp>(op.getLoc(), Type(), op.getCalleeAttr(), operands, IntegerAttr());
}

LogicalResult FunctionLowering::lowerLoop(nn::LoopOp op) {
  Targets targets;
  Block &body = op.getBody().front();
  for (auto [index, init] : llvm::enumerate(op.getInits())) {
    Value carried = body.getArgument(index + 1), result = op.getResult(index);
    auto &pointers = targets.emplace_back();
    for (auto [number, leaf] : llvm::enumerate(leavesOf(init))) {
      Leaf inside{carried, unsigned(number)}, after{result, unsigned(number)};
      Value place = placeOf(after, leaf);
      if (place != where.lookup(leaf))
        copy(where.lookup(leaf), place, op.getLoc());
      for (Leaf each : {inside, after}) // one by one: what the map grows by moves what it has
        where[each] = place;
      storage[inside] = place;
      pointers.push_back({place, inside});
    }
  }
  auto loop = builder.create<LoopOp>(op.getLoc(), op.getTripsAttr());
  Block &lowered = loop.getBody().emplaceBlock();
  Value trip =
      lowered.addArgument(BufferType::dense(builder.getI64Type(), {}, {}), body.getArgument(0).getLoc());
  where[{body.getArgument(0), 0}] = trip;
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToEnd(&lowered);
  if (failed(lowerBlock(body, targets)))
    return failure();
  builder.create<YieldOp>(op.getLoc());
  return success();
}

//===-- pointers -------------------------------------------------------------===//

SmallVector<Value> FunctionLowering::pointersOf(Value pointer) {
  auto bundle = dyn_cast<StructType>(pointer.getType());
  if (!bundle)
    return {pointer};
  SmallVector<Value> leaves;
  for (StringAttr field : bundle.getFields()) {
    Location loc = nn::named(pointer.getLoc(), field.getValue());
    llvm::append_range(leaves, pointersOf(builder.create<FieldOp>(loc, pointer, field.getValue())));
  }
  return leaves;
}

Value FunctionLowering::bundled(Type type, ArrayRef<Value> &leaves, Location loc) {
  auto bundle = dyn_cast<StructType>(type);
  if (!bundle) {
    Value leaf = leaves.front();
    leaves = leaves.drop_front();
    return leaf;
  }
  SmallVector<Value> fields;
  for (Type field : bundle.getTypes())
    fields.push_back(bundled(field, leaves, loc));
  Value whole;
  for (auto [index, field] : llvm::enumerate(fields)) {
    auto source = field.getDefiningOp<FieldOp>();
    if (!source || source.getOperand().getType() != type ||
        source.getFieldAttr() != bundle.getFields()[index] || (whole && whole != source.getOperand()))
      return builder.create<PackOp>(nn::named(loc, bundle.getName().getValue()), bundle, fields);
    whole = source.getOperand();
  }
  return whole ? whole
               : builder.create<PackOp>(nn::named(loc, bundle.getName().getValue()), bundle, fields)
                     .getResult();
}

Value FunctionLowering::newBuffer(Type type, Location loc) {
  return builder.create<BufferOp>(loc, type, IntegerAttr());
}
