//===- MemoryTest.cpp - what memory refuses -------------------------------===//
//
// Each program is wrong in one way; the message names the op, its line, the rank, the buffer and the element.
//
//===----------------------------------------------------------------------===//

#include "tests/unit/exec_interpreter/Support.h"

using namespace shardc::interpreter;
using namespace shardc::interpreter::test;

namespace {

#define EXPECT_CONTAINS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)

const char *negate = R"(
      exec.func @negate(in %x: !x, out %y: !x) frame 64 {
        %h = exec.buffer frame[0] : !x
        exec.copy %x -> %h loops [n=4: 1, 1] : !x, !x
        exec.kernel "negate" loops [n=4: 1, 1] (%a = %h) -> (write %y) : !x, !x {
          %0 = arith.negf %a : f32
          exec.yield %0 : f32
        }
      })";

/// A planned program: x and y are globals at 0 and 64, the entry's frame of 256 bytes starts at 128; @x is
/// written.
std::string planned(const std::string &body, const std::string &functions = negate) {
  return R"(!x = !exec.buffer<f32[n=4]>
    module attributes {exec.mesh = #exec.mesh<tp=2>, exec.arena_bytes = 384 : i64, exec.frame_base = 128 : i64} {
      exec.global @x "x" arena[0] : !x
      exec.global @y "y" arena[64] : !x)" +
         functions + R"(
      exec.func @step() entry frame 256 {
        %x = exec.address @x : !x
        %y = exec.address @y : !x
        exec.kernel "ones" loops [n=4: 1] () -> (write %x) : !x {
          %0 = arith.constant 1.0 : f32
          exec.yield %0 : f32
        })" +
         body + "\n}}";
}

std::string copy(const std::string &from, const std::string &to) {
  return "exec.copy " + from + " -> " + to + " loops [n=4: 1, 1] : !x, !x\n";
}

TEST(ExecMemory, aRightProgramRuns) {
  ExecProgram program(planned(
      "%h = exec.buffer frame[0] : !x\n" + copy("%x", "%h") +
      "exec.call @negate(%h, %y) frame[64] : !x, !x\n%g = exec.buffer frame[0] : !x\n" + copy("%y", "%g")));
  ASSERT_TRUE(program.run()) << program.errors;
  EXPECT_EQ(program.get("y", 1), (std::vector<double>{-1, -1, -1, -1}));
}

TEST(ExecMemory, readBeforeWrite) {
  EXPECT_EQ(errorsOf(planned("\n%h = exec.buffer frame[0] : !x\n" + copy("%h", "%y"))),
            "21: 'exec.copy' op reads element [n=0] of 'frame[0]' on rank 0, which was not written\n"
            "20: the life of 'frame[0]' began here\n");
}

TEST(ExecMemory, aBufferStartsAnewInEachTrip) {
  // Written in the first trip only: the second finds nothing.
  EXPECT_CONTAINS(errorsOf(planned(R"(
        exec.loop 2 (%i) {
          %h = exec.buffer frame[0] : !x
          %part = exec.view %h [0] : !x -> !exec.buffer<f32[n=2]>
          %from = exec.view %x [0] : !x -> !exec.buffer<f32[n=2]>
          exec.copy %from -> %part loops [n=2: 1, 1] : !exec.buffer<f32[n=2]>, !exec.buffer<f32[n=2]>
          exec.copy %h -> %y loops [n=4: 1, 1] : !x, !x
        })")),
                  "'exec.copy' op reads element [n=2] of 'frame[0]' on rank 0, which was not written");
}

TEST(ExecMemory, buffersOverlap) {
  std::string errors =
      errorsOf(planned("%h = exec.buffer frame[0] : !exec.buffer<f32[n=20]>\n"
                       "%view = exec.view %h [0] : !exec.buffer<f32[n=20]> -> !x\n" +
                       copy("%x", "%view") + "%g = exec.buffer frame[64] : !x\n" + copy("%view", "%g")));
  EXPECT_CONTAINS(
      errors, "'exec.buffer' op 'frame[64]' takes arena bytes 192 to 208, of which 'frame[0]' has 128 to 208 "
              "and is still used");
}

TEST(ExecMemory, bytesAreReusedAfterTheLastUse) {
  ExecProgram program(planned("%h = exec.buffer frame[0] : !x\n" + copy("%x", "%h") +
                              "%g = exec.buffer frame[64] : !x\n" + copy("%h", "%g") +
                              "%i = exec.buffer frame[0] : !x\n" + copy("%g", "%i") + copy("%i", "%y")));
  EXPECT_TRUE(program.run()) << program.errors;
}

TEST(ExecMemory, aFrameOverlapsALiveBuffer) {
  EXPECT_CONTAINS(errorsOf(planned("%h = exec.buffer frame[0] : !x\n" + copy("%x", "%h") +
                                   "exec.call @negate(%h, %y) frame[0] : !x, !x")),
                  "'exec.call' op the frame of @negate takes arena bytes 128 to 192, of which 'frame[0]' "
                  "has 128 to 144 "
                  "and is still used");
}

TEST(ExecMemory, aFrameLeavesItsCallers) {
  EXPECT_CONTAINS(errorsOf(planned("exec.call @negate(%x, %y) frame[256] : !x, !x")),
                  "'exec.call' op gives @negate a frame up to byte 320 of its own, which has 256");
  EXPECT_CONTAINS(errorsOf(planned("exec.call @negate(%x, %y) : !x, !x")),
                  "'exec.call' op gives @negate no frame, which needs 64 bytes");
}

const char *half = R"(
      exec.func @half(in %x: !x, out %y: !x) frame 0 {
        %from = exec.view %x [tp * 2] : !x -> !exec.buffer<f32[n=2]>
        %to = exec.view %y [tp * 2] : !x -> !exec.buffer<f32[n=2]>
        exec.copy %from -> %to loops [n=2: 1, 1] : !exec.buffer<f32[n=2]>, !exec.buffer<f32[n=2]>
      })";

