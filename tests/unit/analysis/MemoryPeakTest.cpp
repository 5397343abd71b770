//===- MemoryPeakTest.cpp - a rank's memory at its fullest ----------------===//

#include "compiler/analysis/MemoryPeak.h"
#include "compiler/Pipelines.h"
#include "compiler/analysis/Layouts.h"
#include "tests/unit/interpreter/JobSupport.h"

#include "mlir/Parser/Parser.h"

#include <gtest/gtest.h>

using namespace mlir;
using namespace shardc;
using namespace shardc::interpreter::test;

namespace {

class MemoryPeakTest : public testing::Test {
protected:
  MemoryPeakTest() {
    context.loadDialect<nn::NnDialect, exec::ExecDialect, arith::ArithDialect, math::MathDialect>();
  }
  MLIRContext context;
};

std::vector<std::string> functionsOf(const MemoryPeak &peak) {
  std::vector<std::string> names;
  for (const MemoryCall &call : peak.chain)
    names.push_back(call.function);
  return names;
}

/// Blocks lie in the arena and share no byte; with the gaps they are all of it.
void expectSound(const MemoryPeak &peak) {
  int64_t end = 0;
  for (const MemoryBlock &block : peak.alive) {
    EXPECT_LE(end, block.offset) << block.name;
    end = block.offset + block.bytes;
  }
  EXPECT_LE(end, peak.arenaBytes);
  EXPECT_GE(peak.gapBytes(), 0);
}

// Planned by hand, with a forward and a backward. Fullest is the backward where d_dropped begins:
//   globals  step 8, first_sample 8, tokens 64, loss 4, count 4; embed 160, mlp 224, and gradients alike
//   @micro   saved 480 (256, 96 to 384, 96), y 256, which the backward reads too, d_x 256
//   @mlp_backward   d_u 96, d_dropped 256
TEST_F(MemoryPeakTest, OfAProgramPlannedByHand) {
  OwningOpRef<ModuleOp> module = parseSourceFile<ModuleOp>(EXEC_PROGRAM, &context);
  ASSERT_TRUE(module);
  std::optional<MemoryPeak> peak = memoryPeak(*module);
  ASSERT_TRUE(peak);
  EXPECT_EQ(functionsOf(*peak), (std::vector<std::string>{"step", "micro", "mlp_backward"}));
  auto product = dyn_cast<exec::GemmOp>(peak->op);
  ASSERT_TRUE(product);
  EXPECT_EQ(product->getOperands().back().getDefiningOp<exec::BufferOp>().getOffset(), 128); // d_dropped
  EXPECT_EQ(peak->bytesOf(MemoryKind::Parameters), 160 + 224);
  EXPECT_EQ(peak->bytesOf(MemoryKind::Gradients), 160 + 224);
  EXPECT_EQ(peak->bytesOf(MemoryKind::OptimizerState), 0);
  EXPECT_EQ(peak->bytesOf(MemoryKind::Inputs), 8 + 8 + 64 + 4 + 4);
  EXPECT_EQ(peak->bytesOf(MemoryKind::SavedValues), 480 + 256);
  EXPECT_EQ(peak->bytesOf(MemoryKind::GatheredWeights), 0);
  EXPECT_EQ(peak->bytesOf(MemoryKind::Workspace), 256 + 96 + 256);
  EXPECT_EQ(peak->arenaBytes, 2816);
  EXPECT_EQ(peak->gapBytes(), 2816 - 2200);
  expectSound(*peak);
}

// A weight at rest is gathered twice over, once by a function that only moves; its gradient is summed up in
// a buffer and then scattered.
TEST_F(MemoryPeakTest, TellsGatheredWeightsAndGradients) {
  OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(R"(
!part = !exec.buffer<f32[embed=16]>
!half = !exec.buffer<f32[embed=32]>
!whole = !exec.buffer<f32[embed=64]>
module attributes {exec.mesh = #exec.mesh<a=2, b=2>, exec.arena_bytes = 896 : i64, exec.frame_base = 128 : i64} {
exec.global @parameters.w "parameter" arena[0] : !part
exec.global @gradients.w "gradient" arena[64] : !part
exec.func @gather(in %half: !half, out %whole: !whole) frame 0 {
  exec.collective all_gather [a] %half -> %whole tile [embed=32: 1, 1] step [0, 32] : !half, !whole
}
exec.func @add(in %weights: !whole, acc %sum: !whole) frame 0 {
  exec.kernel "add" loops [embed=64: 1, 1] (%w = %weights) -> (add %sum) : !whole, !whole {
    exec.yield %w : f32
  }
}
exec.func @step() entry frame 768 {
  %w = exec.address @parameters.w : !part
  %g = exec.address @gradients.w : !part
  %half = exec.buffer frame[0] : !half
  exec.collective all_gather [b] %w -> %half tile [embed=16: 1, 1] step [0, 16] : !part, !half
  %whole = exec.buffer frame[128] : !whole
  exec.call @gather(%half, %whole) frame[0] : !half, !whole
  %sum = exec.buffer frame[384] : !whole
  exec.kernel "zero" loops [embed=64: 1] () -> (write %sum) : !whole {
    %0 = arith.constant 0.0 : f32
    exec.yield %0 : f32
  }
  exec.call @add(%whole, %sum) frame[0] : !whole, !whole
  %mine = exec.buffer frame[640] : !half
  exec.collective reduce_scatter [a] %sum -> %mine tile [embed=32: 1, 1] step [32, 0] : !whole, !half
  exec.collective reduce_scatter [b] %mine -> %g tile [embed=16: 1, 1] step [16, 0] : !half, !part
}
})",
                                                             &context);
  ASSERT_TRUE(module);
  std::optional<MemoryPeak> peak = memoryPeak(*module);
  ASSERT_TRUE(peak);
  // whole and sum, where sum begins; half and whole, sum and mine are less.
  EXPECT_EQ(functionsOf(*peak), std::vector<std::string>{"step"});
  EXPECT_TRUE(isa<exec::KernelOp>(peak->op));
  EXPECT_EQ(peak->bytesOf(MemoryKind::Parameters), 64);
  EXPECT_EQ(peak->bytesOf(MemoryKind::Gradients), 64 + 256);
  EXPECT_EQ(peak->bytesOf(MemoryKind::GatheredWeights), 256);
  EXPECT_EQ(peak->bytesOf(MemoryKind::Workspace), 0);
  EXPECT_EQ(peak->gapBytes(), 896 - 640);
  expectSound(*peak);
}

