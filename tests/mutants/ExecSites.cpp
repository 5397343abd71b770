//===- ExecSites.cpp - questions that the faults of exec programs ask -----===//

#include "tests/mutants/ExecSites.h"

using namespace mlir;
using namespace exec;
using namespace shardc::mutants;
using shardc::interpreter::Handlers;

std::optional<Mode> shardc::mutants::touchOf(Operation *op, Value root) {
  auto access = dyn_cast<AccessOpInterface>(op);
  if (!access)
    return std::nullopt;
  SmallVector<Access> accesses;
  access.getAccesses(accesses);
  std::optional<Mode> found;
  for (const Access &each : accesses)
    if (llvm::is_contained(rootsOf(each.memory), root))
      found = !found || *found == each.mode ? each.mode : Mode::inout;
  return found;
}

SmallVector<Operation *> shardc::mutants::touching(Block *block, Value root) {
  SmallVector<Operation *> found;
  for (Operation &op : *block) {
    WalkResult result = op.walk([&](Operation *inner) {
      return touchOf(inner, root) ? WalkResult::interrupt() : WalkResult::advance();
    });
    if (result.wasInterrupted())
      found.push_back(&op);
  }
  return found;
}

bool shardc::mutants::isFill(Operation *op) {
  auto kernel = dyn_cast<KernelOp>(op);
  return kernel && kernel.getInputs().empty();
}

Value shardc::mutants::freshResult(Operation *op) {
  auto access = dyn_cast<AccessOpInterface>(op);
  if (!access)
    return {};
  SmallVector<Access> accesses;
  access.getAccesses(accesses);
  for (const Access &each : accesses) {
    SmallVector<Value> roots = rootsOf(each.memory);
    if (each.mode != Mode::out || roots.size() != 1 || touchOf(op, roots[0]) != Mode::out)
      continue;
    Value root = roots[0];
    auto argument = dyn_cast<BlockArgument>(root);
    bool isOut = argument && argument.getOwner()->getParentOp() == functionOf(op) &&
                 functionOf(op).getMode(argument.getArgNumber()) == Mode::out;
    auto buffer = root.getDefiningOp<BufferOp>();
    if (!isOut && !(buffer && buffer->getBlock() == op->getBlock()))
      continue;
    SmallVector<Operation *> users = touching(op->getBlock(), root);
    if (users.empty() || users.front() != op)
      continue;
    // A struct's other fields are other memory: only a buffer of one tensor is followed.
    if (buffer && !isa<BufferType>(buffer.getType()))
      continue;
    std::optional<Mode> next = users.size() > 1 ? touchOf(users[1], root) : std::nullopt;
    if (next && *next != Mode::out)
      return root;
  }
  return {};
}

SmallVector<std::pair<StringAttr, RankAttr>> shardc::mutants::rankNumbers(Operation *op) {
  SmallVector<std::pair<StringAttr, RankAttr>> numbers;
  for (NamedAttribute attribute : op->getAttrs())
    if (auto number = dyn_cast<RankAttr>(attribute.getValue()))
      numbers.push_back({attribute.getName(), number});
  return numbers;
}

StringAttr shardc::mutants::meshAxisLike(Operation *op, StringAttr axis, ArrayRef<StringAttr> except) {
  auto mesh = op->getParentOfType<ModuleOp>()->getAttrOfType<MeshAttr>(meshAttrName);
  for (StringAttr other : mesh.getNames())
    if (other != axis && !llvm::is_contained(except, other) && mesh.sizeOf(other) == mesh.sizeOf(axis))
      return other;
  return {};
}

WaitOp shardc::mutants::waitOf(Operation *op) {
  bool isStarted = isa<CollectiveOp, CallOp>(op) && op->getNumResults() == 1 && !op->use_empty();
  return isStarted ? dyn_cast<WaitOp>(*op->user_begin()) : WaitOp();
}

void shardc::mutants::unwait(Operation *op) {
  WaitOp wait = waitOf(op);
  if (!wait)
    return;
  for (unsigned i = wait->getNumOperands(); i-- > 0;)
    if (wait->getOperand(i).getDefiningOp() == op)
      wait->eraseOperand(i);
  if (wait->getNumOperands() == 0)
    wait->erase();
}

Edit shardc::mutants::erased(Operation *op) {
  return [=](Handlers &) {
    unwait(op);
    op->erase();
  };
}

Edit shardc::mutants::setAttribute(Operation *op, StringRef name, Attribute value) {
  return [=](Handlers &) { op->setAttr(name, value); };
}
