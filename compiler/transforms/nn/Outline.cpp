//===- Outline.cpp - what @main computes itself becomes functions ---------===//
//
// In:  @main: ops of its own, and calls of layers, each with its own bundle of parameters (`nn.path` not
// empty). Out: @main holds unpack, pack, child_key and calls only. Its own ops are @embed (before the first
// layer), @head
//      (after the last) and @middle (in between), each with one bundle of the parameters it reads. @main's
//      own bundle is cut alike: a parameter is an argument with others that are first read by the same
//      function.
// Not here: anything about layers.
//
//   gather wte[tokens]; call @block; norm; contract wte   ->   call @embed; call @block; call @head
//   %weights: {wte, ln_f}                                 ->   %embed: {wte}, %head: {ln_f}
//
// So every weight has a function's edge, where it is gathered, and a pipeline can be cut at calls alone: no
// bundle belongs to the first stage and to the last.
//
//===----------------------------------------------------------------------===//

#include "compiler/transforms/nn/Cleanup.h"
#include "compiler/transforms/nn/Passes.h"
#include "compiler/transforms/nn/WriteFunction.h"
#include "dialects/nn/Build.h"

namespace nn {
#define GEN_PASS_DEF_NNOUTLINE
#include "compiler/transforms/nn/Passes.h.inc"
} // namespace nn

using namespace mlir;
using namespace nn;

namespace {

/// Whether `value` is the bundle that holds @main's own parameters.
bool isOwnBundle(Value value) {
  auto argument = dyn_cast<BlockArgument>(value);
  if (!argument || !isa<BundleType>(argument.getType()))
    return false;
  auto main = cast<FuncOp>(argument.getOwner()->getParentOp());
  auto path = main.getArgAttrOfType<StringAttr>(argument.getArgNumber(), pathAttrName);
  return !path || path.empty();
}

/// Whether a bundle is, or holds fields of, one that is not @main's own.
bool belongsToLayer(Value bundle) {
  if (auto pack = bundle.getDefiningOp<PackOp>())
    return llvm::any_of(pack.getOperands(), [](Value field) {
      auto unpack = field.getDefiningOp<UnpackOp>();
      return unpack && belongsToLayer(unpack.getBundle());
    });
  return isa<BlockArgument>(bundle) && !isOwnBundle(bundle);
}

bool isLayerCall(Operation &op) {
  return isa<CallOp>(op) && llvm::any_of(op.getOperands(), [](Value operand) {
           return isa<BundleType>(operand.getType()) && belongsToLayer(operand);
         });
}

/// Every read of @main's own parameters goes through one unpack: a call that takes the whole bundle gets it
/// packed.
void readByField(FuncOp main) {
  unpackArgumentsOnce(main);
  for (BlockArgument argument : main.getArguments()) {
    if (!isa<BundleType>(argument.getType()) || !isOwnBundle(argument))
      continue;
    for (OpOperand &use : llvm::make_early_inc_range(argument.getUses()))
      if (auto call = dyn_cast<CallOp>(use.getOwner())) {
        use.set(OpBuilder(call).create<PackOp>(argument.getLoc(), cast<BundleType>(argument.getType()),
                                               unpackOf(argument).getResults()));
      }
  }
}

/// Packs and child keys belong to who reads them: each reader gets its own, right in front.
void sinkToUsers(FuncOp main) {
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(main.getBody().front()))) {
    if (!isa<PackOp, ChildKeyOp>(op))
      continue;
    for (OpOperand &use : llvm::make_early_inc_range(op.getUses()))
      use.set(OpBuilder(use.getOwner()).clone(op)->getResult(0));
    op.erase();
  }
}

/// Consecutive ops of @main that become one function.
struct Run {
  SmallVector<Operation *> ops;
  std::string name;
};

/// Whether `op` stays in @main: it hands parameters or keys to layers.
bool stays(Operation &op) {
  if (isa<UnpackOp>(op))
    return isa<BlockArgument>(op.getOperand(0));
  return isa<PackOp, ChildKeyOp>(op) &&
         llvm::all_of(op.getUsers(), [](Operation *user) { return isLayerCall(*user) || stays(*user); });
}

SmallVector<Run> findRuns(FuncOp main) {
  SmallVector<Run> runs(1);
  for (Operation &op : main.getBody().front().without_terminator()) {
    if (isLayerCall(op))
      runs.emplace_back();
    else if (!stays(op))
      runs.back().ops.push_back(&op);
  }
  for (auto [index, run] : llvm::enumerate(runs))
    run.name = index + 1 == runs.size() ? "head" : index == 0 ? "embed" : "middle";
  llvm::erase_if(runs, [](const Run &run) { return run.ops.empty(); });
  return runs;
}

