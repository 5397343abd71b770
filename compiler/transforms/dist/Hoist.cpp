//===- Hoist.cpp - move reshards across function edges --------------------===//
//
// What moves to the call sites, where the step's schedule can issue it early:
//   weights          that the function uses gathered: `nn.kind` says that they rest elsewhere
//   data             tokens and labels, which every caller reads from an input: another read instead of a
//   gather
// What stays: the gather of an activation. Before the call it would only live longer.
//
// A weight that two calls gather (forward and backward) is gathered twice, unless the plan keeps it
// (Simplify).
//
// How far a gather goes, of what a module multiplies by:
//
//   @step: loop  calls  @micro  calls  @block  calls  @attention
//                         ^ as far as this ^ where the plan gathers by module
//
// Beyond, it would be held for as long as all that @micro (that the layer) does.
//
//===----------------------------------------------------------------------===//

#include "compiler/transforms/dist/Hoist.h"
#include "compiler/transforms/dist/Accumulators.h"
#include "compiler/transforms/dist/ReshardSteps.h"
#include "compiler/transforms/dist/Sources.h"
#include "dialects/pipe/Pipe.h"

using namespace mlir;
using namespace dist;

//===-- who calls whom -----------------------------------------------------===//

CallGraph::CallGraph(ModuleOp module) {
  llvm::DenseMap<StringAttr, nn::FuncOp> symbols;
  for (auto func : module.getOps<nn::FuncOp>())
    symbols[func.getSymNameAttr()] = func;
  llvm::DenseSet<Operation *> seen;
  std::function<void(nn::FuncOp)> add = [&](nn::FuncOp func) {
    if (!func || !seen.insert(func).second)
      return;
    func.walk([&](nn::CallOp call) {
      nn::FuncOp callee = symbols.lookup(call.getCalleeAttr().getAttr());
      add(callee);
      calls[callee].push_back(call);
    });
    order.push_back(func);
  };
  for (auto func : module.getOps<nn::FuncOp>())
    add(func);
}

ArrayRef<nn::CallOp> CallGraph::callsOf(nn::FuncOp func) const {
  auto found = calls.find(func);
  return found == calls.end() ? ArrayRef<nn::CallOp>() : ArrayRef<nn::CallOp>(found->second);
}

bool dist::gathers(Type from, Type to) {
  if (auto bundle = dyn_cast<nn::BundleType>(from))
    return llvm::any_of(llvm::zip(bundle.getTypes(), cast<nn::BundleType>(to).getTypes()),
                        [](auto pair) { return gathers(std::get<0>(pair), std::get<1>(pair)); });
  auto source = dyn_cast<nn::NamedTensorType>(from), target = dyn_cast<nn::NamedTensorType>(to);
  return source && llvm::any_of(planReshard(source, target),
                                [](const ReshardStep &step) { return step.kind == ReshardStep::allGather; });
}

//===-- changing a signature -----------------------------------------------===//

static void updateType(nn::FuncOp func) {
  SmallVector<Type> inputs(func.getBody().front().getArgumentTypes());
  SmallVector<Type> results(func.getReturn()->getOperandTypes());
  func.setFunctionType(FunctionType::get(func.getContext(), inputs, results));
}

/// Gives argument `index` another layout; each caller reshards what it hands over.
static void retypeArgument(nn::FuncOp func, unsigned index, Type type, const CallGraph &graph) {
  func.getArgument(index).setType(type);
  for (nn::CallOp call : graph.callsOf(func)) {
    OpBuilder builder(call);
    call->setOperand(index, createReshard(builder, call.getOperand(index), type));
  }
}

//===-- weights ------------------------------------------------------------===//

/// Whether the function is run once for each micro-batch.
static bool runsPerMicrobatch(nn::FuncOp func, const CallGraph &graph) {
  return func->hasAttr(pipes::taskAttrName) || llvm::any_of(graph.callsOf(func), [](nn::CallOp call) {
           return call->getParentOfType<nn::LoopOp>() != nullptr;
         });
}

