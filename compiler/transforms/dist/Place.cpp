//===- Place.cpp - write the layouts that the plan gives into the program -===//
//
// In:  a global program (canonical: no two equal sources), and `dist.plan`.
// Out: every type says where its tensor lies; an operand that is not where its op runs comes through a
//      dist.reshard; a partial value that not every user takes is reduced right after its producer.
// Not here: what the layouts are (Layouts); fewer reshards (Simplify).
//
//   %h = reshard %x : [batch@dp, seq@tp, embed] -> [batch@dp, seq, embed]      // one for both uses
//   %g = contract %h, %gate ..    %u = contract %h, %up ..                     // run on [batch@dp, mlp@tp]
//
//===----------------------------------------------------------------------===//

#include "compiler/transforms/dist/Layouts.h"
#include "compiler/transforms/dist/Passes.h"
#include "compiler/transforms/dist/Sources.h"

namespace dist {
#define GEN_PASS_DEF_DISTPLACE
#include "compiler/transforms/dist/Passes.h.inc"
} // namespace dist

using namespace mlir;
using namespace dist;

namespace {
/// Writes the layouts of one function.
class Writer {
public:
  explicit Writer(FunctionLayouts &layouts) : layouts(layouts) {}

  LogicalResult write() {
    nn::FuncOp func = layouts.func;
    SmallVector<Operation *> program;
    func.getBody().walk<WalkOrder::PreOrder>([&](Operation *op) {
      if (layouts.ops.contains(op))
        program.push_back(op);
    });
    Signature &signature = layouts.signature;
    func.setFunctionType(FunctionType::get(func.getContext(), signature.arguments, signature.results));
    for (auto [argument, type] : llvm::zip(func.getArguments(), signature.arguments))
      if (failed(setType(argument, type, func)))
        return failure();
    for (Operation *op : program)
      if (failed(writeOp(op)))
        return failure();
    eraseUnreadSources(program);
    return success();
  }

private:
  LogicalResult setType(Value value, Type type, Operation *owner) {
    PlanAttr plan = planOf(owner);
    if (failed(checkPlacement(type, plan, [&] { return emitError(value.getLoc()); })))
      return failure();
    value.setType(type);
    if (!layouts.reduced.contains(value))
      return success();
    Type whole = layouts.canonical(type, layouts.kindOf(value));
    if (whole == type)
      return success();
    OpBuilder builder(owner->getContext());
    builder.setInsertionPointAfterValue(value);
    reducedValues[value] = createReshard(builder, value, whole);
    return success();
  }

  LogicalResult writeOp(Operation *op) {
    OpLayout &layout = layouts.ops[op];
    for (auto [operand, type] : llvm::zip(op->getOpOperands(), layout.operands))
      operand.set(inLayout(operand.get(), type, op));
    for (auto [result, type] : llvm::zip(op->getResults(), layout.results))
      if (failed(setType(result, type, op)))
        return failure();
    if (auto loop = dyn_cast<nn::LoopOp>(op))
      for (auto [argument, type] : llvm::zip(llvm::drop_begin(loop.getBody().getArguments()), layout.results))
        if (failed(setType(argument, type, op)))
          return failure();
    return success();
  }

  /// `value` in layout `type`, for `user`; one reshard for each layout, before the first user.
  Value inLayout(Value value, Type type, Operation *user) {
    if (value.getType() == type)
      return value;
    if (Value whole = reducedValues.lookup(value))
      value = whole;
    if (value.getType() == type)
      return value;
    Value &known = resharded[{value, type}];
    if (known)
      return known;
    if (Operation *source = value.getDefiningOp())
      if (Value again = readAgain(source, cast<OpResult>(value).getResultNumber(), type))
        return readAgainOf.insert(source), known = again;
    OpBuilder builder(value.getParentBlock()->findAncestorOpInBlock(*user));
    return known = createReshard(builder, value, type);
  }

  /// A source that is read in other layouts only is not read in its own.
  void eraseUnreadSources(ArrayRef<Operation *> program) {
    for (Operation *op : llvm::reverse(program))
      if (readAgainOf.contains(op) && op->use_empty())
        op->erase();
  }

  FunctionLayouts &layouts;
  llvm::DenseMap<Value, Value> reducedValues;
  llvm::DenseMap<std::pair<Value, Type>, Value> resharded;
  llvm::DenseSet<Operation *> readAgainOf; // sources
};

struct Place : dist::impl::DistPlaceBase<Place> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    PlanAttr plan = planOf(module);
    if (!plan) {
      module.emitError() << "has no '" << DistDialect::planAttrName << "' to place by";
      return signalPassFailure();
    }
    ModuleLayouts layouts(module, plan);
    if (failed(layouts.infer()))
      return signalPassFailure();
    for (auto func : module.getOps<nn::FuncOp>())
      if (failed(Writer(*layouts.find(func)).write()))
        return signalPassFailure();
  }
};
} // namespace
