//===- Layout.cpp - give the axes of every tensor an order in memory ------===//
//
// In:  nn and dist ops on placed types; the order of a type's axes has no meaning.
// Out: the order of a type's axes is its order in memory, outermost first. Activations follow one list
// (AxisOrder). A
//      weight has first what collectives move (it is gathered in one piece), then what is looked up by index
//      (a row is one piece), then the same list; its gradient and optimizer state follow it. Ops that number
//      elements (random, dropout, iota) keep the model's order in `exec.order`.
//      A message between stages has the order of activations (`order`). What a stage keeps (pipe.keep) is
//      what it has: movements have found their places.
// Not here: strides and local sizes (exec-lower).
//
//   [batch@dp, seq@tp, embed], [embed, mlp@tp]  ->  [seq@tp, batch@dp, embed], [mlp@tp, embed]
//
// With one order for all activations a projection, forward and backward, is one strided product: its rows
// merge on one side, its columns on the other.
//
//===----------------------------------------------------------------------===//

#include "compiler/transforms/exec/AxisOrder.h"
#include "compiler/transforms/exec/LowerLeaves.h"
#include "compiler/transforms/exec/Passes.h"

#include "dialects/pipe/Pipe.h"

#include "llvm/ADT/EquivalenceClasses.h"

using namespace mlir;

namespace exec {
#define GEN_PASS_DEF_LAYOUT
#include "compiler/transforms/exec/Passes.h.inc"
} // namespace exec

using namespace exec;

namespace {
/// Tensors that are one weight: its gathered form, its gradient, its moments, in every function it is handed
/// to.
class WeightClasses {
public:
  explicit WeightClasses(ModuleOp module) : symbols(module) {
    module.walk([&](Operation *op) { connect(op); });
    for (auto func : module.getOps<nn::FuncOp>())
      uniteEntries(func);
    for (auto func : module.getOps<nn::FuncOp>())
      markKinds(func);
    module.walk([&](Operation *op) { note(op); });
  }

  bool isWeight(Leaf leaf) const { return weights.contains(leaderOf(resolve(leaf))); }

  /// Axes of the leaf's class that should come first, in that order.
  SmallVector<StringAttr> leading(Leaf leaf) const {
    int leader = leaderOf(resolve(leaf));
    SmallVector<StringAttr> names;
    for (auto *lists : {&moved, &indexed})
      if (auto found = lists->find(leader); found != lists->end())
        for (StringAttr name : found->second)
          if (!llvm::is_contained(names, name))
            names.push_back(name);
    return names;
  }

private:
  int numberOf(Leaf leaf) {
    auto [known, isNew] = numbers.insert({leaf, int(numbers.size())});
    if (isNew)
      classes.insert(known->second);
    return known->second;
  }
  int leaderOf(Leaf leaf) const {
    auto found = numbers.find(leaf);
    return found == numbers.end() ? -1 : classes.getLeaderValue(found->second);
  }
  void unite(Value a, Value b) {
    for (auto [x, y] : llvm::zip(leavesOf(a), leavesOf(b)))
      classes.unionSets(numberOf(x), numberOf(y));
  }

  void connect(Operation *op) {
    if (auto call = dyn_cast<nn::CallOp>(op)) {
      auto callee = symbols.lookup<nn::FuncOp>(call.getCallee());
      for (auto [operand, argument] : llvm::zip(call.getOperands(), callee.getBody().getArguments()))
        unite(operand, argument);
      for (auto [result, returned] : llvm::zip(call.getResults(), callee.getReturn().getOperands()))
        unite(result, returned);
    } else if (auto loop = dyn_cast<nn::LoopOp>(op)) {
      Block &body = loop.getBody().front();
      for (auto [index, init] : llvm::enumerate(loop.getInits())) {
        unite(init, body.getArgument(index + 1));
        unite(init, body.getTerminator()->getOperand(index));
        unite(init, loop.getResult(index));
      }
    } else if (isa<dist::AllReduceOp, dist::AllGatherOp, dist::ReduceScatterOp, dist::AllToAllOp,
                   dist::ShardSliceOp, dist::MaskOp>(op)) {
      unite(op->getOperand(0), op->getResult(0));
    } else if (auto map = dyn_cast<nn::MapOp>(op)) {
      for (ValueRange values : {ValueRange(map.getOperands()), ValueRange(map.getResults())})
        for (Value other : values)
          if (hasSameAxes(other.getType(), map.getResult(0).getType()))
            unite(other, map.getResult(0));
    }
  }

  /// What bears the same name and kind in @init, @step and @eval is the same memory; a function between them
  /// may take it gathered.
  void uniteEntries(nn::FuncOp func) {
    auto visit = [&](std::optional<ArrayAttr> attributes, ValueRange values) {
      for (auto [index, value] : llvm::enumerate(values)) {
        auto here = attributes ? cast<DictionaryAttr>((*attributes)[index]) : DictionaryAttr();
        StringRef name = nn::bundleNameOf(here);
        if (name.empty() || !here.get(nn::kindAttrName))
          continue;
        auto [first, isNew] = entryValues.insert({{name, here.get(nn::kindAttrName)}, value});
        if (!isNew && nn::strip(first->second.getType()) == nn::strip(value.getType()))
          unite(first->second, value);
      }
    };
    visit(func.getArgAttrs(), func.getBody().getArguments());
    visit(func.getResAttrs(), func.getReturn().getOperands());
  }

