//===- StagePrograms.cpp - one program becomes one for each stage ----------===//

#include "compiler/transforms/pipe/StagePrograms.h"

#include "dialects/nn/Build.h"

using namespace mlir;
using namespace pipes;

StagePrograms::StagePrograms(ArrayRef<nn::FuncOp> funcs)
    : funcs(funcs), tasks(funcs.size()), unreleased(funcs.size()), releasable(funcs.size()) {
  for (nn::FuncOp func : funcs)
    builders.push_back(OpBuilder::atBlockEnd(&func.getBody().front()));
}

Value StagePrograms::get(int stage, Copy copy, Value value) {
  if (Value here = known.lookup({{stage, copy}, value}))
    return here;
  if (copy != once)
    if (Value here = known.lookup({{stage, once}, value}))
      return here;
  Value here;
  auto home = homes.find({copy, value});
  if (home != homes.end() && home->second != stage) {
    here = move(known.lookup({{home->second, copy}, value}), home->second, stage);
  } else if (auto argument = dyn_cast<BlockArgument>(value)) {
    here = this->argument(stage, copy, argument);
    if (!here)
      return {};
  } else if (Operation *op = value.getDefiningOp(); isWiring(op) || isFree.contains(op)) {
    // A field of a bundle that another stage has made travels alone.
    if (auto unpack = dyn_cast<nn::UnpackOp>(op)) {
      auto made = homes.find({copy, unpack.getBundle()});
      if (made != homes.end() && made->second != stage) {
        Value there = get(made->second, copy, value);
        here = move(there, made->second, stage);
        known[{{stage, copy}, value}] = here;
        return here;
      }
    }
    IRMapping mapping;
    for (Value operand : op->getOperands()) {
      Value mapped = get(stage, copy, operand);
      if (!mapped)
        return {};
      mapping.map(operand, mapped);
    }
    Operation *clone = builders[stage].clone(*op, mapping);
    for (auto [result, mapped] : llvm::zip(op->getResults(), clone->getResults()))
      known[{{stage, copy}, result}] = mapped;
    return known.lookup({{stage, copy}, value});
  } else {
    return {};
  }
  known[{{stage, copy}, value}] = here;
  return here;
}

Value StagePrograms::move(Value value, int from, int to, StringRef kind) {
  auto setKind = [&](Operation *op) {
    if (!kind.empty())
      op->setAttr(nn::kindAttrName, StringAttr::get(value.getContext(), kind));
  };
  Location loc = nn::locOf(value);
  if (from == to) {
    auto keep = builders[to].create<KeepOp>(loc, value.getType(), value);
    setKind(keep);
    return keep;
  }
  auto type = cast<nn::NamedTensorType>(value.getType());
  SmallVector<StringRef> order;
  for (nn::AxisAttr axis : type.getAxes())
    order.push_back(axis.getName().getValue());
  OpBuilder sender(value.getContext());
  sender.setInsertionPointAfterValue(value);
  OpBuilder receiver = builders[to];
  if (tasks[to].now && tasks[to].before)
    receiver.setInsertionPointAfter(tasks[to].before);
  auto axes = sender.getStrArrayAttr(order);
  auto none = sender.getI64IntegerAttr(0);
  auto send = sender.create<SendOp>(loc, value, sender.getI64IntegerAttr(to), none, axes);
  auto receive = receiver.create<ReceiveOp>(loc, type, sender.getI64IntegerAttr(from), none, axes);
  setKind(send);
  setKind(receive);
  unreleased[from].push_back(send);
  messages.push_back({send, receive});
  return receive;
}

Operation *StagePrograms::run(int stage, Copy copy, Operation *op,
                              llvm::function_ref<Value(OpOperand &)> operand) {
  IRMapping mapping;
  SmallVector<Value> operands;
  for (OpOperand &use : op->getOpOperands())
    operands.push_back(operand(use));
  Operation *clone = builders[stage].clone(*op, mapping);
  clone->setOperands(operands);
  for (auto [result, mapped] : llvm::zip(op->getResults(), clone->getResults()))
    map(stage, copy, result, mapped);
  return clone;
}

void StagePrograms::beginTask(int stage, Operation *task) {
  tasks[stage] = {task ? tasks[stage].now : nullptr, task};
}

void StagePrograms::releaseSent(int stage) {
  OpBuilder &builder = builders[stage];
  for (SendOp send : releasable[stage])
    waits[builder.create<SentOp>(send.getLoc(), send.getToAttr(), send.getMessageAttr())] = send;
  releasable[stage] = std::exchange(unreleased[stage], {});
}

void StagePrograms::finish() {
  llvm::DenseMap<Operation *, IntegerAttr> numbers;
  for (nn::FuncOp func : funcs) {
    llvm::DenseMap<int64_t, int64_t> next; // by receiver
    for (auto send : func.getBody().getOps<SendOp>()) {
      send.setMessage(next[send.getTo()]++);
      numbers[send] = send.getMessageAttr();
    }
  }
  for (auto [send, receive] : messages)
    receive.setMessageAttr(numbers[send]);
  for (auto [sent, send] : waits)
    cast<SentOp>(sent).setMessageAttr(numbers[send]);
}
