//===- Interpreter.cpp - what a program computes, in f64, on all ranks ----===//

#include "compiler/interpreter/Interpreter.h"

#include "compiler/interpreter/Distribute.h"

#include "dialects/nn/Nn.h"

#include "llvm/ADT/ScopeExit.h"

#include <map>

using namespace mlir;
using namespace nn;
using namespace shardc;
using namespace shardc::interpreter;

namespace {

/// One rank's answers to what an op asks besides its operands.
class RankContext : public EvaluateContext {
public:
  RankContext(const Mesh &mesh, const Options &options, Operation *op, ArrayRef<Datum> operands)
      : mesh(mesh), options(options), op(op), operands(operands) {}

  Shard shardFor(NamedTensorType type) override { return mesh.shardFor(type, rank); }
  uint64_t seed() const override { return options.seed; }
  rt::Key keyOf(Value key) override {
    for (auto [operand, datum] : llvm::zip(op->getOperands(), operands))
      if (operand == key)
        return datum.key;
    llvm_unreachable("an op asks for the keys among its operands");
  }
  double inputValue(StringRef name, int64_t sample, int64_t index) override {
    return options.inputs(name, sample, index);
  }

  int64_t rank = 0;

private:
  const Mesh &mesh;
  const Options &options;
  Operation *op;
  ArrayRef<Datum> operands;
};

/// What the results of an op on one rank depend on, its key operands apart, which all ranks share.
std::vector<int64_t> signatureOf(const Mesh &mesh, Operation *op, ArrayRef<Datum> operands, int64_t rank) {
  std::vector<int64_t> signature;
  auto addStarts = [&](const Shard &shard) {
    for (const ShardAxis &axis : shard.axes)
      signature.push_back(axis.start);
  };
  for (const Datum &operand : operands)
    if (operand.shards) {
      const Shard &shard = (*operand.shards)[rank];
      signature.push_back(reinterpret_cast<intptr_t>(shard.values.get()));
      addStarts(shard);
    }
  for (Type type : op->getResultTypes())
    addStarts(mesh.shardFor(cast<NamedTensorType>(type), rank));
  return signature;
}

} // namespace

Interpreter::Interpreter(ModuleOp module, Mesh mesh, Options options)
    : module(module), mesh(std::move(mesh)), options(std::move(options)) {
  for (auto function : module.getOps<FuncOp>())
    functions[function.getSymName()] = function;
  module.walk([&](Operation *op) {
    for (Type type : op->getResultTypes())
      if (auto tensor = dyn_cast<NamedTensorType>(type); tensor && whyNot.empty())
        whyNot = this->mesh.whyNot(tensor);
  });
}

FailureOr<FuncOp> Interpreter::functionFor(StringRef name, ArrayRef<Datum> arguments) {
  if (!whyNot.empty())
    return module.emitError() << "the program does not fit the mesh: " << whyNot;
  auto function = dyn_cast_or_null<FuncOp>(functions.lookup(name));
  if (!function)
    return module.emitError() << "there is no function @" << name;
  if (function.getBody().getNumArguments() != arguments.size())
    return function.emitError() << "@" << name << " has " << function.getBody().getNumArguments()
                                << " arguments, given are " << arguments.size();
  return function;
}

FailureOr<Data> Interpreter::run(StringRef name, ArrayRef<Datum> arguments) {
  FailureOr<FuncOp> function = functionFor(name, arguments);
  return failed(function) ? FailureOr<Data>(failure()) : runBlock(function->getBody().front(), arguments);
}

void Interpreter::enter(Block &block, ArrayRef<Datum> arguments) {
  // A loop's body sees the values around it: scopes are searched from the innermost.
  scopes.emplace_back();
  for (auto [argument, datum] : llvm::zip(block.getArguments(), arguments))
    scopes.back()[argument] = datum;
}