/// Whether the calls of the function are those of the step: the model's layers, its embedding, its head.
static bool isLayer(nn::FuncOp func, const CallGraph &graph) {
  return llvm::any_of(graph.callsOf(func), [&](nn::CallOp call) {
    auto caller = call->getParentOfType<nn::FuncOp>();
    return graph.callsOf(caller).empty() || runsPerMicrobatch(caller, graph);
  });
}

/// A weight of one axis, or a module's weights that are: a norm's are not worth a meeting of their own.
static bool isVector(Type type) {
  if (auto bundle = dyn_cast<nn::BundleType>(type))
    return llvm::all_of(bundle.getTypes(), isVector);
  return cast<nn::NamedTensorType>(type).getAxes().size() == 1;
}

/// Whether a weight's reshard in `func` may go on to the calls of it.
static bool mayLeave(ReshardOp reshard, nn::FuncOp func, const CallGraph &graph) {
  if (!gathers(reshard.getOperand().getType(), reshard.getType()))
    return true;
  if (func->hasAttr(pipes::taskAttrName))
    return false;
  bool isForCalls = llvm::all_of(reshard->getUsers(), llvm::IsaPred<nn::PackOp, nn::CallOp>);
  if (!isForCalls)
    return true;
  PlanAttr plan = planOf(func);
  bool staysInLayer = plan && plan.getGatherModules() && !isVector(reshard.getType()) && isLayer(func, graph);
  return !staysInLayer && !runsPerMicrobatch(func, graph);
}

/// The one reshard that is the only use of `value` and may leave `func`, or null.
static ReshardOp reshardToHoist(Value value, nn::FuncOp func, const CallGraph &graph) {
  auto reshard = value.hasOneUse() ? dyn_cast<ReshardOp>(*value.user_begin()) : ReshardOp();
  return reshard && mayLeave(reshard, func, graph) ? reshard : ReshardOp();
}

static void fold(ReshardOp reshard) {
  reshard.replaceAllUsesWith(reshard.getOperand());
  reshard.erase();
}

static bool hoistWeights(nn::FuncOp func, unsigned index, const CallGraph &graph) {
  BlockArgument argument = func.getArgument(index);
  if (ReshardOp reshard = reshardToHoist(argument, func, graph)) {
    retypeArgument(func, index, reshard.getType(), graph);
    fold(reshard);
    return true;
  }
  auto unpack = argument.hasOneUse() ? dyn_cast<nn::UnpackOp>(*argument.user_begin()) : nn::UnpackOp();
  if (!unpack)
    return false;
  SmallVector<ReshardOp> reshards;
  SmallVector<Type> types(unpack->getResultTypes());
  for (OpResult field : unpack->getResults())
    if (ReshardOp reshard = reshardToHoist(field, func, graph)) {
      types[field.getResultNumber()] = reshard.getType();
      reshards.push_back(reshard);
    }
  if (reshards.empty())
    return false;
  retypeArgument(func, index, cast<nn::BundleType>(argument.getType()).withTypes(types), graph);
  for (auto [field, type] : llvm::zip(unpack->getResults(), types))
    field.setType(type);
  llvm::for_each(reshards, fold);
  return true;
}

//===-- data ---------------------------------------------------------------===//

/// Whether every caller gets the value from a source.
static bool isData(Value value, const CallGraph &graph) {
  if (Operation *op = value.getDefiningOp()) {
    auto reshard = dyn_cast<ReshardOp>(op);
    return isSource(op) || (reshard && isData(reshard.getOperand(), graph));
  }
  auto argument = cast<BlockArgument>(value);
  auto func = dyn_cast<nn::FuncOp>(argument.getOwner()->getParentOp());
  if (!func || graph.callsOf(func).empty())
    return false;
  return llvm::all_of(graph.callsOf(func), [&](nn::CallOp call) {
    return isData(call.getOperand(argument.getArgNumber()), graph);
  });
}

