//===- OpsTest.cpp - products, kernels, positions, random numbers ---------===//

#include "tests/unit/exec_interpreter/Support.h"

#include <cmath>

using namespace shardc::interpreter;
using namespace shardc::interpreter::test;

using Numbers = std::vector<double>;

namespace {

TEST(ExecOps, gemmMultipliesRowsByColumns) {
  ExecProgram program(ExecProgram::step(R"(
    exec.global @a "a" : !exec.buffer<f32[i=2, l=3]>
    exec.global @b "b" : !exec.buffer<f32[j=2, l=3]>
    exec.global @c "c" : !exec.buffer<f32[i=2, j=2]>)",
                                        R"(
    %a = exec.address @a : !exec.buffer<f32[i=2, l=3]>
    %b = exec.address @b : !exec.buffer<f32[j=2, l=3]>
    %c = exec.address @c : !exec.buffer<f32[i=2, j=2]>
    exec.gemm %a, %b -> %c m [i=2: 3, 0, 2] n [j=2: 0, 3, 1] k [l=3: 1, 1, 0] beta 0
      : !exec.buffer<f32[i=2, l=3]>, !exec.buffer<f32[j=2, l=3]>, !exec.buffer<f32[i=2, j=2]>
    exec.gemm %a, %b -> %c m [i=2: 3, 0, 2] n [j=2: 0, 3, 1] k [l=3: 1, 1, 0] beta 1
      : !exec.buffer<f32[i=2, l=3]>, !exec.buffer<f32[j=2, l=3]>, !exec.buffer<f32[i=2, j=2]>)"));
  program.set("a", {1, 2, 3, 4, 5, 6});
  program.set("b", {1, 0, 1, 0, 1, 0});
  ASSERT_TRUE(program.run()) << program.errors;
  EXPECT_EQ(program.get("c"), (Numbers{8, 4, 20, 10})); // twice {{4, 2}, {10, 5}}
}

/// A batch loop that C lacks is summed; the product of a scalar m is that of vectors.
TEST(ExecOps, gemmSumsABatchThatTheResultLacks) {
  ExecProgram program(ExecProgram::step(R"(
    exec.global @a "a" : !exec.buffer<f32[b=2, h=2, l=2]>
    exec.global @b "b" : !exec.buffer<f32[b=2, h=2, l=2]>
    exec.global @c "c" : !exec.buffer<f32[h=2]>)",
                                        R"(
    %a = exec.address @a : !exec.buffer<f32[b=2, h=2, l=2]>
    %b = exec.address @b : !exec.buffer<f32[b=2, h=2, l=2]>
    %c = exec.address @c : !exec.buffer<f32[h=2]>
    exec.gemm %a, %b -> %c m [1: 0, 0, 0] n [1: 0, 0, 0] k [l=2: 1, 1, 0] batch [b=2: 4, 4, 0][h=2: 2, 2, 1] beta 0
      : !exec.buffer<f32[b=2, h=2, l=2]>, !exec.buffer<f32[b=2, h=2, l=2]>, !exec.buffer<f32[h=2]>)"));
  program.set("a", {1, 2, 3, 4, 5, 6, 7, 8});
  program.set("b", {1, 1, 1, 1, 10, 10, 10, 10});
  ASSERT_TRUE(program.run()) << program.errors;
  EXPECT_EQ(program.get("c"), (Numbers{1 + 2 + 50 + 60, 3 + 4 + 70 + 80}));
}

TEST(ExecOps, kernelsStoreAndFold) {
  ExecProgram program(ExecProgram::step(R"(
    exec.global @x "x" : !exec.buffer<f32[i=2, j=3]>
    exec.global @w "w" : !exec.buffer<f32[j=3]>
    exec.global @y "y" : !exec.buffer<f32[i=2, j=3]>
    exec.global @sum "s" : !exec.buffer<f32[i=2]>
    exec.global @max "m" : !exec.buffer<f32[j=3]>
    exec.global @all "a" : !exec.buffer<f32[]>)",
                                        R"(
    %x = exec.address @x : !exec.buffer<f32[i=2, j=3]>
    %w = exec.address @w : !exec.buffer<f32[j=3]>
    %y = exec.address @y : !exec.buffer<f32[i=2, j=3]>
    %sum = exec.address @sum : !exec.buffer<f32[i=2]>
    %max = exec.address @max : !exec.buffer<f32[j=3]>
    %all = exec.address @all : !exec.buffer<f32[]>
    exec.kernel "k" loops [i=2: 3, 0, 3, 1, 0, 0][j=3: 1, 1, 1, 0, 1, 0] (%a = %x, %b = %w) -> (write %y, sum %sum, max %max, add %all)
      : !exec.buffer<f32[i=2, j=3]>, !exec.buffer<f32[j=3]>, !exec.buffer<f32[i=2, j=3]>, !exec.buffer<f32[i=2]>, !exec.buffer<f32[j=3]>, !exec.buffer<f32[]> {
      %0 = arith.mulf %a, %b : f32
      exec.yield %0, %a, %0, %a : f32, f32, f32, f32
    }
    exec.kernel "in_place" loops [i*j=6: 1, 1] (%a = %y) -> (write %y) : !exec.buffer<f32[i=2, j=3]>, !exec.buffer<f32[i=2, j=3]> {
      %0 = arith.negf %a : f32
      exec.yield %0 : f32
    })"));
  program.set("x", {1, 2, 3, -4, -5, -6});
  program.set("w", {1, 10, 100});
  program.set("all", {1000});
  ASSERT_TRUE(program.run()) << program.errors;
  EXPECT_EQ(program.get("y"), (Numbers{-1, -20, -300, 4, 50, 600}));
  EXPECT_EQ(program.get("sum"), (Numbers{6, -15}));
  EXPECT_EQ(program.get("max"), (Numbers{1, 20, 300}));
  EXPECT_EQ(program.get("all"), (Numbers{1000 - 9}));
}

/// More points than a block of the tape, and a fold across blocks.
TEST(ExecOps, kernelsRunBlockByBlock) {
  ExecProgram program(ExecProgram::step(R"(
    exec.global @x "x" : !exec.buffer<i64[n=1000]>
    exec.global @sum "s" : !exec.buffer<i64[]>)",
                                        R"(
    %x = exec.address @x : !exec.buffer<i64[n=1000]>
    %sum = exec.address @sum : !exec.buffer<i64[]>
    exec.iota -> %x loops [n=1000: 1, 1] start [0] : !exec.buffer<i64[n=1000]>
    exec.kernel "sum" loops [n=1000: 1, 0] (%a = %x) -> (sum %sum) : !exec.buffer<i64[n=1000]>, !exec.buffer<i64[]> {
      exec.yield %a : i64
    })"));
  ASSERT_TRUE(program.run()) << program.errors;
  EXPECT_EQ(program.get("sum"), (Numbers{999 * 1000 / 2}));
}

TEST(ExecOps, iotaCountsGlobally) {
  ExecProgram program(ExecProgram::step("exec.global @x \"x\" : !exec.buffer<i32[seq=2, batch=2]>",
                                        R"(
    %x = exec.address @x : !exec.buffer<i32[seq=2, batch=2]>
    exec.iota -> %x loops [seq=2: 2, 1][batch=2: 1, 0] start [tp * 2 + 10] : !exec.buffer<i32[seq=2, batch=2]>)",
                                        "tp=2"));
  ASSERT_TRUE(program.run()) << program.errors;
  EXPECT_EQ(program.get("x", 0), (Numbers{10, 10, 11, 11}));
  EXPECT_EQ(program.get("x", 1), (Numbers{12, 12, 13, 13}));
}

