//===- CollectiveTest.cpp - what collectives move between ranks -----------===//

#include "tests/unit/exec_interpreter/Support.h"

using namespace shardc::interpreter;
using namespace shardc::interpreter::test;

using Numbers = std::vector<double>;

namespace {

/// @x on each of the four ranks of dp=2, tp=2 is {10 r + 1, 10 r + 2, ...}; `op` moves it to @y.
Numbers moved(const std::string &op, size_t from, size_t to, int64_t rank) {
  std::string x = "!exec.buffer<f32[n=" + std::to_string(from) + "]>",
              y = "!exec.buffer<f32[n=" + std::to_string(to) + "]>";
  ExecProgram program(ExecProgram::step("exec.global @x \"x\" : " + x + "\nexec.global @y \"y\" : " + y,
                                        "%x = exec.address @x : " + x + "\n%y = exec.address @y : " + y +
                                            "\n" + op + " : " + x + ", " + y,
                                        "dp=2, tp=2"));
  for (int64_t each = 0; each < 4; ++each) {
    Numbers values;
    for (size_t i = 0; i < from; ++i)
      values.push_back(double(10 * each) + double(i) + 1);
    program.set("x", values, each);
  }
  EXPECT_TRUE(program.run()) << program.errors;
  return program.get("y", rank);
}

TEST(Collective, allReduceFoldsAlongMeshAxes) {
  std::string over = "exec.collective all_reduce [tp] %x -> %y tile [n=2: 1, 1] step [0, 0]";
  EXPECT_EQ(moved(over, 2, 2, 0), (Numbers{12, 14}));
  EXPECT_EQ(moved(over, 2, 2, 3), (Numbers{52, 54}));
  EXPECT_EQ(moved(over + " {fold = 1 : i32}", 2, 2, 2), (Numbers{31, 32}));
  EXPECT_EQ(moved("exec.collective all_reduce [dp] %x -> %y tile [n=2: 1, 1] step [0, 0]", 2, 2, 3),
            (Numbers{42, 44}));
  EXPECT_EQ(moved("exec.collective all_reduce [dp, tp] %x -> %y tile [n=2: 1, 1] step [0, 0]", 2, 2, 1),
            (Numbers{64, 68}));
}

TEST(Collective, allGatherPutsBlocksInMemberOrder) {
  EXPECT_EQ(moved("exec.collective all_gather [tp] %x -> %y tile [n=2: 1, 1] step [0, 2]", 2, 4, 3),
            (Numbers{21, 22, 31, 32}));
  // The first listed mesh axis is slowest: members are ranks 0, 2, 1, 3.
  EXPECT_EQ(moved("exec.collective all_gather [tp, dp] %x -> %y tile [1: 0, 0] step [0, 1]", 1, 4, 0),
            (Numbers{1, 21, 11, 31}));
  // Blocks that interleave: an inner axis is gathered.
  EXPECT_EQ(moved("exec.collective all_gather [tp] %x -> %y tile [n=2: 1, 2] step [0, 1]", 2, 4, 0),
            (Numbers{1, 11, 2, 12}));
}

TEST(Collective, reduceScatterFoldsOwnBlock) {
  std::string over = "exec.collective reduce_scatter [tp] %x -> %y tile [n=2: 1, 1] step [2, 0]";
  EXPECT_EQ(moved(over, 4, 2, 0), (Numbers{1 + 11, 2 + 12}));
  EXPECT_EQ(moved(over, 4, 2, 1), (Numbers{3 + 13, 4 + 14}));
}

TEST(Collective, allToAllTransposesBlocks) {
  std::string over = "exec.collective all_to_all [tp] %x -> %y tile [n=1: 1, 1] step [1, 1]";
  EXPECT_EQ(moved(over, 2, 2, 0), (Numbers{1, 11}));
  EXPECT_EQ(moved(over, 2, 2, 1), (Numbers{2, 12}));
}

const char *globals = R"(
  exec.global @x "x" : !exec.buffer<f32[n=2]>
  exec.global @y "y" : !exec.buffer<f32[n=4]>
  exec.global @z "z" : !exec.buffer<f32[n=4]>)";

/// @x is gathered to @y while `between` runs.
std::string overlapped(const std::string &between, bool waits = true) {
  return ExecProgram::step(globals,
                           R"(
    %x = exec.address @x : !exec.buffer<f32[n=2]>
    %y = exec.address @y : !exec.buffer<f32[n=4]>
    %z = exec.address @z : !exec.buffer<f32[n=4]>
    exec.iota_x
    %token = exec.collective all_gather [tp] %x -> %y tile [n=2: 1, 1] step [0, 2] : !exec.buffer<f32[n=2]>, !exec.buffer<f32[n=4]> async !exec.token
    )" + between + (waits ? "\nexec.wait %token" : "") +
                               R"(
    exec.copy %y -> %z loops [n=4: 1, 1] : !exec.buffer<f32[n=4]>, !exec.buffer<f32[n=4]>)",
                           "tp=2");
}