/// A layout that the users of `value` want and from which all others follow without sending; null where there
/// is none or nothing is gained.
static Type layoutForAll(Value value) {
  llvm::SmallSetVector<Type, 2> wanted;
  for (Operation *user : value.getUsers())
    wanted.insert(isa<ReshardOp>(user) ? user->getResult(0).getType() : value.getType());
  for (Type type : wanted)
    if (llvm::all_of(wanted, [&](Type other) { return isLocal(type, other); }))
      return type == value.getType() ? Type() : type;
  return {};
}

static bool hoistData(nn::FuncOp func, unsigned index, const CallGraph &graph) {
  BlockArgument argument = func.getArgument(index);
  if (!isa<nn::NamedTensorType>(argument.getType()) || !isData(argument, graph))
    return false;
  Type old = argument.getType(), type = layoutForAll(argument);
  if (!type)
    return false;
  SmallVector<OpOperand *> asBefore; // users of the old layout take a slice
  for (OpOperand &use : llvm::make_early_inc_range(argument.getUses())) {
    auto reshard = dyn_cast<ReshardOp>(use.getOwner());
    if (!reshard)
      asBefore.push_back(&use);
    else if (reshard.getType() == type)
      fold(reshard);
  }
  // Folding made new direct users; those found before keep the old layout.
  retypeArgument(func, index, type, graph);
  if (!asBefore.empty()) {
    OpBuilder builder = OpBuilder::atBlockBegin(argument.getOwner());
    Value slice = createReshard(builder, argument, old);
    for (OpOperand *use : asBefore)
      use->set(slice);
  }
  return true;
}

bool dist::hoistArguments(nn::FuncOp func, const CallGraph &graph) {
  if (graph.callsOf(func).empty())
    return false;
  bool moved = false;
  for (unsigned index = 0; index < func.getNumArguments(); ++index) {
    StringRef kind = kindOfArgument(func, index);
    bool rests = kind == nn::kindParameter || kind == nn::kindOptimizerState;
    moved |= rests ? hoistWeights(func, index, graph) : kind.empty() && hoistData(func, index, graph);
  }
  if (moved)
    updateType(func);
  return moved;
}

//===-- results ------------------------------------------------------------===//

/// The one layout that all callers give a result without sending anything, or null.
static Type layoutOfAllCallers(nn::FuncOp func, unsigned index, const CallGraph &graph) {
  Type wanted;
  for (nn::CallOp call : graph.callsOf(func))
    for (Operation *user : call.getResult(index).getUsers()) {
      auto reshard = dyn_cast<ReshardOp>(user);
      if (!reshard || (wanted && wanted != reshard.getType()))
        return {};
      wanted = reshard.getType();
    }
  return wanted && isLocal(func.getReturn()->getOperand(index).getType(), wanted) ? wanted : Type();
}

static bool holdsPartial(Type type) {
  for (unsigned field = 0, e = numFields(type); field < e; ++field)
    if (nn::NamedTensorType tensor = fieldType(type, field); tensor && tensor.getPartial())
      return true;
  return false;
}

bool dist::sinkResults(nn::FuncOp func, const CallGraph &graph) {
  bool moved = false;
  for (unsigned index = 0; index < func.getNumResults(); ++index) {
    Type type = layoutOfAllCallers(func, index, graph);
    if (!type || (holdsPartial(type) && !mayBePartial(kindOfResult(func, index))))
      continue;
    nn::ReturnOp ret = func.getReturn();
    OpBuilder builder(ret);
    ret->setOperand(index, createReshard(builder, ret->getOperand(index), type));
    for (nn::CallOp call : graph.callsOf(func)) {
      Value result = call.getResult(index);
      result.setType(type);
      for (Operation *user : llvm::make_early_inc_range(result.getUsers()))
        fold(cast<ReshardOp>(user));
    }
    moved = true;
  }
  if (moved)
    updateType(func);
  return moved;
}