const char *keys = R"(
    %step = exec.address @step_number : !exec.buffer<i64[]>
    %first = exec.address @first : !exec.buffer<i64[]>
    %parent = exec.key %step, %first : !exec.buffer<i64[]>, !exec.buffer<i64[]>
    %key = exec.child_key %parent site 5)";
const char *keyGlobals = R"(
    exec.global @step_number "number" : !exec.buffer<i64[]>
    exec.global @first "first" : !exec.buffer<i64[]>)";

/// Rank 1 draws what comes behind rank 0's part; the buffer is transposed against the model's order.
TEST(ExecOps, randomIsAFunctionOfGlobalIndices) {
  ExecProgram program(
      ExecProgram::step(std::string(keyGlobals) + "\nexec.global @x \"x\" : !exec.buffer<f32[j=2, i=3]>",
                        std::string(keys) + R"(
    %x = exec.address @x : !exec.buffer<f32[j=2, i=3]>
    exec.random %key -> %x loops [j=2: 3, 1][i=3: 1, 2] start [tp * 6] {std = 0.5 : f64, site = 3 : i32} : !exec.buffer<f32[j=2, i=3]>)",
                        "tp=2"),
      /*seed=*/7);
  for (int64_t rank : {0, 1})
    program.set("step_number", {4}, rank), program.set("first", {20}, rank);
  ASSERT_TRUE(program.run()) << program.errors;
  rt::Key key = rt::child({4, 20, 0}, 5);
  for (int64_t rank : {0, 1})
    for (int64_t i = 0; i < 3; ++i)
      for (int64_t j = 0; j < 2; ++j)
        EXPECT_EQ(program.get("x", rank)[j * 3 + i], 0.5f * rt::normal(7, key, 3, 6 * rank + i * 2 + j));
}