TEST(ExecMemory, anOutArgumentIsWrittenInFull) {
  EXPECT_CONTAINS(errorsOf(planned("exec.call @half(%x, %y) : !x, !x", half)),
                  "'exec.call' op leaves element [n=2] of 'y' on rank 0, an 'out' argument, unwritten");
  // What was there before is gone, so the half that isn't written can't be used either.
  EXPECT_CONTAINS(errorsOf(planned(copy("%x", "%y") + "exec.call @half(%x, %y) : !x, !x", half)),
                  "unwritten");
}

TEST(ExecMemory, argumentsAreUsedAsTheirModesSay) {
  EXPECT_CONTAINS(errorsOf(planned("exec.call @f(%x) : !x", R"(
      exec.func @f(in %x: !x) frame 0 {
        exec.kernel "zero" loops [n=4: 1] () -> (write %x) : !x {
          %0 = arith.constant 0.0 : f32
          exec.yield %0 : f32
        }
      })")),
                  "'exec.kernel' op writes 'x', which this function may only read");
  EXPECT_CONTAINS(errorsOf(planned("exec.call @f(%x, %y) : !x, !x", R"(
      exec.func @f(acc %x: !x, out %y: !x) frame 0 {
        exec.copy %x -> %y loops [n=4: 1, 1] : !x, !x
      })")),
                  "'exec.copy' op reads 'x', which this function may only add to");
}

TEST(ExecMemory, operandsOverlap) {
  EXPECT_CONTAINS(errorsOf(planned("exec.call @negate(%x, %x) frame[0] : !x, !x")),
                  "'exec.call' op reads 'x' and writes 'x', which overlap on rank 0");
  // On rank 1 the second view is the first.
  EXPECT_CONTAINS(errorsOf(planned(R"(
        %a = exec.view %x [2] : !x -> !exec.buffer<f32[n=2]>
        %b = exec.view %x [tp * 2] : !x -> !exec.buffer<f32[n=2]>
        exec.copy %a -> %b loops [n=2: 1, 1] : !exec.buffer<f32[n=2]>, !exec.buffer<f32[n=2]>)")),
                  "which overlap on rank 1");
}

TEST(ExecMemory, interleavedViewsDoNotOverlap) {
  ExecProgram program(planned(R"(
        %even = exec.view %x [0] : !x -> !exec.buffer<f32[n=2:2]>
        %odd = exec.view %x [1] : !x -> !exec.buffer<f32[n=2:2]>
        exec.copy %even -> %odd loops [n=2: 2, 2] : !exec.buffer<f32[n=2:2]>, !exec.buffer<f32[n=2:2]>)"));
  EXPECT_TRUE(program.run()) << program.errors;
}

TEST(ExecMemory, aViewLeavesItsBufferOnOneRank) {
  EXPECT_CONTAINS(errorsOf(planned("%v = exec.view %x [tp * 3] : !x -> !exec.buffer<f32[n=2]>")),
                  "'exec.view' op reaches elements 3 to 5 of 'x' on rank 1, which has 4");
}

TEST(ExecMemory, globalsStayBetweenEntriesAndNothingElseDoes) {
  ExecProgram program(planned("%h = exec.buffer frame[0] : !x\n" + copy("%x", "%h")));
  ASSERT_TRUE(program.run()) << program.errors;
  ASSERT_TRUE(program.run()) << program.errors;
  EXPECT_EQ(program.get("x"), (std::vector<double>{1, 1, 1, 1}));
  EXPECT_TRUE(failed(program.interpreter().elements("y", 0)));
}

TEST(ExecMemory, globalsOverlap) {
  std::string text = planned("");
  text.replace(text.find("arena[64]"), 9, "arena[0]");
  EXPECT_CONTAINS(
      errorsOf(text),
      "'exec.global' op 'y' takes arena bytes 0 to 16, of which 'x' has 0 to 16 and is still used");
}

} // namespace
