//===- CommunicationTest.cpp - bytes of collectives, by hand --------------===//

#include "compiler/analysis/Communication.h"

#include "dialects/dist/Dist.h"

#include "mlir/Parser/Parser.h"

#include <gtest/gtest.h>

using namespace mlir;
using namespace shardc;

namespace {

// @f runs 3 x 2 times. %x is 32 * 4 floats = 512 bytes, a part of it over b 128; %y is 16 floats = 64 bytes.
TEST(Communication, CountsCallsAndRingBytes) {
  MLIRContext context;
  context.loadDialect<nn::NnDialect, dist::DistDialect>();
  OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(R"(
!x = !nn.tensor<f32[seq=32, embed=4], sum@b>
!y = !nn.tensor<f32[embed=16], sum@a@b>
!z = !nn.tensor<f32[seq=32, embed=4]>
module attributes {dist.plan = #dist.plan<mesh = [a = 2, b = 4], rules = []>} {
  nn.func @f(%x: !x, %y: !y) -> !z {
    %part = dist.reduce_scatter sum %x axis seq over [b] : <f32[seq=32, embed=4], sum@b> -> <f32[seq=32@b, embed=4]>
    %turned = dist.all_to_all %part from seq to embed over [b] : <f32[seq=32@b, embed=4]> -> <f32[seq=32, embed=4@b]>
    %sum = dist.all_reduce sum %y over [a, b] : <f32[embed=16], sum@a@b> -> <f32[embed=16]>
    %whole = dist.all_gather %part axis seq over [b] : <f32[seq=32@b, embed=4]> -> <f32[seq=32, embed=4]>
    nn.return %whole : !z
  }
  nn.func @step(%x: !x, %y: !y, %z: !z) -> !z {
    %last = nn.loop 3 (%i, %carried = %z) : (!z) {
      %one = nn.call @f(%x, %y) : (!x, !y) -> !z
      %two = nn.call @f(%x, %y) : (!x, !y) -> !z
      nn.yield %two : !z
    }
    nn.return %last : !z
  }
})",
                                                             &context);
  ASSERT_TRUE(module);
  std::map<std::string, Movement> found;
  for (const Movement &movement : movementsOf(*module, "step"))
    found[movement.kind] = movement;
  ASSERT_EQ(found.size(), 4u);
  for (const auto &[kind, movement] : found)
    EXPECT_EQ(movement.count, 6) << kind;
  // Of n ranks each sends n - 1 blocks of the n that the whole is cut into, an all-reduce twice as many.
  EXPECT_EQ(found["reduce_scatter"].bytes, 6 * 3 * (512 / 4));
  EXPECT_EQ(found["all_gather"].bytes, 6 * 3 * (512 / 4));
  EXPECT_EQ(found["all_to_all"].bytes, 6 * 3 * (128 / 4));
  EXPECT_EQ(found["all_reduce"].bytes, 6 * 2 * 7 * (64 / 8));
  EXPECT_EQ(found["all_reduce"].meshAxes, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(found["all_gather"].meshAxes, std::vector<std::string>{"b"});
}

} // namespace