  static bool hasSameAxes(Type a, Type b) {
    auto x = cast<nn::NamedTensorType>(a), y = cast<nn::NamedTensorType>(b);
    return x.getAxes().size() == y.getAxes().size() &&
           llvm::all_of(x.names(), [&](StringAttr name) { return y.has(name); });
  }

  void markKinds(nn::FuncOp func) {
    auto mark = [&](std::optional<ArrayAttr> attributes, ValueRange values) {
      for (auto [index, value] : llvm::enumerate(values)) {
        auto kind = attributes
                        ? cast<DictionaryAttr>((*attributes)[index]).getAs<StringAttr>(nn::kindAttrName)
                        : StringAttr();
        if (kind && kind.getValue() != nn::kindAccumulator)
          for (Leaf leaf : leavesOf(value))
            weights.insert(classes.getLeaderValue(numberOf(leaf)));
      }
    };
    mark(func.getArgAttrs(), func.getBody().getArguments());
    mark(func.getResAttrs(), func.getReturn().getOperands());
  }

  void note(Operation *op) {
    auto add = [&](auto &lists, Value tensor, StringAttr name) {
      lists[leaderOf(resolve(tensor))].insert(name);
    };
    for (StringAttr name : movedAxes(op))
      add(moved, op->getResult(0), name);
    if (auto gather = dyn_cast<nn::GatherOp>(op))
      add(indexed, gather.getTable(), gather.getAxisAttr());
    if (auto scatter = dyn_cast<nn::ScatterAddOp>(op))
      add(indexed, scatter.getResult(), scatter.getAxisAttr());
  }

  SymbolTable symbols;
  llvm::EquivalenceClasses<int> classes;
  llvm::DenseMap<Leaf, int> numbers;
  llvm::DenseMap<std::pair<StringRef, Attribute>, Value> entryValues;
  llvm::DenseSet<int> weights;
  llvm::DenseMap<int, llvm::SmallSetVector<StringAttr, 4>> moved, indexed;
};

struct Layout : exec::impl::LayoutBase<Layout> {
  void runOnOperation() override {
    getOperation().walk([](pipes::KeepOp keep) {
      keep.replaceAllUsesWith(keep.getOperand());
      keep.erase();
    });
    AxisOrder order(getOperation());
    for (ModuleOp stage : pipes::stagesOf(getOperation()))
      arrange(stage, order);
    getOperation().walk([&](ModuleOp stage) {
      if (stage != getOperation()) // one stage alone can't choose
        orderMessages(stage, order);
    });
  }

  void arrange(ModuleOp module, const AxisOrder &order) {
    WeightClasses weights(module);
    SmallVector<std::pair<Value, Type>> changes; // found first: leaves are told apart by the old types
    auto visit = [&](Value value) {
      unsigned leaf = 0;
      changes.push_back({value, ordered(value, value.getType(), leaf, order, weights)});
    };
    module.walk([&](Operation *op) {
      keepNumbering(op, order, weights);
      llvm::for_each(op->getResults(), visit);
      for (Region &region : op->getRegions())
        for (Block &block : region)
          llvm::for_each(block.getArguments(), visit);
    });
    for (auto [value, type] : changes)
      value.setType(type);
    for (auto func : module.getOps<nn::FuncOp>())
      func.setFunctionType(FunctionType::get(&getContext(), func.getBody().getArgumentTypes(),
                                             func.getReturn().getOperandTypes()));
  }

  /// `type`, which is leaf number `leaf` of `value` or holds the leaves from there on.
  Type ordered(Value value, Type type, unsigned &leaf, const AxisOrder &order, const WeightClasses &weights) {
    if (auto bundle = dyn_cast<nn::BundleType>(type))
      return bundle.withTypes(llvm::map_to_vector(
          bundle.getTypes(), [&](Type field) { return ordered(value, field, leaf, order, weights); }));
    auto tensor = dyn_cast<nn::NamedTensorType>(type);
    if (!tensor)
      return type;
    SmallVector<StringAttr> names = order.sorted(tensor.names());
    if (Leaf here{value, leaf++}; weights.isWeight(here)) {
      SmallVector<StringAttr> first = weights.leading(here);
      auto place = [&](StringAttr name) {
        return std::pair(llvm::find(first, name) - first.begin(), order.rank(name));
      };
      llvm::sort(names, [&](StringAttr a, StringAttr b) { return place(a) < place(b); });
    }
    return tensor.withAxes(llvm::map_to_vector(names, [&](StringAttr name) { return tensor.find(name); }));
  }

  void orderMessages(ModuleOp stage, const AxisOrder &order) {
    auto namesOf = [&](nn::NamedTensorType type) {
      SmallVector<StringAttr> names = order.sorted(type.names());
      return ArrayAttr::get(&getContext(), SmallVector<Attribute>(names.begin(), names.end()));
    };
    stage.walk([&](pipes::SendOp send) { send.setOrderAttr(namesOf(send.getOperand().getType())); });
    stage.walk([&](pipes::ReceiveOp receive) { receive.setOrderAttr(namesOf(receive.getType())); });
  }

  void keepNumbering(Operation *op, const AxisOrder &order, const WeightClasses &weights) {
    if (!isa<nn::IotaOp, nn::RandomOp, nn::DropoutOp>(op))
      return;
    auto type = cast<nn::NamedTensorType>(op->getResult(0).getType());
    unsigned leaf = 0;
    if (ordered(op->getResult(0), type, leaf, order, weights) == type)
      return;
    SmallVector<StringAttr> names = type.names();
    op->setAttr("exec.order",
                ArrayAttr::get(op->getContext(), SmallVector<Attribute>(names.begin(), names.end())));
  }
};
} // namespace
