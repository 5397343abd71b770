//===- CommunicationTest.cpp - bytes and meetings of collectives, by hand -===//

#include "compiler/analysis/Communication.h"

#include "dialects/exec/Exec.h"
#include "dialects/pipe/Pipe.h"

#include "mlir/Parser/Parser.h"

#include <gtest/gtest.h>

using namespace mlir;
using namespace shardc;

namespace {

std::map<std::string, Movement> movementsIn(const char *text) {
  MLIRContext context;
  context.loadDialect<exec::ExecDialect, pipes::PipeDialect>();
  OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(text, &context);
  std::map<std::string, Movement> found;
  if (module)
    for (const Movement &movement : movementsOf(*module, "step"))
      found[movement.kind + (movement.peer < 0 ? "" : " to " + std::to_string(movement.peer))] = movement;
  return found;
}

// @f runs 3 x 2 times. %x is 32 * 4 floats = 512 bytes, a part of it over b 128; %y is 16 floats = 64 bytes.
TEST(Communication, CountsCallsAndRingBytes) {
  auto found = movementsIn(R"(
!x = !exec.buffer<f32[n=128]>
!part = !exec.buffer<f32[n=32]>
!y = !exec.buffer<f32[n=16]>
module attributes {exec.mesh = #exec.mesh<a=2, b=4>} {
  exec.func @f(in %x: !x, inout %y: !y, out %z: !x) {
    %part = exec.buffer : !part
    exec.collective reduce_scatter [b] %x -> %part tile [n=32: 1, 1] step [32, 0] : !x, !part
    %turned = exec.buffer : !part
    exec.collective all_to_all [b] %part -> %turned tile [n=8: 1, 1] step [8, 8] : !part, !part
    exec.collective all_reduce [b, a] %y -> %y tile [n=16: 1, 1] step [0, 0] : !y, !y
    exec.collective all_gather [b] %part -> %z tile [n=32: 1, 1] step [0, 32] : !part, !x
  }
  exec.func @step(in %x: !x, inout %y: !y, out %z: !x) {
    exec.loop 3 (%i) {
      exec.call @f(%x, %y, %z) : !x, !y, !x
      exec.call @f(%x, %y, %z) : !x, !y, !x
    }
  }
})");
  ASSERT_EQ(found.size(), 4u);
  for (const auto &[kind, movement] : found) {
    EXPECT_EQ(movement.count, 6) << kind;
    EXPECT_EQ(movement.meetings, 6) << kind;
    EXPECT_EQ(movement.ahead, 0) << kind;
  }
  // Of n ranks each sends n - 1 blocks of the n that the whole is cut into, an all-reduce twice as many.
  EXPECT_EQ(found["reduce_scatter"].bytes, 6 * 3 * (512 / 4));
  EXPECT_EQ(found["all_gather"].bytes, 6 * 3 * (512 / 4));
  EXPECT_EQ(found["all_to_all"].bytes, 6 * 3 * (128 / 4));
  EXPECT_EQ(found["all_reduce"].bytes, 6 * 2 * 7 * (64 / 8));
  EXPECT_EQ(found["all_reduce"].meshAxes, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(found["all_gather"].meshAxes, std::vector<std::string>{"b"});
}

// @gather moves two tensors with one meeting. It is called five times: once not started at all, once started
// with nothing to do meanwhile, once while a copy runs, and twice with nothing but other movements meanwhile.
TEST(Communication, CountsMeetingsAndWhatIsAhead) {
  auto found = movementsIn(R"(
!part = !exec.buffer<f32[n=2]>
!x = !exec.buffer<f32[n=4]>
module attributes {exec.mesh = #exec.mesh<a=2>} {
  exec.func @gather(in %p: !part, out %x: !x, out %y: !x) {
    %0 = exec.collective all_gather [a] %p -> %x tile [n=2: 1, 1] step [0, 2] : !part, !x async !exec.token
    %1 = exec.collective all_gather [a] %p -> %y tile [n=2: 1, 1] step [0, 2] : !part, !x async !exec.token
    exec.wait %0, %1
  }
  exec.func @step(in %p: !part, out %q: !part, out %x: !x, out %y: !x, inout %z: !x) {
    exec.call @gather(%p, %x, %y) : !part, !x, !x
    %0 = exec.call @gather(%p, %x, %y) : !part, !x, !x async !exec.token
    exec.wait %0
    %1 = exec.call @gather(%p, %x, %y) : !part, !x, !x async !exec.token
    %2 = exec.collective all_reduce [a] %z -> %z tile [n=4: 1, 1] step [0, 0] : !x, !x async !exec.token
    exec.copy %p -> %q loops [n=2: 1, 1] : !part, !part
    exec.wait %1
    exec.wait %2
    %3 = exec.call @gather(%p, %x, %y) : !part, !x, !x async !exec.token
    %4 = exec.call @gather(%p, %x, %y) : !part, !x, !x async !exec.token
    exec.wait %3
    exec.collective all_reduce [a] %z -> %z tile [n=4: 1, 1] step [0, 0] : !x, !x
    exec.wait %4
  }
})");
  EXPECT_EQ(found["all_gather"].count, 10);
  EXPECT_EQ(found["all_gather"].meetings, 5);
  EXPECT_EQ(found["all_gather"].ahead, 1);
  EXPECT_EQ(found["all_reduce"].meetings, 2);
  EXPECT_EQ(found["all_reduce"].ahead, 1);
}

// One of the two messages is under way while something is computed. Each is 128 floats; the receiver sends
// nothing.
TEST(Communication, CountsMessagesToOtherStages) {
  auto found = movementsIn(R"(
!x = !exec.buffer<f32[n=128]>
module attributes {exec.mesh = #exec.mesh<dp=2>, pipe.stage = #pipe.stage<1 of 4 over "pp", mesh = [dp = 2, pp = 4]>} {
  exec.global @x "x" : !x
  exec.func @step() entry {
    %x = exec.address @x : !x
    %y = exec.buffer : !x
    %0 = exec.receive %y from 0 message 0 : !x async !exec.token
    exec.wait %0
    %1 = exec.send %x to 2 message 0 : !x async !exec.token
    exec.copy %x -> %y loops [n=128: 1, 1] : !x, !x
    exec.wait %1
    %2 = exec.send %x to 0 message 0 : !x async !exec.token
    exec.wait %2
  }
})");
  ASSERT_EQ(found.size(), 2u);
  for (int peer : {0, 2}) {
    const Movement &sends = found["send to " + std::to_string(peer)];
    EXPECT_EQ(sends.meshAxes, (std::vector<std::string>{"pp"}));
    EXPECT_EQ(sends.count, 1);
    EXPECT_EQ(sends.meetings, 1);
    EXPECT_EQ(sends.ahead, peer == 2 ? 1 : 0);
    EXPECT_EQ(sends.bytes, 512);
  }
}

} // namespace