/// What a program over `globals` ends with that is to gather @x to @z.
std::string outcomeOf(const std::string &text) {
  ExecProgram program(text);
  program.set("x", {1, 2}, 0), program.set("x", {3, 4}, 1);
  if (!program.run())
    return program.errors;
  return program.get("z", 1) == Numbers{1, 2, 3, 4} ? "gathered" : "wrong";
}

std::string outcome(const std::string &between, bool waits = true) {
  std::string text = overlapped(between, waits);
  text.erase(text.find("exec.iota_x"), 11);
  return outcomeOf(text);
}

TEST(Collective, asyncMayOverlapReadsOfTheOperand) {
  EXPECT_EQ(outcome(R"(
    %h = exec.buffer : !exec.buffer<f32[n=2]>
    exec.copy %x -> %h loops [n=2: 1, 1] : !exec.buffer<f32[n=2]>, !exec.buffer<f32[n=2]>)"),
            "gathered");
}

TEST(Collective, asyncRefusesWritesOfTheOperand) {
  EXPECT_NE(
      outcome(R"(
    exec.kernel "zero" loops [n=2: 1] () -> (write %x) : !exec.buffer<f32[n=2]> {
      %0 = arith.constant 0.0 : f32
      exec.yield %0 : f32
    })")
          .find("'exec.kernel' op writes element [n=0] of 'x' on rank 0, which a movement under way reads"),
      std::string::npos);
}

TEST(Collective, asyncRefusesTouchingTheResult) {
  EXPECT_NE(outcome("exec.copy %y -> %z loops [n=4: 1, 1] : !exec.buffer<f32[n=4]>, !exec.buffer<f32[n=4]>")
                .find("'exec.copy' op reads element [n=0] of 'y' on rank 0, which a movement under way has "
                      "not delivered"),
            std::string::npos);
  EXPECT_NE(
      outcome("exec.copy %z -> %y loops [n=4: 1, 1] : !exec.buffer<f32[n=4]>, !exec.buffer<f32[n=4]>", true)
          .find("'exec.copy' op reads element [n=0] of 'z' on rank 0, which was not written"),
      std::string::npos);
  EXPECT_NE(outcome("", /*waits=*/false).find("which a movement under way has not delivered"),
            std::string::npos);
}

const char *gathering = R"(
  exec.func @gather(in %x: !exec.buffer<f32[n=2]>, out %y: !exec.buffer<f32[n=4]>) {
    exec.collective all_gather [tp] %x -> %y tile [n=2: 1, 1] step [0, 2] : !exec.buffer<f32[n=2]>, !exec.buffer<f32[n=4]>
  })";

/// @x is gathered to @y by a call that is started, while `between` runs.
std::string outcomeOfCall(const std::string &between, bool waits = true) {
  return outcomeOf(ExecProgram::step(globals + std::string(gathering),
                                     R"(
    %x = exec.address @x : !exec.buffer<f32[n=2]>
    %y = exec.address @y : !exec.buffer<f32[n=4]>
    %z = exec.address @z : !exec.buffer<f32[n=4]>
    %token = exec.call @gather(%x, %y) : !exec.buffer<f32[n=2]>, !exec.buffer<f32[n=4]> async !exec.token
    )" + between + (waits ? "\nexec.wait %token" : "") +
                                         R"(
    exec.copy %y -> %z loops [n=4: 1, 1] : !exec.buffer<f32[n=4]>, !exec.buffer<f32[n=4]>)",
                                     "tp=2"));
}

TEST(Collective, startedCallsArriveAtTheWait) {
  EXPECT_EQ(outcomeOfCall(R"(
    %h = exec.buffer : !exec.buffer<f32[n=2]>
    exec.copy %x -> %h loops [n=2: 1, 1] : !exec.buffer<f32[n=2]>, !exec.buffer<f32[n=2]>)"),
            "gathered");
  EXPECT_NE(outcomeOfCall("", /*waits=*/false).find("which a movement under way has not delivered"),
            std::string::npos);
  EXPECT_NE(
      outcomeOfCall(R"(
    exec.kernel "zero" loops [n=2: 1] () -> (write %x) : !exec.buffer<f32[n=2]> {
      %0 = arith.constant 0.0 : f32
      exec.yield %0 : f32
    })")
          .find("'exec.kernel' op writes element [n=0] of 'x' on rank 0, which a movement under way reads"),
      std::string::npos);
}

TEST(Collective, buffersMustLiveUntilTheWait) {
  std::string errors = errorsOf(ExecProgram::step("", R"(
    %y = exec.buffer : !exec.buffer<f32[n=2]>
    %x = exec.buffer : !exec.buffer<f32[n=1]>
    exec.kernel "one" loops () -> (write %x) : !exec.buffer<f32[n=1]> {
      %0 = arith.constant 1.0 : f32
      exec.yield %0 : f32
    }
    %token = exec.collective all_gather [tp] %x -> %y tile [1: 0, 0] step [0, 1] : !exec.buffer<f32[n=1]>, !exec.buffer<f32[n=2]> async !exec.token)",
                                                  "tp=2"));
  EXPECT_NE(errors.find("'exec.collective' op is the last use of '"), std::string::npos) << errors;
}

} // namespace
