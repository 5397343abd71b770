//===- InterpreterTest.cpp - functions, loops, bundles, keys, ranks -------===//

#include "tests/unit/interpreter/Support.h"

using namespace shardc::interpreter;
using namespace shardc::interpreter::test;

namespace {

TEST(Interpreter, callsLoopsAndBundles) {
  Program program(R"(
    !pair = !nn.bundle<pair, x: f32[n=2], y: f32[n=2]>
    nn.func @add(%p: !pair) -> !nn.tensor<f32[n=2]> {
      %x, %y = nn.unpack %p : !pair
      %s = nn.map (%a = %x : <f32[n=2]>, %b = %y : <f32[n=2]>) -> <f32[n=2]> {
        %0 = arith.addf %a, %b : f32
        nn.yield %0 : f32
      }
      nn.return %s : !nn.tensor<f32[n=2]>
    }
    nn.func @main(%x: !nn.tensor<f32[n=2]>) -> !nn.tensor<f32[n=2]> {
      %sum = nn.loop 3 (%i, %c = %x) : (!nn.tensor<f32[n=2]>) {
        %p = nn.pack(%c, %x) : !pair
        %next = nn.call @add(%p) : (!pair) -> !nn.tensor<f32[n=2]>
        nn.yield %next : !nn.tensor<f32[n=2]>
      }
      nn.return %sum : !nn.tensor<f32[n=2]>
    })");
  Data results = runOnOne(program, "main", {tensor(program.argumentType("main", 0), {1, 2})});
  EXPECT_EQ(valuesOf(results[0]), (std::vector<double>{4, 8}));
}

/// Each rank reads its own samples and positions, and draws its own part of one set of random numbers.
TEST(Interpreter, sourcesAreFunctionsOfGlobalIndices) {
  Program program(R"(
    nn.func @main(%step: !nn.tensor<i64[]>, %first: !nn.tensor<i64[]>) -> (!nn.tensor<i32[batch=4@dp, seq=2]>,
        !nn.tensor<i32[seq=4@dp]>, !nn.tensor<f32[a=3, b=4@dp]>) {
      %k = nn.key %step, %first : (!nn.tensor<i64[]>, !nn.tensor<i64[]>)
      %t = nn.input "tokens" from %first : (!nn.tensor<i64[]>) -> !nn.tensor<i32[batch=4@dp, seq=2]>
      %p = nn.iota : !nn.tensor<i32[seq=4@dp]>
      %c = nn.child_key %k site 5
      %r = nn.random %c {std = 0.5 : f64, site = 3 : i32} : !nn.tensor<f32[a=3, b=4@dp]>
      nn.return %t, %p, %r : !nn.tensor<i32[batch=4@dp, seq=2]>, !nn.tensor<i32[seq=4@dp]>, !nn.tensor<f32[a=3, b=4@dp]>
    })");
  Mesh mesh({{"dp", 2}});
  Options options;
  options.seed = 7;
  options.inputs = [](llvm::StringRef, int64_t sample, int64_t index) { return sample * 100 + index; };
  Interpreter interpreter(program.module(), mesh, options);
  auto results = interpreter.run("main", {scalarDatum(mesh, 2), scalarDatum(mesh, 10)});
  ASSERT_TRUE(succeeded(results)) << program.errors;
  EXPECT_EQ(*(*(*results)[0].shards)[1].values, (std::vector<double>{1200, 1201, 1300, 1301}));
  EXPECT_EQ(*(*(*results)[1].shards)[1].values, (std::vector<double>{2, 3}));
  shardc::rt::Key key = shardc::rt::child({2, 10, 0}, 5);
  const nn::Shard &random = (*(*results)[2].shards)[1]; // row 2, column 1 here is element [2, 3] of [3, 4]
  EXPECT_EQ((*random.values)[2 * 2 + 1], float(0.5 * shardc::rt::normal(7, key, 3, 2 * 4 + 3)));
}

TEST(Interpreter, ranksThatShouldAgreeAreCompared) {
  Program program(R"(
    nn.func @main(%x: !nn.tensor<f32[n=2]>) -> !nn.tensor<f32[n=2]> {
      %y = nn.map (%a = %x : <f32[n=2]>) -> <f32[n=2]> {
        %0 = arith.negf %a : f32
        nn.yield %0 : f32
      } loc("y"("job.yaml":3:4))
      nn.return %y : !nn.tensor<f32[n=2]>
    })");
  Mesh mesh({{"tp", 2}});
  Datum x = scatter(mesh, tensor(program.argumentType("main", 0), {1, 2}), program.argumentType("main", 0));
  std::vector<nn::Shard> shards = *x.shards;
  shards[1].set({1, 3});
  Interpreter interpreter(program.module(), mesh, {});
  EXPECT_TRUE(failed(interpreter.run("main", {Datum::tensor(shards)})));
  EXPECT_EQ(program.errors, "of 'y' (f32[n=2]) ranks 0 and 1 hold different values at [1]: -2 and -3\n");
}

TEST(Interpreter, typesMustFitTheMesh) {
  Program program(R"(
    nn.func @main() -> !nn.tensor<i32[n=3@tp]> {
      %p = nn.iota : !nn.tensor<i32[n=3@tp]>
      nn.return %p : !nn.tensor<i32[n=3@tp]>
    })");
  Interpreter interpreter(program.module(), Mesh({{"tp", 2}}), {});
  EXPECT_TRUE(failed(interpreter.run("main", {})));
  EXPECT_EQ(program.errors, "the program does not fit the mesh: axis n=3@tp is not divided by its 2 ranks\n");
}

} // namespace
