//===- RowOpsTest.cpp - gathers, copies, masks, inputs, loops, calls ------===//

#include "tests/unit/exec_interpreter/Support.h"

using namespace shardc::interpreter;
using namespace shardc::interpreter::test;

using Numbers = std::vector<double>;

namespace {

/// Each rank has 2 of 4 rows; a row that is another's is zero.
TEST(ExecRows, gatherTakesOwnRows) {
  ExecProgram program(ExecProgram::step(R"(
    exec.global @table "t" : !exec.buffer<f32[vocab=2, e=2]>
    exec.global @index "i" : !exec.buffer<i32[seq=3]>
    exec.global @out "o" : !exec.buffer<f32[seq=3, e=2]>)",
                                        R"(
    %table = exec.address @table : !exec.buffer<f32[vocab=2, e=2]>
    %index = exec.address @index : !exec.buffer<i32[seq=3]>
    %out = exec.address @out : !exec.buffer<f32[seq=3, e=2]>
    exec.gather %table[%index] -> %out loops [seq=3: 0, 1, 2][e=2: 1, 0, 1] axis [vocab=2: 2] start [tp * 2]
      : !exec.buffer<f32[vocab=2, e=2]>, !exec.buffer<i32[seq=3]>, !exec.buffer<f32[seq=3, e=2]>)",
                                        "tp=2"));
  program.set("table", {1, 2, 3, 4}, 0);
  program.set("table", {5, 6, 7, 8}, 1);
  for (int64_t rank : {0, 1})
    program.set("index", {3, 0, -100}, rank);
  ASSERT_TRUE(program.run()) << program.errors;
  EXPECT_EQ(program.get("out", 0), (Numbers{0, 0, 1, 2, 0, 0}));
  EXPECT_EQ(program.get("out", 1), (Numbers{7, 8, 0, 0, 0, 0}));
}

TEST(ExecRows, scatterAddAddsToOwnRows) {
  std::string op = R"(
    exec.scatter_add %u[%index] -> %out loops [seq=3: 2, 1, 0][e=2: 1, 0, 1] axis [vocab=2: 2] start [tp * 2] beta BETA
      : !exec.buffer<f32[seq=3, e=2]>, !exec.buffer<i32[seq=3]>, !exec.buffer<f32[vocab=2, e=2]>)";
  std::string first = op, second = op;
  first.replace(first.find("BETA"), 4, "0");
  second.replace(second.find("BETA"), 4, "1");
  ExecProgram program(ExecProgram::step(R"(
    exec.global @u "u" : !exec.buffer<f32[seq=3, e=2]>
    exec.global @index "i" : !exec.buffer<i32[seq=3]>
    exec.global @out "o" : !exec.buffer<f32[vocab=2, e=2]>)",
                                        R"(
    %u = exec.address @u : !exec.buffer<f32[seq=3, e=2]>
    %index = exec.address @index : !exec.buffer<i32[seq=3]>
    %out = exec.address @out : !exec.buffer<f32[vocab=2, e=2]>)" +
                                            first + second,
                                        "tp=2"));
  for (int64_t rank : {0, 1})
    program.set("index", {3, 0, 3}, rank), program.set("u", {1, 2, 3, 4, 5, 6}, rank);
  ASSERT_TRUE(program.run()) << program.errors;
  EXPECT_EQ(program.get("out", 0), (Numbers{6, 8, 0, 0}));
  EXPECT_EQ(program.get("out", 1), (Numbers{0, 0, 12, 16}));
}

/// Transposed, and only this rank's half of it.
TEST(ExecRows, copyFollowsStridesAndViews) {
  ExecProgram program(ExecProgram::step(R"(
    exec.global @x "x" : !exec.buffer<f32[i=2, j=4]>
    exec.global @y "y" : !exec.buffer<f32[j=2, i=2]>)",
                                        R"(
    %x = exec.address @x : !exec.buffer<f32[i=2, j=4]>
    %y = exec.address @y : !exec.buffer<f32[j=2, i=2]>
    %half = exec.view %x [tp * 2] : !exec.buffer<f32[i=2, j=4]> -> !exec.buffer<f32[i=2:4, j=2:1]>
    exec.copy %half -> %y loops [j=2: 1, 2][i=2: 4, 1] : !exec.buffer<f32[i=2:4, j=2:1]>, !exec.buffer<f32[j=2, i=2]>)",
                                        "tp=2"));
  for (int64_t rank : {0, 1})
    program.set("x", {1, 2, 3, 4, 5, 6, 7, 8}, rank);
  ASSERT_TRUE(program.run()) << program.errors;
  EXPECT_EQ(program.get("y", 0), (Numbers{1, 5, 2, 6}));
  EXPECT_EQ(program.get("y", 1), (Numbers{3, 7, 4, 8}));
}

