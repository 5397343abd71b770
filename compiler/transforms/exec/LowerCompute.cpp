//===- LowerCompute.cpp - products, maps, folds, gather, scatter ----------===//

#include "compiler/transforms/exec/LowerFunction.h"
#include "dialects/exec/Loops.h"

using namespace mlir;
using namespace exec;

static SmallVector<StringAttr> namesOf(BufferType type) {
  return llvm::map_to_vector(type.getAxes(), [](AxisAttr axis) { return axis.getName(); });
}

static SmallVector<Attribute> attributes(ArrayRef<LoopAttr> loops) {
  return SmallVector<Attribute>(loops.begin(), loops.end());
}

//===-- kernels --------------------------------------------------------------===//

void FunctionLowering::kernel(Operation *op, ArrayRef<Value> inputs, ArrayRef<Value> outputs,
                              ArrayRef<Store> stores, ArrayRef<StringAttr> order,
                              function_ref<SmallVector<Value>(OpBuilder &, ValueRange)> body) {
  SmallVector<BufferType> operandTypes;
  SmallVector<Type> elements;
  SmallVector<Location> locations;
  for (Value operand : llvm::concat<const Value>(inputs, outputs))
    operandTypes.push_back(cast<BufferType>(operand.getType()));
  for (Value input : inputs) {
    elements.push_back(cast<BufferType>(input.getType()).getElementType());
    locations.push_back(input.getLoc());
  }
  auto modes = llvm::map_to_vector(stores, [](Store store) { return int32_t(store); });
  auto made = builder.create<KernelOp>(
      op->getLoc(), program.kernelName(func.getSymName(), op),
      builder.getArrayAttr(attributes(mergeLoops(builder.getContext(), order, operandTypes))), inputs,
      outputs, builder.getDenseI32ArrayAttr(modes));
  Block &block = made.getBody().emplaceBlock();
  block.addArguments(elements, locations);
  if (auto map = dyn_cast<nn::MapOp>(op); map && map.getNumOperands() == inputs.size())
    for (auto [argument, named] : llvm::zip(block.getArguments(), map.getBody().getArguments()))
      argument.setLoc(named.getLoc());
  OpBuilder inside = OpBuilder::atBlockEnd(&block);
  inside.create<YieldOp>(op->getLoc(), body(inside, block.getArguments()));
}

void FunctionLowering::lowerMap(nn::MapOp op) {
  Leaf first{op.getResult(0), 0};
  if (Value sum = storage.lookup(first); sum && accumulators.contains(first)) {
    where[first] = sum;
    for (unsigned side : {0, 1}) { // the side that is not the accumulator, unless its producer has added it
      Leaf other = resolve(op.getOperand(side));
      if (where.lookup(other) == sum || addsInto.contains(other))
        continue;
      kernel(op, where.lookup(other), sum, Store::add, namesOf(cast<BufferType>(sum.getType())),
             [](OpBuilder &, ValueRange arguments) { return llvm::to_vector(arguments); });
    }
    return;
  }
  SmallVector<Value> inputs, outputs;
  SmallVector<Leaf> operands;
  for (Value operand : op.getOperands()) {
    operands.push_back(resolve(operand));
    inputs.push_back(where.lookup(operands.back()));
  }
  for (Value result : op.getResults())
    outputs.push_back(where[{result, 0}] = placeOf({result, 0}, operands));
  SmallVector<Store> stores(outputs.size(), Store::write);
  kernel(op, inputs, outputs, stores, namesOf(cast<BufferType>(outputs[0].getType())),
         [&](OpBuilder &inside, ValueRange arguments) {
           IRMapping mapping;
           Block &body = op.getBody().front();
           mapping.map(body.getArguments(), arguments);
           for (Operation &scalar : body.without_terminator())
             inside.clone(scalar, mapping);
           return llvm::map_to_vector(body.getTerminator()->getOperands(),
                                      [&](Value value) { return mapping.lookupOrDefault(value); });
         });
}

void FunctionLowering::lowerReduce(nn::ReduceOp op) {
  Leaf result{op.getResult(), 0};
  bool adds = addsInto.contains(result);
  Store store = op.getKind() == nn::ReductionKind::max ? Store::max : adds ? Store::add : Store::sum;
  Value input = at(op.getOperand()), output = where[result] = placeOf(result);
  kernel(op, input, output, store, namesOf(typeAt(op.getOperand())),
         [](OpBuilder &, ValueRange arguments) { return llvm::to_vector(arguments); });
}

//===-- products -------------------------------------------------------------===//

namespace {
/// The axes of a product by what they do, each list in the order of a tensor that has it.
struct Roles {
  SmallVector<StringAttr> batch, m, n, k;

  Roles(BufferType a, BufferType b, BufferType c) {
    for (AxisAttr axis : c.getAxes()) {
      bool inA = bool(a.find(axis.getName())), inB = bool(b.find(axis.getName()));
      (inA && inB ? batch : inA ? m : n).push_back(axis.getName());
    }
    for (AxisAttr axis : a.getAxes())
      if (!c.find(axis.getName()))
        k.push_back(axis.getName());
  }
};
} // namespace

