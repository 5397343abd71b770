//===- CallFaults.cpp - wrong arguments, globals, trips and inputs --------===//

#include "tests/mutants/ExecSites.h"

#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace exec;
using namespace shardc::mutants;
using shardc::interpreter::Handlers;

namespace {

/// Two arguments of one type and mode; what @init hands over is zero or one all over.
Edit argumentsExchanged(Operation *op) {
  auto call = dyn_cast<CallOp>(op);
  if (!call || functionOf(op).getSymName() == "init")
    return {};
  auto callee = op->getParentOfType<ModuleOp>().lookupSymbol<FuncOp>(call.getCallee());
  for (unsigned i = 0; i < op->getNumOperands(); ++i)
    for (unsigned j = 0; j < i; ++j)
      if (op->getOperand(i).getType() == op->getOperand(j).getType() &&
          callee.getMode(i) == callee.getMode(j) && rootsOf(op->getOperand(i)) != rootsOf(op->getOperand(j)))
        return [=](Handlers &) {
          Value first = op->getOperand(i);
          op->setOperand(i, op->getOperand(j));
          op->setOperand(j, first);
        };
  return {};
}

/// What a call only reads and what it writes.
Edit directionsExchanged(Operation *op) {
  auto call = dyn_cast<CallOp>(op);
  if (!call)
    return {};
  auto callee = op->getParentOfType<ModuleOp>().lookupSymbol<FuncOp>(call.getCallee());
  for (unsigned i = 0; i < op->getNumOperands(); ++i)
    for (unsigned j = 0; j < op->getNumOperands(); ++j)
      if (op->getOperand(i).getType() == op->getOperand(j).getType() && callee.getMode(i) == Mode::in &&
          callee.getMode(j) == Mode::out && rootsOf(op->getOperand(i)) != rootsOf(op->getOperand(j)) &&
          freshResult(op) && llvm::is_contained(rootsOf(op->getOperand(j)), freshResult(op)))
        return [=](Handlers &) {
          Value first = op->getOperand(i);
          op->setOperand(i, op->getOperand(j));
          op->setOperand(j, first);
        };
  return {};
}

/// The same kind of memory of another module: another layer's weights or gradients.
Edit otherGlobal(Operation *op) {
  auto address = dyn_cast<AddressOp>(op);
  if (!address)
    return {};
  auto module = op->getParentOfType<ModuleOp>();
  auto own = module.lookupSymbol<GlobalOp>(address.getGlobal());
  if (own.getKind() != "parameter" && own.getKind() != "gradient")
    return {};
  for (auto other : module.getOps<GlobalOp>())
    if (other != own && other.getKind() == own.getKind() && other.getType() == own.getType())
      return setAttribute(op, "global", FlatSymbolRefAttr::get(other.getSymNameAttr()));
  return {};
}

Edit tripForgotten(Operation *op) {
  auto loop = dyn_cast<LoopOp>(op);
  if (!loop)
    return {};
  if (loop.getTrips() == 1)
    return erased(op);
  return setAttribute(op, "trips", Builder(op->getContext()).getI64IntegerAttr(loop.getTrips() - 1));
}

Edit tripTooMany(Operation *op) {
  auto loop = dyn_cast<LoopOp>(op);
  if (!loop)
    return {};
  return setAttribute(op, "trips", Builder(op->getContext()).getI64IntegerAttr(loop.getTrips() + 1));
}

/// Whether an input is read at another slot than the first: by a later trip, behind its loop, or after
/// another micro-batch of a stage has read the first.
bool readsLaterSlot(Operation *op) {
  auto input = dyn_cast<InputOp>(op);
  if (!input)
    return false;
  if (auto loop = op->getParentOfType<LoopOp>())
    return loop.getTrips() > 1;
  auto globalOf = [](InputOp each) { return each.getOperand().getDefiningOp<AddressOp>().getGlobal(); };
  for (Operation *before = op->getPrevNode(); before; before = before->getPrevNode())
    if (auto other = dyn_cast<InputOp>(before);
        isa<LoopOp>(before) || (other && globalOf(other) == globalOf(input)))
      return true;
  return false;
}

/// The second slot of an input lies before the first.
Edit slotsReversed(Operation *op) {
  if (!readsLaterSlot(op))
    return {};
  return [=](Handlers &) {
    Value first = op->getOperand(1);
    op->setOperand(1, op->getOperand(2));
    op->setOperand(2, first);
  };
}

Edit slotsLonger(Operation *op) {
  if (!readsLaterSlot(op))
    return {};
  int64_t samples = cast<InputOp>(op).getSamples();
  return setAttribute(op, "samples", Builder(op->getContext()).getI64IntegerAttr(2 * samples));
}

/// A callee says that it only reads what it writes, or that it starts anew what it adds to.
Edit modeWrong(Operation *op, Mode from, Mode to) {
  auto func = dyn_cast<FuncOp>(op);
  if (!func || func.getEntry())
    return {};
  for (unsigned i = 0; i < func.getModes().size(); ++i)
    if (func.getMode(i) == from && isa<BufferType>(func.getBody().getArgument(i).getType()) &&
        !touching(&func.getBody().front(), func.getBody().getArgument(i)).empty()) {
      SmallVector<int32_t> modes(func.getModes());
      modes[i] = int32_t(to);
      return setAttribute(op, "modes", DenseI32ArrayAttr::get(op->getContext(), modes));
    }
  return {};
}

Edit outputOnlyRead(Operation *op) {
  return modeWrong(op, Mode::out, Mode::in);
}

Edit inputWritten(Operation *op) {
  return modeWrong(op, Mode::in, Mode::out);
}

} // namespace

void shardc::mutants::addCallFaults(Faults &faults) {
  faults.insert(faults.end(),
                {{"arguments exchanged", "of a call, of one type and mode", argumentsExchanged},
                 {"directions exchanged", "what a call reads and what it writes", directionsExchanged},
                 {"another module's global", "of the same kind and type", otherGlobal},
                 {"micro-batch forgotten", "one trip too few", tripForgotten},
                 {"micro-batch too many", "one trip that has no input", tripTooMany},
                 {"slots reversed", "an input's distance from its first sample is negated", slotsReversed},
                 {"slots longer", "an input's slots of twice the samples", slotsLonger},
                 {"output called an input", "a function's argument is only read", outputOnlyRead},
                 {"input called an output", "a function's argument is written in full", inputWritten}});
}
