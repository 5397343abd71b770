//===- OpsTest.cpp - reference values of ops, derived by hand -------------===//

#include "tests/unit/interpreter/Support.h"

#include <cmath>

using namespace shardc::interpreter;
using namespace shardc::interpreter::test;
using Doubles = std::vector<double>;

namespace {

TEST(Ops, contractBatchesRowsAndColumns) {
  Program program(R"(
    nn.func @main(%x: !nn.tensor<f32[b=2, m=1, k=2]>, %w: !nn.tensor<f32[n=2, k=2, b=2]>) -> !nn.tensor<f32[n=2, b=2, m=1]> {
      %y = nn.contract %x, %w over [k] : !nn.tensor<f32[b=2, m=1, k=2]>, !nn.tensor<f32[n=2, k=2, b=2]> -> !nn.tensor<f32[n=2, b=2, m=1]>
      nn.return %y : !nn.tensor<f32[n=2, b=2, m=1]>
    })");
  Data y = runOnOne(program, "main",
                    {tensor(program.argumentType("main", 0), {1, 2, 3, 4}),
                     tensor(program.argumentType("main", 1), {1, 2, 3, 4, 5, 6, 7, 8})});
  // y[n, b] = sum over k of x[b, k] * w[n, k, b]
  EXPECT_EQ(valuesOf(y[0]), (Doubles{1 * 1 + 2 * 3, 3 * 2 + 4 * 4, 1 * 5 + 2 * 7, 3 * 6 + 4 * 8}));
}

TEST(Ops, mapsBroadcastCompareAndYieldSeveral) {
  Program program(R"(
    nn.func @main(%x: !nn.tensor<f32[a=2, b=3]>, %i: !nn.tensor<i32[b=3]>) -> (!nn.tensor<f32[b=3, a=2]>, !nn.tensor<i32[b=3, a=2]>) {
      %y, %z = nn.map (%u = %x : <f32[a=2, b=3]>, %j = %i : <i32[b=3]>) -> <f32[b=3, a=2]>, <i32[b=3, a=2]> {
        %one = arith.constant 1 : i32
        %odd = arith.andi %j, %one : i32
        %is = arith.cmpi eq, %odd, %one : i32
        %f = arith.sitofp %j : i32 to f32
        %0 = arith.select %is, %u, %f : f32
        nn.yield %0, %odd : f32, i32
      }
      nn.return %y, %z : !nn.tensor<f32[b=3, a=2]>, !nn.tensor<i32[b=3, a=2]>
    })");
  Data results = runOnOne(program, "main",
                          {tensor(program.argumentType("main", 0), {1, 2, 3, 4, 5, 6}),
                           tensor(program.argumentType("main", 1), {7, 8, 9})});
  EXPECT_EQ(valuesOf(results[0]), (Doubles{1, 4, 8, 8, 3, 6}));
  EXPECT_EQ(valuesOf(results[1]), (Doubles{1, 1, 0, 0, 1, 1}));
}

TEST(Ops, reduceSumsAndTakesMaxima) {
  Program program(R"(
    nn.func @main(%x: !nn.tensor<f32[a=2, b=3]>) -> (!nn.tensor<f32[b=3]>, !nn.tensor<f32[]>) {
      %s = nn.reduce sum %x over [a] : !nn.tensor<f32[a=2, b=3]> -> !nn.tensor<f32[b=3]>
      %m = nn.reduce max %x over [a, b] : !nn.tensor<f32[a=2, b=3]> -> !nn.tensor<f32[]>
      nn.return %s, %m : !nn.tensor<f32[b=3]>, !nn.tensor<f32[]>
    })");
  Data results = runOnOne(program, "main", {tensor(program.argumentType("main", 0), {1, -2, 3, -4, -5, -6})});
  EXPECT_EQ(valuesOf(results[0]), (Doubles{-3, -7, -3}));
  EXPECT_EQ(valuesOf(results[1]), (Doubles{3}));
}

TEST(Ops, gatherAndScatterAddRunSharedAxesTogether) {
  Program program(R"(
    nn.func @main(%t: !nn.tensor<f32[b=2, v=3]>, %i: !nn.tensor<i32[s=2, b=2]>) -> (!nn.tensor<f32[s=2, b=2]>, !nn.tensor<f32[v=3]>) {
      %y = nn.gather %t[%i] axis v : !nn.tensor<f32[b=2, v=3]>, !nn.tensor<i32[s=2, b=2]> -> !nn.tensor<f32[s=2, b=2]>
      %z = nn.scatter_add %y[%i] axis v : !nn.tensor<f32[s=2, b=2]>, !nn.tensor<i32[s=2, b=2]> -> !nn.tensor<f32[v=3]>
      nn.return %y, %z : !nn.tensor<f32[s=2, b=2]>, !nn.tensor<f32[v=3]>
    })");
  Data results = runOnOne(program, "main",
                          {tensor(program.argumentType("main", 0), {1, 2, 3, 10, 20, 30}),
                           tensor(program.argumentType("main", 1), {0, 2, -1, 2})});
  EXPECT_EQ(valuesOf(results[0]), (Doubles{1, 30, 0, 30})); // an index out of range gives zero
  EXPECT_EQ(valuesOf(results[1]), (Doubles{1, 0, 60}));
}

/// One head, two positions: the second sees both keys, with weights 1/4 and 3/4.
TEST(Ops, attentionIsCausal) {
  Program program(R"(
    nn.func @main(%q: !nn.tensor<f32[seq=2, d=2]>, %k: !nn.tensor<f32[key=2, d=2]>, %v: !nn.tensor<f32[key=2, d=2]>)
        -> (!nn.tensor<f32[seq=2, d=2]>, !nn.tensor<f32[seq=2]>) {
      %y, %lse = nn.attention %q, %k, %v over [d] query seq key key {causal = true, scale = 1.0 : f64}
        : !nn.tensor<f32[seq=2, d=2]>, !nn.tensor<f32[key=2, d=2]>, !nn.tensor<f32[key=2, d=2]>
        -> !nn.tensor<f32[seq=2, d=2]>, !nn.tensor<f32[seq=2]>
      nn.return %y, %lse : !nn.tensor<f32[seq=2, d=2]>, !nn.tensor<f32[seq=2]>
    })");
  Data results = runOnOne(program, "main",
                          {tensor(program.argumentType("main", 0), {5, 5, 1, 0}),
                           tensor(program.argumentType("main", 1), {0, 0, std::log(3.0), 0}),
                           tensor(program.argumentType("main", 2), {4, 8, 0, 12})});
  const Doubles &y = valuesOf(results[0]);
  EXPECT_DOUBLE_EQ(y[0], 4);
  EXPECT_DOUBLE_EQ(y[1], 8);
  EXPECT_DOUBLE_EQ(y[2], 1);
  EXPECT_DOUBLE_EQ(y[3], 11);
  EXPECT_DOUBLE_EQ(valuesOf(results[1])[1], std::log(4.0));
}

TEST(Ops, ropeTurnsPairsAndBack) {
  Program program(R"(
    nn.func @main(%x: !nn.tensor<f32[d=4, seq=2]>, %p: !nn.tensor<i32[seq=2]>) -> (!nn.tensor<f32[d=4, seq=2]>, !nn.tensor<f32[d=4, seq=2]>) {
      %y = nn.rope %x at %p over d {theta = 1.0e4 : f64} : !nn.tensor<f32[d=4, seq=2]>, !nn.tensor<i32[seq=2]> -> !nn.tensor<f32[d=4, seq=2]>
      %z = nn.rope %y at %p over d {theta = 1.0e4 : f64, inverse = true} : !nn.tensor<f32[d=4, seq=2]>, !nn.tensor<i32[seq=2]> -> !nn.tensor<f32[d=4, seq=2]>
      nn.return %y, %z : !nn.tensor<f32[d=4, seq=2]>, !nn.tensor<f32[d=4, seq=2]>
    })");
  Datum x =
      tensor(program.argumentType("main", 0), {1, 1, 0, 0, 0, 0, 1, 1}); // x = [1, 0, 0, 1] at both positions
  Data results = runOnOne(program, "main", {x, tensor(program.argumentType("main", 1), {0, 3})});
  const Doubles &y = valuesOf(results[0]);
  EXPECT_DOUBLE_EQ(y[0], 1); // position 0: unturned
  EXPECT_DOUBLE_EQ(y[1], std::cos(3.0));
  EXPECT_DOUBLE_EQ(y[5], std::sin(3.0));
  EXPECT_DOUBLE_EQ(y[3], -std::sin(0.03)); // pair (1, 3) turns by 3 / 100
  EXPECT_DOUBLE_EQ(y[7], std::cos(0.03));
  for (auto [back, was] : llvm::zip(valuesOf(results[1]), valuesOf(x)))
    EXPECT_NEAR(back, was, 1e-15);
}

TEST(Ops, moversKeepNumbersInPlace) {
  Program program(R"(
    !x = !nn.tensor<f32[a=6, b=2]>
    nn.func @main(%x: !x) -> (!nn.tensor<f32[b=2, p=3, q=2]>, !x, !nn.tensor<f32[a=6]>, !x, !x) {
      %split = nn.split %x [a -> p, q] : !x -> !nn.tensor<f32[b=2, p=3, q=2]>
      %merged = nn.merge %split [p, q -> a] : !nn.tensor<f32[b=2, p=3, q=2]> -> !x
      %u, %v = nn.unstack %x axis b : !x -> !nn.tensor<f32[a=6]>, !nn.tensor<f32[a=6]>
      %stacked = nn.stack %u, %v axis b : !nn.tensor<f32[a=6]>, !nn.tensor<f32[a=6]> -> !x
      %s, %t = nn.slice %x [a -> s, t] : !x -> !nn.tensor<f32[s=4, b=2]>, !nn.tensor<f32[t=2, b=2]>
      %joined = nn.concat %s, %t [s, t -> a] : !nn.tensor<f32[s=4, b=2]>, !nn.tensor<f32[t=2, b=2]> -> !x
      nn.return %split, %merged, %v, %stacked, %joined : !nn.tensor<f32[b=2, p=3, q=2]>, !x, !nn.tensor<f32[a=6]>, !x, !x
    })");
  Datum x = tensor(program.argumentType("main", 0), {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11});
  Data results = runOnOne(program, "main", {x});
  EXPECT_EQ(valuesOf(results[0]), (Doubles{0, 2, 4, 6, 8, 10, 1, 3, 5, 7, 9, 11}));
  EXPECT_EQ(valuesOf(results[2]), (Doubles{1, 3, 5, 7, 9, 11}));
  for (unsigned same : {1u, 3u, 4u})
    EXPECT_EQ(valuesOf(results[same]), valuesOf(x));
}

TEST(Ops, dropoutKeepsOrScales) {
  Program program(R"(
    nn.func @main(%x: !nn.tensor<f32[batch=2, n=500]>, %k: !nn.key) -> !nn.tensor<f32[batch=2, n=500]> {
      %y = nn.dropout %x random %k {p = 0.25 : f64, site = 0 : i32} : !nn.tensor<f32[batch=2, n=500]> -> !nn.tensor<f32[batch=2, n=500]>
      nn.return %y : !nn.tensor<f32[batch=2, n=500]>
    })");
  Data results =
      runOnOne(program, "main",
               {tensor(program.argumentType("main", 0), Doubles(1000, 3.0)), Datum::ofKey({1, 6, 0})});
  const Doubles &y = valuesOf(results[0]);
  EXPECT_NEAR(llvm::count(y, 0.0), 250, 60);
  EXPECT_EQ(llvm::count(y, 0.0) + llvm::count(y, 4.0), 1000);
  EXPECT_EQ(y[501] == 0, shardc::rt::uniform(0, {1, 6, 0}, 0, 7, 1) < 0.25); // sample 7, element 1
}

} // namespace