/// A field of the bundle that holds @main's own parameters, or null.
OpResult asOwnField(Value value) {
  auto unpack = value.getDefiningOp<UnpackOp>();
  return unpack && isOwnBundle(unpack.getBundle()) ? cast<OpResult>(value) : OpResult();
}

/// Moves one run to a function of its own.
class Outliner {
public:
  /// `readBefore`: @main's own fields that runs before this one read; those that this one reads are added.
  Outliner(FuncOp main, Run &run, SymbolTable &symbols, llvm::DenseSet<Value> &readBefore)
      : main(main), run(run), symbols(symbols), readBefore(readBefore),
        inside(run.ops.begin(), run.ops.end()) {}

  void outline() {
    collectReads();
    collectResults();
    if (results.empty())
      return; // dead
    FuncOp func = declare();
    call(func);
    moveBody(func);
    cleanUp(func);
  }

private:
  void collectReads() {
    for (Operation *op : run.ops)
      for (Value operand : op->getOperands()) {
        if (operand.getDefiningOp() && inside.contains(operand.getDefiningOp()))
          continue;
        if (asOwnField(operand))
          fields.insert(operand);
        else if (isa<KeyType>(operand.getType()))
          keys.insert(operand);
        else
          values.insert(operand);
      }
  }

  void collectResults() {
    for (Operation *op : run.ops)
      for (Value result : op->getResults())
        if (llvm::any_of(result.getUsers(), [&](Operation *user) { return !inside.contains(user); }))
          results.push_back(result);
  }

  /// The bundle of the fields that are read, in the order of @main's bundle. With fields that an earlier run
  /// reads too it is not what is stored for this run: its name says so.
  Slot describeWeights() {
    SmallVector<Value> sorted = fields.takeVector();
    llvm::sort(sorted, [](Value a, Value b) {
      return cast<OpResult>(a).getResultNumber() < cast<OpResult>(b).getResultNumber();
    });
    fields.insert(sorted.begin(), sorted.end());
    Builder builder(main.getContext());
    auto unpack = cast<UnpackOp>(sorted[0].getDefiningOp());
    auto number = cast<BlockArgument>(unpack.getBundle()).getArgNumber();
    auto parameters = main.getArgAttrOfType<ArrayAttr>(number, parametersAttrName);
    SmallVector<StringAttr> names;
    SmallVector<Type> types;
    SmallVector<Attribute> kept;
    for (Value field : sorted) {
      unsigned index = cast<OpResult>(field).getResultNumber();
      names.push_back(unpack.getBundle().getType().getFields()[index]);
      types.push_back(field.getType());
      if (parameters)
        kept.push_back(parameters[index]);
    }
    NamedAttrList attrs(kindAttrs(main.getContext(), kindParameter));
    if (parameters)
      attrs.append(parametersAttrName, builder.getArrayAttr(kept));
    bool isTied = llvm::any_of(sorted, [&](Value field) { return readBefore.contains(field); });
    readBefore.insert(sorted.begin(), sorted.end());
    return {BundleType::get(main.getContext(), builder.getStringAttr((isTied ? "tied_" : "") + run.name),
                            names, types),
            "weights", attrs.getDictionary(main.getContext())};
  }

  FuncOp declare() {
    run.name = freshName(symbols, run.name);
    SmallVector<Slot> slots;
    for (Value value : values)
      slots.push_back({value.getType(), nameOf(value).str(), {}});
    if (!fields.empty())
      slots.push_back(describeWeights());
    for (Value key : keys)
      slots.push_back({key.getType(), "key", {}});
    FuncOp func = startFunction(symbols, run.ops.front()->getLoc(), run.name, slots);
    func->moveBefore(main);
    return func;
  }

  void call(FuncOp func) {
    OpBuilder builder(main.getContext());
    builder.setInsertionPointAfter(run.ops.back());
    SmallVector<Value> operands = llvm::to_vector(values);
    if (!fields.empty())
      operands.push_back(builder.create<PackOp>(named(main.getLoc(), run.name),
                                                cast<BundleType>(func.getArgumentTypes()[values.size()]),
                                                llvm::to_vector(fields)));
    llvm::append_range(operands, keys);
    auto names = llvm::map_to_vector(results, [](Value v) { return nameOf(v).str(); });
    OperationState state(namedAll(run.ops.back()->getLoc(), names), CallOp::getOperationName());
    state.addAttribute("callee", FlatSymbolRefAttr::get(func.getSymNameAttr()));
    state.addOperands(operands);
    state.addTypes(ValueRange(results).getTypes());
    Operation *call = builder.create(state);
    for (auto [old, result] : llvm::zip(results, call->getResults()))
      old.replaceUsesWithIf(result, [&](OpOperand &use) { return !inside.contains(use.getOwner()); });
  }