/// Takes from `loops` the one that the library should run: with stride 1 in one of two operands, else the
/// longest.
static LoopAttr takeInner(SmallVectorImpl<LoopAttr> &loops, unsigned x, unsigned y, LoopAttr none) {
  if (loops.empty())
    return none;
  auto rank = [&](LoopAttr loop) {
    bool isUnit = loop.getStrides()[x] == 1 || loop.getStrides()[y] == 1;
    return std::pair(isUnit, loop.getSize());
  };
  auto *best = llvm::max_element(loops, [&](LoopAttr a, LoopAttr b) { return rank(a) < rank(b); });
  LoopAttr taken = *best;
  loops.erase(best);
  return taken;
}

void FunctionLowering::lowerContract(nn::ContractOp op) {
  Leaf result{op.getResult(), 0};
  Value a = at(op.getLhs()), b = at(op.getRhs());
  BufferType ta = typeAt(op.getLhs()), tb = typeAt(op.getRhs()), tc = types.buffer(typeOf(result));
  // The axis that C has innermost should be B's: a row of C is then a row of the product.
  if (!tc.getAxes().empty() && !tb.find(tc.getAxes().back().getName())) {
    std::swap(a, b);
    std::swap(ta, tb);
  }
  Roles roles(ta, tb, tc);
  if (roles.k.empty() || (roles.m.empty() && roles.n.empty()))
    return lowerProduct(op);
  Value c = where[result] = placeOf(result);
  tc = cast<BufferType>(c.getType());
  MLIRContext *context = builder.getContext();
  auto merge = [&](ArrayRef<StringAttr> order) { return mergeLoops(context, order, {ta, tb, tc}); };
  SmallVector<LoopAttr> batch = merge(roles.batch), m = merge(roles.m), n = merge(roles.n),
                        k = merge(roles.k);
  LoopAttr none = unitLoop(context, 3);
  LoopAttr mainM = takeInner(m, 0, 2, none), mainN = takeInner(n, 1, 2, none),
           mainK = takeInner(k, 0, 1, none);
  for (auto *rest : {&m, &n, &k}) // what doesn't merge into one loop runs around the product
    llvm::append_range(batch, *rest);
  builder.create<GemmOp>(op.getLoc(), a, b, c, mainM, mainN, mainK,
                         batch.empty() ? ArrayAttr() : builder.getArrayAttr(attributes(batch)),
                         addsInto.contains(result) ? 1 : 0);
}

/// A product that is no matrix product (a row-wise dot product, an outer product): a kernel.
void FunctionLowering::lowerProduct(nn::ContractOp op) {
  Leaf result{op.getResult(), 0};
  Value output = where[result] = placeOf(result);
  BufferType a = typeAt(op.getLhs()), b = typeAt(op.getRhs());
  // Loops in the order of the operand with more axes; what only the other has comes first.
  BufferType longer = a.getAxes().size() >= b.getAxes().size() ? a : b, shorter = longer == a ? b : a;
  SmallVector<StringAttr> order;
  for (AxisAttr axis : shorter.getAxes())
    if (!longer.find(axis.getName()))
      order.push_back(axis.getName());
  llvm::append_range(order, namesOf(longer));
  Store store = addsInto.contains(result) ? Store::add : op.getOver().empty() ? Store::write : Store::sum;
  kernel(op, {at(op.getLhs()), at(op.getRhs())}, output, store, order, [&](OpBuilder &inside, ValueRange x) {
    if (isa<IntegerType>(x[0].getType()))
      return SmallVector<Value>{inside.create<arith::MulIOp>(op.getLoc(), x[0], x[1])};
    return SmallVector<Value>{inside.create<arith::MulFOp>(op.getLoc(), x[0], x[1])};
  });
}

//===-- gather, scatter ------------------------------------------------------===//

/// The axis that rows are picked along, of a table.
static LoopAttr rowsOf(BufferType table, StringAttr name) {
  AxisAttr axis = table.find(name);
  return LoopAttr::get(table.getContext(), name, axis.getSize(), axis.getStride());
}

/// The loops of a gather: all axes but the one that the index picks from.
static ArrayAttr loopsAround(ArrayRef<BufferType> types, ArrayRef<StringAttr> order, StringAttr axis) {
  SmallVector<StringAttr> names;
  for (StringAttr name : order)
    if (name != axis)
      names.push_back(name);
  MLIRContext *context = axis.getContext();
  return ArrayAttr::get(context, attributes(mergeLoops(context, names, types)));
}

void FunctionLowering::lowerGather(nn::GatherOp op) {
  Leaf result{op.getResult(), 0};
  Value out = where[result] = placeOf(result);
  BufferType table = typeAt(op.getTable()), to = cast<BufferType>(out.getType());
  builder.create<GatherOp>(op.getLoc(), at(op.getTable()), at(op.getIndex()), out,
                           loopsAround({table, typeAt(op.getIndex()), to}, namesOf(to), op.getAxisAttr()),
                           rowsOf(table, op.getAxisAttr()),
                           types.start(op.getTable().getType().find(op.getAxisAttr())));
}

void FunctionLowering::lowerScatterAdd(nn::ScatterAddOp op) {
  Leaf result{op.getResult(), 0};
  Value out = where[result] = placeOf(result);
  BufferType updates = typeAt(op.getUpdates()), to = cast<BufferType>(out.getType());
  builder.create<ScatterAddOp>(
      op.getLoc(), at(op.getUpdates()), at(op.getIndex()), out,
      loopsAround({updates, typeAt(op.getIndex()), to}, namesOf(updates), op.getAxisAttr()),
      rowsOf(to, op.getAxisAttr()), types.start(typeOf(result).find(op.getAxisAttr())),
      addsInto.contains(result) ? 1 : 0);
}
