//===- FaultTest.cpp - what is said of a dropped collective ---------------===//
//
// Of a placed GPT-2 a collective is dropped: its result is made of the rank's own operand alone. That any
// such fault is seen is the mutants' test; here, that the report points at it.
//
//===----------------------------------------------------------------------===//

#include "compiler/interpreter/DistHandlers.h"
#include "tests/unit/interpreter/JobSupport.h"

#include <gtest/gtest.h>

using namespace mlir;
using namespace shardc::interpreter;
using namespace shardc::interpreter::test;

namespace {

const char *const job = R"(
model: gpt2
config: {num_hidden_layers: 2, hidden_size: 12, num_attention_heads: 2, intermediate_size: 10, vocab_size: 14,
         max_position_embeddings: 9}
plan: {mesh: {dp: 2, tp: 2}, shard: [{batch: dp}, {heads: tp, mlp: tp, vocab: tp}, {seq: tp}]}
train: {seq_len: 6, global_batch_size: 4, steps: 9, optimizer: {name: adamw, lr: 1.0e-2, eps: 1.0e-3}, max_grad_norm: 0.5}
)";

/// Handlers under which `target` moves nothing.
Handlers dropping(Operation *target, int &dropped) {
  Handlers handlers = allHandlers();
  StringRef name = target->getName().getStringRef();
  handlers.set(name, executedAlone(target, *handlers.find(name), &dropped));
  return handlers;
}

struct Faults : testing::Test {
  void SetUp() override {
    ASSERT_TRUE(test.isValid()) << test.errors;
    global = test.build();
    placed = global->clone();
    ASSERT_TRUE(succeeded(test.toStep(*global)) && succeeded(test.toDist(*placed))) << test.errors;
    placed->walk([&](Operation *op) {
      auto kind = op->getAttrOfType<nn::ReductionKindAttr>("kind");
      bool moves = isa<dist::AllReduceOp, dist::AllGatherOp, dist::ReduceScatterOp, dist::AllToAllOp>(op);
      if (moves && !(kind && kind.getValue() == nn::ReductionKind::max))
        collectives.push_back(op);
    });
    ASSERT_GT(collectives.size(), 10u);
  }

  JobUnderTest test{job};
  OwningOpRef<ModuleOp> global, placed;
  std::vector<Operation *> collectives;
};

std::string describe(Operation *op) {
  std::string text;
  llvm::raw_string_ostream(text) << "in @" << op->getParentOfType<nn::FuncOp>().getSymName() << ": " << *op;
  return text;
}

/// A weight's gradient that is not summed over the batch: the table names that weight first among gradients.
TEST_F(Faults, theReportNamesTheTensor) {
  Operation *fault = nullptr;
  for (Operation *collective : collectives)
    if (nn::nameOf(collective->getLoc()).contains("c_fc.weight"))
      fault = collective;
  ASSERT_TRUE(fault);
  int dropped = 0;
  std::optional<Comparison> comparison = test.compare(*global, *placed, 1, false, dropping(fault, dropped));
  ASSERT_TRUE(comparison) << test.errors;
  std::string table = textOf(*comparison);
  EXPECT_NE(table.find("mlp.c_fc.weight"), std::string::npos) << describe(fault) << table;
}

/// The check of replicas stops at the value at which ranks first differ.
TEST_F(Faults, ranksThatDifferAreReportedAtTheValue) {
  for (Operation *collective : collectives) {
    if (!isa<dist::AllReduceOp>(collective))
      continue;
    int dropped = 0;
    EXPECT_FALSE(test.compare(*global, *placed, 1, true, dropping(collective, dropped)));
    EXPECT_NE(test.errors.find("hold different values at"), std::string::npos)
        << describe(collective) << test.errors;
    return;
  }
  FAIL() << "the plan has no all-reduce";
}

} // namespace