  void moveBody(FuncOp func) {
    Block &body = func.getBody().front();
    OpBuilder builder = OpBuilder::atBlockBegin(&body);
    SmallVector<Value> outer = llvm::to_vector(values), inner;
    for (unsigned index = 0; index < values.size(); ++index)
      inner.push_back(body.getArgument(index));
    if (!fields.empty()) {
      Value weights = body.getArgument(values.size());
      llvm::append_range(outer, fields);
      llvm::append_range(inner, builder.create<UnpackOp>(weights.getLoc(), weights).getResults());
    }
    llvm::append_range(outer, keys);
    llvm::append_range(inner, body.getArguments().take_back(keys.size()));
    for (Operation *op : run.ops)
      op->moveBefore(&body, body.end());
    for (auto [from, to] : llvm::zip(outer, inner))
      Value(from).replaceUsesWithIf(to, [&](OpOperand &use) { return inside.contains(use.getOwner()); });
    finishFunction(func, results);
  }

  FuncOp main;
  Run &run;
  SymbolTable &symbols;
  llvm::DenseSet<Value> &readBefore;
  llvm::DenseSet<Operation *> inside;
  llvm::SetVector<Value> values, fields, keys; // what the run reads
  SmallVector<Value> results;
};

/// Cuts the bundle of @main's own parameters: one argument for each run that is the first to read some. What
/// nobody reads goes to the first.
class Splitter {
public:
  explicit Splitter(FuncOp main) : main(main) {}

  void split() {
    for (BlockArgument argument : main.getArguments())
      if (isa<BundleType>(argument.getType()) && isOwnBundle(argument) && !argument.use_empty())
        return splitArgument(argument.getArgNumber());
  }

private:
  struct Part {
    std::string name;
    SmallVector<unsigned> fields;
  };

  /// In the order of the runs' calls.
  std::vector<Part> findParts(UnpackOp unpack) {
    std::vector<Part> parts;
    llvm::DenseSet<unsigned> taken;
    for (auto call : main.getBody().getOps<CallOp>()) {
      Part part{call.getCallee().str(), {}};
      for (Value operand : call.getOperands())
        if (auto pack = operand.getDefiningOp<PackOp>())
          for (Value value : pack.getOperands())
            if (OpResult field = asOwnField(value); field && taken.insert(field.getResultNumber()).second)
              part.fields.push_back(field.getResultNumber());
      if (!part.fields.empty())
        parts.push_back(std::move(part));
    }
    for (unsigned field = 0; !parts.empty() && field < unpack->getNumResults(); ++field)
      if (!taken.contains(field))
        parts.front().fields.push_back(field);
    for (Part &part : parts)
      llvm::sort(part.fields);
    return parts;
  }

  void splitArgument(unsigned index) {
    UnpackOp unpack = unpackOf(main.getArgument(index));
    std::vector<Part> parts = findParts(unpack);
    if (parts.empty())
      return;
    DictionaryAttr attrs = main.getArgAttrDict(index);
    auto parameters = attrs.getAs<ArrayAttr>(parametersAttrName);
    BundleType whole = unpack.getBundle().getType();
    Builder builder(main.getContext());
    for (auto [number, part] : llvm::enumerate(parts)) {
      SmallVector<StringAttr> names;
      SmallVector<Type> types;
      SmallVector<Attribute> kept;
      for (unsigned field : part.fields) {
        names.push_back(whole.getFields()[field]);
        types.push_back(whole.getTypes()[field]);
        if (parameters)
          kept.push_back(parameters[field]);
      }
      auto type = BundleType::get(main.getContext(), builder.getStringAttr(part.name), names, types);
      NamedAttrList partAttrs(attrs);
      if (parameters)
        partAttrs.set(parametersAttrName, builder.getArrayAttr(kept));
      partAttrs.set(partAttrName, builder.getStringAttr(part.name));
      unsigned place = index + 1 + number;
      main.insertArgument(place, type, partAttrs.getDictionary(main.getContext()),
                          named(main.getArgument(index).getLoc(), part.name));
      OpBuilder inside(unpack);
      auto fields = inside.create<UnpackOp>(unpack.getLoc(), main.getArgument(place)).getResults();
      for (auto [field, value] : llvm::zip(part.fields, fields))
        unpack->getResult(field).replaceAllUsesWith(value);
    }
    unpack.erase();
    main.eraseArgument(index);
  }

  FuncOp main;
};

struct OutlinePass : nn::impl::NnOutlineBase<OutlinePass> {
  void runOnOperation() override {
    SymbolTable symbols(getOperation());
    auto main = symbols.lookup<FuncOp>("main");
    if (!main) {
      getOperation().emitError("the module has no function @main");
      return signalPassFailure();
    }
    cleanUp(main);
    readByField(main);
    sinkToUsers(main);
    llvm::DenseSet<Value> read;
    for (Run &run : findRuns(main))
      Outliner(main, run, symbols, read).outline();
    Splitter(main).split();
    cleanUp(main);
  }
};
} // namespace