TEST(ExecRows, maskKeepsTheFirstOfAGroup) {
  ExecProgram program(ExecProgram::step("exec.global @x \"x\" : !exec.buffer<f32[i=2]>",
                                        R"(
    %x = exec.address @x : !exec.buffer<f32[i=2]>
    exec.mask %x -> %x over [tp] loops [i=2: 1, 1] : !exec.buffer<f32[i=2]>, !exec.buffer<f32[i=2]>)",
                                        "dp=2, tp=2"));
  for (int64_t rank = 0; rank < 4; ++rank)
    program.set("x", {1, 2}, rank);
  ASSERT_TRUE(program.run()) << program.errors;
  for (int64_t rank = 0; rank < 4; ++rank)
    EXPECT_EQ(program.get("x", rank), rank % 2 == 0 ? (Numbers{1, 2}) : (Numbers{0, 0})) << rank;
}

/// Step 3 of 2 slots of 4 samples begins at sample 24; each data rank has 2 samples of a slot.
TEST(ExecRows, inputsAreReadSlotBySlot) {
  ExecProgram program(R"(
    !S = !exec.buffer<i64[]>
    !all = !exec.buffer<i32[slot=2, batch=2, seq=2]>
    module attributes {exec.mesh = #exec.mesh<dp=2, tp=2>} {
    exec.global @first "first_sample" : !S
    exec.global @step_number "step" : !S
    exec.global @inputs.tokens "input" {exec.placed = !nn.tensor<i32[batch=4@dp, seq=2]>} : !all
    exec.global @seen "seen" : !all
    exec.func @step() entry {
      %base = exec.address @first : !S
      %all = exec.address @inputs.tokens : !all
      %seen = exec.address @seen : !all
      exec.loop 2 (%i) {
        %first = exec.buffer : !S
        exec.kernel "first" loops (%b = %base, %n = %i) -> (write %first) : !S, !S, !S {
          %four = arith.constant 4 : i64
          %0 = arith.muli %n, %four : i64
          %1 = arith.addi %b, %0 : i64
          exec.yield %1 : i64
        }
        %tokens = exec.input %all[%first since %base] samples 4 : !all, !S, !S -> !exec.buffer<i32[batch=2, seq=2]>
        %slot = exec.input %all[%first since %base] samples 4 : !all, !S, !S -> !exec.buffer<i32[batch=2, seq=2]>
      }
      exec.copy %all -> %seen loops [slot*batch*seq=8: 1, 1] : !all, !all
    }})");
  program.interpreter().setInputs(
      [](llvm::StringRef name, int64_t sample, int64_t index) { return double(100 * sample + index); });
  ASSERT_TRUE(program.run("step", 3)) << program.errors;
  EXPECT_EQ(program.get("seen", 0), (Numbers{2400, 2401, 2500, 2501, 2800, 2801, 2900, 2901}));
  EXPECT_EQ(program.get("seen", 3), (Numbers{2600, 2601, 2700, 2701, 3000, 3001, 3100, 3101}));
}

/// A callee reads and writes its caller's memory, through structs too; its scratch is its own. Three trips of
/// sum += 2 x, with the sum in a struct that is packed from two places.
TEST(ExecRows, callsAndLoopsShareMemory) {
  ExecProgram program(R"(
    !x = !exec.buffer<f32[i=2]>
    !pair = !exec.struct<pair, a: f32[i=2], b: f32[i=2]>
    module attributes {exec.mesh = #exec.mesh<tp=1>, exec.arena_bytes = 320 : i64, exec.frame_base = 192 : i64} {
    exec.global @x "x" arena[0] : !x
    exec.global @sums "s" arena[64] : !pair
    exec.func @add(in %x: !x, inout %p: !pair) frame 64 {
      %b = exec.field %p "b" : !pair
      %twice = exec.buffer frame[0] : !x
      exec.kernel "twice" loops [i=2: 1, 1] (%e = %x) -> (write %twice) : !x, !x {
        %0 = arith.addf %e, %e : f32
        exec.yield %0 : f32
      }
      exec.kernel "add" loops [i=2: 1, 1] (%e = %twice) -> (add %b) : !x, !x {
        exec.yield %e : f32
      }
    }
    exec.func @step() entry frame 128 {
      %x = exec.address @x : !x
      %sums = exec.address @sums : !pair
      %sum = exec.field %sums "b" : !pair
      exec.copy %x -> %sum loops [i=2: 1, 1] : !x, !x
      %other = exec.buffer frame[0] : !x
      %p = exec.pack(%other, %sum) : !pair
      exec.loop 3 (%i) {
        exec.call @add(%x, %p) frame[64] : !x, !pair
      }
    }})");
  program.set("x", {1, 10});
  ASSERT_TRUE(program.run()) << program.errors;
  mlir::FailureOr<NamedValues> none = program.interpreter().tensors("parameter");
  ASSERT_TRUE(succeeded(none));
  EXPECT_TRUE(none->empty());
  EXPECT_EQ(program.get("sums.b"), (Numbers{7, 70}));
}

} // namespace
