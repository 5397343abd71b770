//===- Stages.cpp - the programs of one package ----------------------------===//

#include "compiler/codegen/Stages.h"
#include "dialects/pipe/Pipe.h"

#include "mlir/IR/OperationSupport.h"
#include <fmt/format.h>

using namespace mlir;

namespace shardc::codegen {

//===-- one program --------------------------------------------------------===//

bool Program::isConstant(exec::FuncOp func, unsigned argument) {
  return func.getMode(argument) == exec::Mode::in && !isTakenUp(func.getBody().getArgument(argument));
}

bool Program::isTakenUp(Value pointer) {
  for (OpOperand &use : pointer.getUses()) {
    Operation *user = use.getOwner();
    if (isa<exec::PackOp>(user))
      return true;
    if (auto view = dyn_cast<exec::ViewOp>(user); view && isTakenUp(view.getResult()))
      return true;
    auto call = dyn_cast<exec::CallOp>(user);
    if (call && !isConstant(calleeOf(call), use.getOperandNumber()))
      return true;
  }
  return false;
}

//===-- all of them --------------------------------------------------------===//

Programs::Programs(ModuleOp module) {
  for (ModuleOp program : pipes::stagesOf(module)) {
    pipes::StageAttr stage = pipes::stageOf(program);
    all.push_back(std::make_unique<Program>(program, stage ? fmt::format("stage_{}", stage.getIndex()) : ""));
  }
  for (auto &program : all)
    for (auto func : program->module.getOps<exec::FuncOp>())
      add(*program, func);
}

void Programs::add(Program &program, exec::FuncOp func) {
  if (standIns.contains(func))
    return;
  func.walk(
      [&](exec::CallOp call) { add(program, program.calleeOf(call)); }); // likeness is that of callees too
  auto &known = byName[func.getSymName()];
  for (exec::FuncOp other : known)
    if (!func.getEntry() && areAlike(program, func, other)) {
      standIns[func] = other;
      return;
    }
  standIns[func] = func;
  const bool isOwn = arePipelined() && (func.getEntry() || !known.empty());
  names[func] = isOwn ? program.space + "." + func.getSymName().str() : func.getSymName().str();
  known.push_back(func);
}

/// Op by op the same, with callees that are. Functions of one name stand at one place of the YAML.
bool Programs::areAlike(Program &program, exec::FuncOp func, exec::FuncOp other) {
  if (!OperationEquivalence::isEquivalentTo(func, other, OperationEquivalence::IgnoreLocations))
    return false;
  auto *owner = llvm::find_if(all, [&](auto &one) { return one->module == other->getParentOp(); })->get();
  SmallVector<exec::FuncOp> callees;
  func.walk([&](exec::CallOp call) { callees.push_back(standIn(program.calleeOf(call))); });
  auto *next = callees.begin();
  bool same = true;
  other.walk([&](exec::CallOp call) { same &= standIn(owner->calleeOf(call)) == *next++; });
  return same;
}

int64_t Programs::chunksPerStage() const {
  int64_t chunks = 0;
  for (auto &program : all)
    program->module.walk([&](pipes::BeginOp begin) {
      chunks = std::max<int64_t>(chunks, int64_t(begin.getChunk().value_or(0)) + 1);
    });
  return std::max<int64_t>(1, chunks / int64_t(all.size()));
}

bool Programs::splitsBackward() const {
  bool splits = false;
  for (auto &program : all)
    program->module.walk(
        [&](pipes::BeginOp begin) { splits |= begin.getPass() == pipes::Pass::backward_weight; });
  return splits;
}

bool Programs::areRehearsed() const {
  return llvm::any_of(all, [](auto &program) {
    return program->module.walk([](exec::PauseOp) { return WalkResult::interrupt(); }).wasInterrupted();
  });
}

int64_t Programs::numMessages() const {
  int64_t count = 0;
  for (auto &program : all)
    program->module.walk([&](exec::SendOp send) { count = std::max<int64_t>(count, send.getMessage() + 1); });
  return count;
}

} // namespace shardc::codegen
