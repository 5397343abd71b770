//===- DistributeTest.cpp - shards of a mesh and back ---------------------===//

#include "tests/unit/interpreter/Support.h"

using namespace shardc::interpreter;
using namespace shardc::interpreter::test;

namespace {

/// dp is slow: ranks 0, 1, 2 have dp = 0 and tp = 0, 1, 2.
struct Distribute : testing::Test {
  Mesh mesh{{{"dp", 2}, {"tp", 3}}};
  Program program{R"(
    nn.func @types(%whole: !nn.tensor<f32[a=4, b=6]>, %placed: !nn.tensor<f32[a=4@dp, b=6@tp]>,
                   %both: !nn.tensor<f32[a=4, b=6@tp@dp]>, %partial: !nn.tensor<f32[a=4@dp, b=6], sum@tp>) {
      nn.return
    })"};
  mlir::Type type(unsigned index) { return program.argumentType("types", index); }
  nn::NamedTensorType tensorType(unsigned index) { return mlir::cast<nn::NamedTensorType>(type(index)); }
  Datum whole = randomDatum(type(0), 1);
};

TEST_F(Distribute, coordinatesAreRowMajor) {
  EXPECT_EQ(mesh.numRanks(), 6);
  EXPECT_EQ(mesh.coordinate(4, "dp"), 1);
  EXPECT_EQ(mesh.coordinate(4, "tp"), 1);
  auto tp = mlir::StringAttr::get(&program.context, "tp");
  EXPECT_EQ(mesh.group(4, tp), (llvm::SmallVector<int64_t>{3, 4, 5}));
}

TEST_F(Distribute, aShardIsContiguousInEachAxis) {
  Datum placed = scatter(mesh, whole, type(1));
  const nn::Shard &shard = (*placed.shards)[4]; // dp = 1: a 2..3; tp = 1: b 2..3
  const std::vector<double> &all = valuesOf(whole);
  EXPECT_EQ(*shard.values, (std::vector<double>{all[14], all[15], all[20], all[21]}));
}

TEST_F(Distribute, theFirstMeshAxisOfSeveralIsMajor) {
  Datum placed = scatter(mesh, whole, type(2));
  EXPECT_EQ((*placed.shards)[4].axes[1].start, 3); // tp = 1, dp = 1: piece 1 * 2 + 1 of 6
}

TEST_F(Distribute, gatherUndoesScatter) {
  for (unsigned index : {1u, 2u, 3u})
    EXPECT_EQ(valuesOf(gather(mesh, scatter(mesh, whole, type(index)), type(index))), valuesOf(whole));
}

TEST_F(Distribute, partialsAreSummed) {
  Datum same = scatter(mesh, whole, type(0));
  std::vector<double> sum = *redistribute(mesh, *scatter(mesh, whole, tensorType(3).withPartial({})).shards,
                                          tensorType(3), tensorType(0))[5]
                                 .values;
  for (auto [tripled, once] : llvm::zip(sum, valuesOf(whole)))
    EXPECT_DOUBLE_EQ(tripled, 3 * once);
}

TEST_F(Distribute, replicasThatDifferAreFound) {
  std::vector<nn::Shard> shards =
      *scatter(mesh, whole, type(3)).shards; // whole over nothing: dp places, tp sums
  EXPECT_FALSE(findDisagreement(mesh, shards, tensorType(3)));
  shards = *scatter(mesh, whole, type(0)).shards;
  std::vector<double> changed = *shards[5].values;
  changed[7] = 42;
  shards[5].set(changed);
  std::optional<Disagreement> found = findDisagreement(mesh, shards, tensorType(0));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->other, 5);
  EXPECT_EQ(found->index, "[1, 1]");
  EXPECT_EQ(found->otherValue, 42);
}

} // namespace
