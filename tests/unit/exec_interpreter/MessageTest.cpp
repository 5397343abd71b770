//===- MessageTest.cpp - messages between the programs of stages ----------===//

#include "compiler/interpreter/exec/ExecStages.h"
#include "tests/unit/exec_interpreter/Support.h"

using namespace mlir;
using namespace shardc::interpreter;
using namespace shardc::interpreter::test;

using Numbers = std::vector<double>;

namespace {

/// Two stages on tp=2 each, with the global @x of two numbers on each rank: the ops of each @step. `%x` is
/// it,
/// `%y` another buffer.
std::string stages(const std::string &first, const std::string &second) {
  auto module = [](int number, const std::string &body) {
    return "module @stage_" + std::to_string(number) + " attributes {exec.mesh = #exec.mesh<tp=2>} {\n" +
           "exec.global @x \"x\" : !X\nexec.func @step() entry {\n%x = exec.address @x : !X\n" +
           "%y = exec.buffer : !X\n" + body + "}\n}\n";
  };
  return "!X = !exec.buffer<f32[n=2]>\n!Y = !exec.buffer<f32[m=2]>\nmodule {\n" + module(0, first) +
         module(1, second) + "}\n";
}

const std::string copyToX = "exec.copy %y -> %x loops [n=2: 1, 1] : !X, !X\n";
const std::string doubleX = R"(exec.kernel "double" loops [n=2: 1, 1] (%a = %x) -> (write %x) : !X, !X {
  %0 = arith.addf %a, %a : f32
  exec.yield %0 : f32
}
)";

std::string sendX(int to, int message, const std::string &token) {
  return "%" + token + " = exec.send %x to " + std::to_string(to) + " message " + std::to_string(message) +
         " : !X async !exec.token\n";
}
std::string receiveY(int from, int message, const std::string &token) {
  return "%" + token + " = exec.receive %y from " + std::to_string(from) + " message " +
         std::to_string(message) + " : !X async !exec.token\n";
}
std::string wait(const std::string &token) {
  return "exec.wait %" + token + "\n";
}

/// What @x of the second stage holds on both ranks after a step; the first's is {1, 2} and {3, 4} before, the
/// second's {10, 20} and {30, 40}.
std::string outcome(const std::string &first, const std::string &second) {
  ExecProgram parsed(stages(first, second));
  ExecStages programs(parsed.module(), 1, {});
  for (int64_t rank : {0, 1})
    for (size_t stage : {0, 1}) {
      double scale = stage ? 10 : 1;
      Image image = {scale * double(2 * rank + 1), scale * double(2 * rank + 2)};
      EXPECT_TRUE(succeeded(programs[stage].setElements("x", rank, image))) << parsed.errors;
    }
  if (failed(programs.run("step")))
    return parsed.errors;
  std::string text;
  for (int64_t rank : {0, 1}) {
    FailureOr<Image> image = programs[1].elements("x", rank);
    for (double value : *image)
      text += std::to_string(int(value)) + " ";
  }
  return text;
}

bool contains(const std::string &text, const std::string &part) {
  return text.find(part) != std::string::npos;
}

TEST(Messages, ranksSendToTheirPeers) {
  EXPECT_EQ(outcome(sendX(1, 0, "t") + wait("t"), receiveY(0, 0, "t") + wait("t") + copyToX), "1 2 3 4 ");
}

/// Sends go on at once, so both may send first.
TEST(Messages, goBothWaysAtOnce) {
  std::string other = receiveY(0, 0, "t") + sendX(0, 0, "s") + wait("t") + wait("s") + copyToX;
  EXPECT_EQ(outcome(sendX(1, 0, "s") + receiveY(1, 0, "t") + wait("t") + wait("s") + copyToX, other),
            "1 2 3 4 ");
}

/// What a message holds is what was there when it was sent; the buffer is not to be written before the wait.
TEST(Messages, lendTheirBufferUntilTaken) {
  std::string receive = receiveY(0, 0, "t") + wait("t") + copyToX;
  EXPECT_EQ(outcome(sendX(1, 0, "t") + wait("t") + doubleX, receive), "1 2 3 4 ");
  std::string errors = outcome(sendX(1, 0, "t") + doubleX + wait("t"), receive);
  EXPECT_TRUE(contains(errors,
                       "'exec.kernel' op writes element [n=0] of 'x' on rank 0, which a movement under "
                       "way reads"))
      << errors;
}

TEST(Messages, arriveAtTheWait) {
  std::string errors = outcome(sendX(1, 0, "t") + wait("t"), receiveY(0, 0, "t") + copyToX + wait("t"));
  EXPECT_TRUE(contains(
      errors, "'exec.copy' op reads element [n=0] of 'exec.buffer' on rank 0, which a movement under way "
              "has not delivered"))
      << errors;
}

TEST(Messages, aCircleOfWaitsIsAnError) {
  std::string errors = outcome(receiveY(1, 0, "t") + wait("t") + copyToX + sendX(1, 0, "s") + wait("s"),
                               receiveY(0, 0, "t") + wait("t") + copyToX + sendX(0, 0, "s") + wait("s"));
  EXPECT_TRUE(
      contains(errors, "'exec.wait' op no stage can go on: stage 0 waits for message 0 from stage 1\n"))
      << errors;
  EXPECT_TRUE(contains(errors, ": stage 1 waits for message 0 from stage 0\n")) << errors;
}

TEST(Messages, thatNobodyTakesAreAnError) {
  std::string errors = outcome(sendX(1, 2, "t") + wait("t"), "");
  EXPECT_TRUE(contains(errors, "no stage can go on: stage 0 waits for stage 1 to take message 2")) << errors;
}

TEST(Messages, haveOneTypeOnBothSides) {
  std::string receive = R"(%z = exec.buffer : !Y
%t = exec.receive %z from 0 message 0 : !Y async !exec.token
exec.wait %t
)";
  std::string errors = outcome(sendX(1, 0, "t") + wait("t"), receive);
  EXPECT_TRUE(contains(errors, "'exec.receive' op receives message 0 as '!exec.buffer<f32[m=2]>' on 2 ranks, "
                               "stage 0 sends '!exec.buffer<f32[n=2]>' on 2"))
      << errors;
}

TEST(Messages, areSentOnce) {
  std::string errors = outcome(sendX(1, 0, "s") + sendX(1, 0, "t") + wait("s") + wait("t"),
                               receiveY(0, 0, "t") + wait("t") + copyToX);
  EXPECT_TRUE(contains(errors, "'exec.send' op sends message 0 to stage 1 again")) << errors;
}

/// A wait that is forgotten: the life of the buffer ends while it is awaited.
TEST(Messages, areWaitedFor) {
  std::string errors = outcome(sendX(1, 0, "t") + wait("t"), receiveY(0, 0, "t"));
  EXPECT_TRUE(contains(errors, "while a movement of it is under way")) << errors;
}

} // namespace
