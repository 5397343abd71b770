//===- DistTest.cpp - collectives by value --------------------------------===//
//
// Each program moves one tensor in several ways that must agree: a reshard, which means what its types say,
// and collectives, which move local buffers.
//
//===----------------------------------------------------------------------===//

#include "compiler/interpreter/DistHandlers.h"
#include "tests/unit/interpreter/Support.h"

using namespace shardc::interpreter;
using namespace shardc::interpreter::test;

namespace {

struct Case {
  const char *name, *from, *to, *moves;
};
std::ostream &operator<<(std::ostream &stream, const Case &each) {
  return stream << each.name;
}

struct Dist : testing::TestWithParam<Case> {};

/// %y (by collectives) and %z (by a reshard) of a random operand, which may be partial.
TEST_P(Dist, collectivesDoWhatTheReshardMeans) {
  const Case &test = GetParam();
  std::string types =
      "!from = !nn.tensor<f32[" + std::string(test.from) + ">\n!to = !nn.tensor<f32[" + test.to + ">\n";
  Program program(types + R"(
    module attributes {dist.plan = #dist.plan<mesh = [dp = 2, tp = 3], rules = []>} {
    nn.func @main(%x: !from) -> (!to, !to) {
      )" + test.moves +
                  R"(
      %z = dist.reshard %x : !from -> !to
      nn.return %y, %z : !to, !to
    }})");
  Mesh mesh = meshOf(dist::planOf(program.module()));
  auto from = mlir::cast<nn::NamedTensorType>(program.argumentType("main", 0));
  // A different summand on every rank that the type lets differ.
  std::vector<nn::Shard> shards;
  for (int64_t rank = 0; rank < mesh.numRanks(); ++rank) {
    shards.push_back(mesh.shardFor(from, rank));
    std::vector<double> values;
    for (int64_t i = 0; i < shards.back().numElements(); ++i)
      values.push_back(double(100 * mesh.index(rank, meshAxesOf(from)) + i * i));
    shards.back().set(values);
  }
  Interpreter interpreter(program.module(), mesh, {});
  auto results = interpreter.run("main", {Datum::tensor(shards)});
  ASSERT_TRUE(succeeded(results)) << program.errors;
  mlir::Type to = program.function("main").getResultTypes()[0];
  EXPECT_EQ(valuesOf(gather(mesh, (*results)[0], to)), valuesOf(gather(mesh, (*results)[1], to)));
  EXPECT_EQ(valuesOf(gather(mesh, (*results)[1], to)), valuesOf(gather(mesh, Datum::tensor(shards), from)));
  for (int64_t rank = 0; rank < mesh.numRanks(); ++rank)
    EXPECT_EQ(*(*(*results)[0].shards)[rank].values, *(*(*results)[1].shards)[rank].values)
        << "rank " << rank;
}

const Case cases[] = {
    {"allReduce", "a=6, b=6], sum@tp", "a=6, b=6]", "%y = dist.all_reduce sum %x over [tp] : !from -> !to"},
    {"allReduceBoth", "a=6, b=6], sum@dp@tp", "a=6, b=6]",
     "%y = dist.all_reduce sum %x over [dp, tp] : !from -> !to"},
    {"allReduceMax", "a=6, b=6], max@tp", "a=6, b=6]",
     "%y = dist.all_reduce max %x over [tp] : !from -> !to"},
    {"reduceScatter", "a=6@dp, b=6], sum@tp", "a=6@dp, b=6@tp]",
     "%y = dist.reduce_scatter sum %x axis b over [tp] : !from -> !to"},
    {"reduceScatterMinor", "a=6@dp, b=6], sum@tp", "a=6@dp@tp, b=6]",
     "%y = dist.reduce_scatter sum %x axis a over [tp] : !from -> !to"},
    {"allGather", "a=6, b=6@tp]", "a=6, b=6]", "%y = dist.all_gather %x axis b over [tp] : !from -> !to"},
    {"allGatherMinor", "a=6, b=6@tp@dp]", "a=6, b=6@tp]",
     "%y = dist.all_gather %x axis b over [dp] : !from -> !to"},
    {"allGatherBoth", "a=6, b=6@tp@dp]", "a=6, b=6]",
     "%y = dist.all_gather %x axis b over [tp, dp] : !from -> !to"},
    {"allToAll", "a=6@tp, b=6]", "a=6, b=6@tp]",
     "%y = dist.all_to_all %x from a to b over [tp] : !from -> !to"},
    {"allToAllBack", "c=2, a=6@dp, b=6@tp]", "c=2, a=6@dp@tp, b=6]",
     "%y = dist.all_to_all %x from b to a over [tp] : !from -> !to"},
    {"shardSlice", "a=6@dp, b=6]", "a=6@dp, b=6@tp]",
     "%y = dist.shard_slice %x axis b over [tp] : !from -> !to"},
    {"mask", "a=6, b=6]", "a=6, b=6], sum@dp", "%y = dist.mask %x over [dp] : !from -> !to"},
    {"maskMore", "a=6, b=6], sum@tp", "a=6, b=6], sum@dp@tp", "%y = dist.mask %x over [dp] : !from -> !to"},
    {"placedToPartial", "a=6, b=6@tp]", "a=6, b=6], sum@tp",
     "%0 = dist.all_gather %x axis b over [tp] : !from -> !nn.tensor<f32[a=6, b=6]>\n"
     "%y = dist.mask %0 over [tp] : !nn.tensor<f32[a=6, b=6]> -> !to"},
};

INSTANTIATE_TEST_SUITE_P(Moves, Dist, testing::ValuesIn(cases),
                         [](const testing::TestParamInfo<Case> &info) { return info.param.name; });

} // namespace