FailureOr<Data> Interpreter::runBlock(Block &block, ArrayRef<Datum> arguments) {
  enter(block, arguments);
  auto leave = llvm::make_scope_exit([&] { scopes.pop_back(); });
  for (Operation &op : block.without_terminator())
    if (failed(runOp(&op)))
      return failure();
  return operandsOf(block.getTerminator());
}

LogicalResult Interpreter::runOp(Operation *op) {
  FailureOr<Data> results = evaluate(op, operandsOf(op));
  if (failed(results))
    return failure();
  for (auto [value, datum] : llvm::zip(op->getResults(), *results)) {
    if (failed(checkResult(value, datum)))
      return failure();
    scopes.back()[value] = std::move(datum);
  }
  return success();
}

const Datum &Interpreter::valueOf(Value value) const {
  for (const Scope &scope : llvm::reverse(scopes))
    if (auto found = scope.find(value); found != scope.end())
      return found->second;
  llvm_unreachable("verified IR defines a value before it is used");
}

Data Interpreter::operandsOf(Operation *op) const {
  Data operands;
  for (Value operand : op->getOperands())
    operands.push_back(valueOf(operand));
  return operands;
}

FailureOr<Data> Interpreter::evaluate(Operation *op, ArrayRef<Datum> operands) {
  if (const Handler *handler = options.handlers.find(op->getName().getStringRef()))
    return (*handler)(*this, op, operands);
  return evaluateRankByRank(op, operands);
}

FailureOr<Data> Interpreter::evaluateRankByRank(Operation *op, ArrayRef<Datum> operands) {
  auto evaluable = dyn_cast<EvaluateOpInterface>(op);
  if (!evaluable)
    return op->emitOpError() << "has no reference value";
  RankContext context(mesh, options, op, operands);
  std::vector<std::vector<Shard>> byResult(op->getNumResults());
  std::map<std::vector<int64_t>, int64_t> firstWith; // the first rank with a signature computes
  for (int64_t rank = 0; rank < mesh.numRanks(); ++rank) {
    auto [known, isNew] = firstWith.insert({signatureOf(mesh, op, operands, rank), rank});
    if (!isNew) {
      for (std::vector<Shard> &shards : byResult)
        shards.push_back(shards[known->second]);
      continue;
    }
    SmallVector<Shard> shards, results;
    for (const Datum &operand : operands)
      shards.push_back(operand.shards ? (*operand.shards)[rank] : Shard());
    context.rank = rank;
    if (failed(evaluable.evaluate(context, shards, results)))
      return failure();
    for (auto [result, all] : llvm::zip(results, byResult))
      all.push_back(std::move(result));
  }
  Data results;
  for (std::vector<Shard> &shards : byResult)
    results.push_back(Datum::tensor(std::move(shards)));
  return results;
}

LogicalResult Interpreter::checkResult(Value value, Datum &datum) {
  auto type = dyn_cast<NamedTensorType>(value.getType());
  if (!type)
    return success();
  for (auto [rank, shard] : llvm::enumerate(*datum.shards)) {
    Shard expected = mesh.shardFor(type, static_cast<int64_t>(rank));
    if (shard.axes != expected.axes || static_cast<int64_t>(shard.values->size()) != expected.numElements())
      return emitError(value.getLoc()) << "rank " << rank << " holds " << shard.values->size()
                                       << " elements of '" << nameOf(value.getLoc()) << "' ("
                                       << toString(type) << "), its part has " << expected.numElements();
  }
  if (!options.checkReplicas)
    return success();
  if (std::optional<Disagreement> found = findDisagreement(mesh, *datum.shards, type))
    return emitError(value.getLoc()) << "of '" << nameOf(value.getLoc()) << "' (" << toString(type) << ") "
                                     << found->str();
  return success();
}

Datum shardc::interpreter::scalarDatum(const Mesh &mesh, double value) {
  Shard shard;
  shard.set({value});
  return Datum::tensor(std::vector<Shard>(mesh.numRanks(), shard));
}