TEST(ExecOps, dropoutIsAFunctionOfSampleAndElement) {
  ExecProgram program(
      ExecProgram::step(std::string(keyGlobals) + "\nexec.global @x \"x\" : !exec.buffer<f32[batch=2, e=4]>",
                        std::string(keys) + R"(
    %x = exec.address @x : !exec.buffer<f32[batch=2, e=4]>
    exec.dropout %x random %key -> %x loops [batch=2: 4, 4, 0, 1][e=4: 1, 1, 1, 0] start [tp * 4] sample [dp * 2] {p = 0.5 : f64, site = 2 : i32}
      : !exec.buffer<f32[batch=2, e=4]>, !exec.buffer<f32[batch=2, e=4]>)",
                        "dp=2, tp=2"),
      /*seed=*/7);
  for (int64_t rank = 0; rank < 4; ++rank) {
    program.set("step_number", {4}, rank), program.set("first", {20}, rank);
    program.set("x", {1, 2, 3, 4, 5, 6, 7, 8}, rank);
  }
  ASSERT_TRUE(program.run()) << program.errors;
  rt::Key key = rt::child({4, 20, 0}, 5);
  for (int64_t rank = 0; rank < 4; ++rank)
    for (int64_t batch = 0; batch < 2; ++batch)
      for (int64_t e = 0; e < 4; ++e) {
        bool kept = rt::uniform(7, key, 2, 20 + rank / 2 * 2 + batch, rank % 2 * 4 + e) >= 0.5;
        EXPECT_EQ(program.get("x", rank)[batch * 4 + e], kept ? 2.0 * double(batch * 4 + e + 1) : 0.0);
      }
}

/// Pair (x, y) turns by position * frequency; the frequencies of 4 dimensions at theta 100 are 1 and 1/10.
TEST(ExecOps, ropeTurnsPairs) {
  std::string globals = R"(
    exec.global @x "x" : !exec.buffer<f32[seq=2, d=4]>
    exec.global @p "p" : !exec.buffer<i32[seq=2]>
    exec.global @halves "y" : !exec.buffer<f32[seq=2, d=4]>
    exec.global @pairs "y" : !exec.buffer<f32[seq=2, d=4]>)";
  std::string types =
      "!exec.buffer<f32[seq=2, d=4]>, !exec.buffer<i32[seq=2]>, !exec.buffer<f32[seq=2, d=4]>\n";
  ExecProgram program(ExecProgram::step(globals, R"(
    %x = exec.address @x : !exec.buffer<f32[seq=2, d=4]>
    %p = exec.address @p : !exec.buffer<i32[seq=2]>
    %halves = exec.address @halves : !exec.buffer<f32[seq=2, d=4]>
    %pairs = exec.address @pairs : !exec.buffer<f32[seq=2, d=4]>
    exec.rope %x at %p -> %halves loops [seq=2: 4, 1, 4] dim [d=4: 1, 1] {theta = 100.0 : f64} : )" +
                                                     types + R"(
    exec.rope %x at %p -> %pairs loops [seq=2: 4, 1, 4] dim [d=4: 1, 1] {theta = 100.0 : f64, interleaved = true} : )" +
                                                     types + R"(
    exec.rope %halves at %p -> %halves loops [seq=2: 4, 1, 4] dim [d=4: 1, 1] {theta = 100.0 : f64, inverse = true} : )" +
                                                     types));
  program.set("x", {1, 0, 0, 1, 1, 0, 0, 1});
  program.set("p", {0, 3});
  ASSERT_TRUE(program.run()) << program.errors;
  Numbers pairs = {1, 0, 0, 1, std::cos(3), std::sin(3), -std::sin(0.3), std::cos(0.3)};
  Numbers x = {1, 0, 0, 1, 1, 0, 0, 1}, actual = program.get("pairs"), back = program.get("halves");
  for (size_t i = 0; i < 8; ++i) {
    EXPECT_NEAR(actual[i], pairs[i], 1e-15);
    EXPECT_NEAR(back[i], x[i], 1e-15); // there and back
  }
}

} // namespace