TEST_F(MemoryPeakTest, IsNothingWithoutAPlan) {
  OwningOpRef<ModuleOp> module =
      parseSourceString<ModuleOp>("module { exec.func @step() entry { } }", &context);
  ASSERT_TRUE(module);
  EXPECT_FALSE(memoryPeak(*module));
}

class MemoryOfJobs : public testing::TestWithParam<std::tuple<std::string, std::string>> {};

TEST_P(MemoryOfJobs, FitsThePlannedArena) {
  auto [model, plan] = GetParam();
  JobUnderTest job("model: " + model +
                   "\nconfig: {hidden_size: 32, num_hidden_layers: 3, num_attention_heads: 4, " +
                   "vocab_size: 64}\nplan: " + plan +
                   "\ntrain: {seq_len: 16, global_batch_size: 8, steps: 2, max_grad_norm: 1.0}\n");
  ASSERT_TRUE(job.isValid()) << job.errors;
  OwningOpRef<ModuleOp> module = job.build();
  ASSERT_TRUE(module) << job.errors;
  ASSERT_TRUE(succeeded(job.toDist(*module))) << job.errors;
  int64_t weights = 0;
  for (const ParameterLayout &parameter : parameterLayouts(*module))
    weights += 4 * parameter.localElements * parameter.instances;
  ASSERT_TRUE(succeeded(runPipeline(*module, Stage::Exec, {.first = Stage::Exec}))) << job.errors;
  std::optional<MemoryPeak> peak = memoryPeak(*module);
  ASSERT_TRUE(peak);
  expectSound(*peak);
  // Fields begin at multiples of 64 bytes: a bundle is a little more than its weights.
  EXPECT_GE(peak->bytesOf(MemoryKind::Parameters), weights);
  EXPECT_LE(peak->bytesOf(MemoryKind::Parameters), weights + 64 * 64);
  EXPECT_EQ(peak->bytesOf(MemoryKind::OptimizerState), 2 * peak->bytesOf(MemoryKind::Parameters));
  EXPECT_GT(peak->bytesOf(MemoryKind::SavedValues), 0);
  EXPECT_EQ(peak->chain.front().function, "step");
}

INSTANTIATE_TEST_SUITE_P(Memory, MemoryOfJobs,
                         testing::Combine(testing::Values("gpt2", "llama"),
                                          testing::Values("single", "ddp", "tp", "dp_tp_sp")));

} // namespace
