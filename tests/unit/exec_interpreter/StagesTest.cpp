//===- StagesTest.cpp - training steps of a pipeline, against one device ---===//
//
// A model of two products, x * a * b with x [batch, n] and weights [n], on one device and as two stages,
// written by hand: an activation goes on, its gradient comes back, the norm and the loss go round. Both
// levels of stages must be what one device computes, and a fault in a message must be seen.
//
//===----------------------------------------------------------------------===//

#include "compiler/Pipelines.h"
#include "compiler/interpreter/exec/CompareExec.h"

#include "dialects/dist/Dist.h"
#include "dialects/exec/Exec.h"
#include "dialects/pipe/Pipe.h"

#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"

#include <gtest/gtest.h>

using namespace mlir;
using namespace shardc;
using namespace shardc::interpreter;

namespace {

const std::string types = R"(
!S = !nn.tensor<i64[]>
!F = !nn.tensor<f32[]>
!W = !nn.tensor<f32[n=3]>
!X = !nn.tensor<f32[batch=2, n=3]>
!T = !nn.tensor<i32[batch=2, n=3]>
!A = !nn.bundle<scale, w: f32[n=3]>
)";

/// What both programs call.
const std::string functions = R"(
nn.func @embed(%t: !T) -> !X {
  %x = nn.map (%v = %t : !T) -> !X {
    %0 = arith.sitofp %v : i32 to f32
    nn.yield %0 : f32
  }
  nn.return %x : !X
}
nn.func @forward(%x: !X, %weights: !A {nn.kind = "parameter"}) -> !X {
  %w = nn.unpack %weights : !A
  %y = nn.map (%a = %x : !X, %b = %w : !W) -> !X {
    %0 = arith.mulf %a, %b : f32
    nn.yield %0 : f32
  }
  nn.return %y : !X
}
nn.func @backward(%x: !X, %weights: !A {nn.kind = "parameter"}, %d_y: !X, %sums: !A {nn.kind = "gradient"}) -> (!X, !A {nn.kind = "gradient"}) {
  %w = nn.unpack %weights : !A
  %sum = nn.unpack %sums : !A
  %d_x = nn.map (%a = %d_y : !X, %b = %w : !W) -> !X {
    %0 = arith.mulf %a, %b : f32
    nn.yield %0 : f32
  }
  %terms = nn.map (%a = %d_y : !X, %b = %x : !X) -> !X {
    %0 = arith.mulf %a, %b : f32
    nn.yield %0 : f32
  }
  %d_w = nn.reduce sum %terms over [batch] : !X -> !W
  %next = nn.map (%a = %sum : !W, %b = %d_w : !W) -> !W {
    %0 = arith.addf %a, %b : f32
    nn.yield %0 : f32
  }
  %next_sums = nn.pack(%next) : !A
  nn.return %d_x, %next_sums : !X, !A
}
nn.func @loss(%z: !X) -> (!F, !X) {
  %loss = nn.reduce sum %z over [batch, n] : !X -> !F
  %ones = nn.map () -> !X {
    %0 = arith.constant 1.0 : f32
    nn.yield %0 : f32
  }
  nn.return %loss, %ones : !F, !X
}
nn.func @zeros() -> (!A {nn.kind = "gradient"}) {
  %w = nn.map () -> !W {
    %0 = arith.constant 0.0 : f32
    nn.yield %0 : f32
  }
  %a = nn.pack(%w) : !A
  nn.return %a : !A
}
nn.func @norm(%sums: !A {nn.kind = "gradient"}) -> !F {
  %g = nn.unpack %sums : !A
  %squares = nn.map (%a = %g : !W) -> !W {
    %0 = arith.mulf %a, %a : f32
    nn.yield %0 : f32
  }
  %sum = nn.reduce sum %squares over [n] : !W -> !F
  nn.return %sum : !F
}
nn.func @add(%x: !F, %y: !F) -> !F {
  %z = nn.map (%a = %x : !F, %b = %y : !F) -> !F {
    %0 = arith.addf %a, %b : f32
    nn.yield %0 : f32
  }
  nn.return %z : !F
}
nn.func @update(%weights: !A {nn.kind = "parameter"}, %sums: !A {nn.kind = "gradient"}, %norm: !F) -> (!A {nn.kind = "parameter"}) {
  %w = nn.unpack %weights : !A
  %g = nn.unpack %sums : !A
  %next = nn.map (%a = %w : !W, %b = %g : !W, %c = %norm : !F) -> !W {
    %0 = arith.divf %b, %c : f32
    %1 = arith.subf %a, %0 : f32
    nn.yield %1 : f32
  }
  %next_weights = nn.pack(%next) : !A
  nn.return %next_weights : !A
}
nn.func @first(%key: !nn.key) -> (!A {nn.kind = "parameter"}) {
  %w = nn.random %key {std = 1.0 : f64, site = 0 : i32} : !W
  %a = nn.pack(%w) : !A
  nn.return %a : !A
}
nn.func @first_sample(%step: !S) -> !S {
  %first = nn.map (%s = %step : !S) -> !S {
    %0 = arith.constant 2 : i64
    %1 = arith.muli %s, %0 : i64
    nn.yield %1 : i64
  }
  nn.return %first : !S
}
nn.func @rate() -> !F {
  %rate = nn.map () -> !F {
    %0 = arith.constant 0.5 : f32
    nn.yield %0 : f32
  }
  nn.return %rate : !F
}
nn.func @zero() -> !S {
  %zero = nn.map () -> !S {
    %0 = arith.constant 0 : i64
    nn.yield %0 : i64
  }
  nn.return %zero : !S
}
)";

std::string weightsOf(const std::string &path) {
  return "!A {nn.kind = \"parameter\", nn.path = \"" + path + "\"}";
}

const std::string recipe = "nn.recipe = {microbatches = 1 : i64, global_batch_size = 2 : i64}";

const std::string oneDevice = types + "module attributes {" + recipe + "} {\n" + functions + R"(
nn.func @init() -> (WEIGHTS(a), WEIGHTS(b)) {
  %zero = nn.call @zero() : () -> !S
  %key = nn.key %zero, %zero : (!S, !S)
  %key_a = nn.child_key %key site 0
  %key_b = nn.child_key %key site 1
  %a = nn.call @first(%key_a) : (!nn.key) -> !A
  %b = nn.call @first(%key_b) : (!nn.key) -> !A
  nn.return %a, %b : !A, !A
}
nn.func @micro(%t: !T {nn.input = "x"}, %a: WEIGHTS(a), %b: WEIGHTS(b), %d_a: !A {nn.kind = "gradient"}, %d_b: !A {nn.kind = "gradient"})
    -> (!A {nn.kind = "gradient"}, !A {nn.kind = "gradient"}) {
  %x = nn.call @embed(%t) : (!T) -> !X
  %y = nn.call @forward(%x, %a) : (!X, !A) -> !X
  %z = nn.call @forward(%y, %b) : (!X, !A) -> !X
  %loss, %d_z = nn.call @loss(%z) : (!X) -> (!F, !X)
  %d_y, %sum_b = nn.call @backward(%y, %b, %d_z, %d_b) : (!X, !A, !X, !A) -> (!X, !A)
  %d_x, %sum_a = nn.call @backward(%x, %a, %d_y, %d_a) : (!X, !A, !X, !A) -> (!X, !A)
  nn.return %sum_a, %sum_b : !A, !A
}
nn.func @step(%step: !S, %a: WEIGHTS(a), %b: WEIGHTS(b)) -> (WEIGHTS(a), WEIGHTS(b), !F, !F, !F) {
  %first = nn.call @first_sample(%step) : (!S) -> !S
  %t = nn.input "x" from %first : (!S) -> !T
  %x = nn.call @embed(%t) : (!T) -> !X
  %y = nn.call @forward(%x, %a) : (!X, !A) -> !X
  %z = nn.call @forward(%y, %b) : (!X, !A) -> !X
  %loss, %d_z = nn.call @loss(%z) : (!X) -> (!F, !X)
  %zero_a = nn.call @zeros() : () -> !A
  %zero_b = nn.call @zeros() : () -> !A
  %d_y, %d_b = nn.call @backward(%y, %b, %d_z, %zero_b) : (!X, !A, !X, !A) -> (!X, !A)
  %d_x, %d_a = nn.call @backward(%x, %a, %d_y, %zero_a) : (!X, !A, !X, !A) -> (!X, !A)
  %norm_a = nn.call @norm(%d_a) : (!A) -> !F
  %norm_b = nn.call @norm(%d_b) : (!A) -> !F
  %norm = nn.call @add(%norm_a, %norm_b) : (!F, !F) -> !F
  %next_a = nn.call @update(%a, %d_a, %norm) : (!A, !A, !F) -> !A
  %next_b = nn.call @update(%b, %d_b, %norm) : (!A, !A, !F) -> !A
  %rate = nn.call @rate() : () -> !F
  nn.return %next_a, %next_b, %loss, %norm, %rate : !A, !A, !F, !F, !F
}
nn.func @eval(%first: !S, %a: WEIGHTS(a), %b: WEIGHTS(b)) -> (!F, !F) {
  %t = nn.input "x" from %first : (!S) -> !T
  %x = nn.call @embed(%t) : (!T) -> !X
  %y = nn.call @forward(%x, %a) : (!X, !A) -> !X
  %z = nn.call @forward(%y, %b) : (!X, !A) -> !X
  %loss, %d_z = nn.call @loss(%z) : (!X) -> (!F, !X)
  %rate = nn.call @rate() : () -> !F
  nn.return %loss, %rate : !F, !F
}
}
)";

std::string stage(int number, const std::string &entries) {
  return "module @stage_" + std::to_string(number) +
         " attributes {dist.plan = #dist.plan<mesh = [], rules = []>, " + recipe +
         ", pipe.stage = #pipe.stage<" + std::to_string(number) + " of 2 over \"pp\", mesh = [pp = 2]>} {\n" +
         functions + entries + "}\n";
}

/// The second stage has a copy of the first one's weight, which it does not use. At the end each returns what
/// the other sends, and waits for what it has sent itself.
const std::string stages = types + "module {\n" + stage(0, R"(
nn.func @init() -> (WEIGHTS(a)) {
  %zero = nn.call @zero() : () -> !S
  %key = nn.key %zero, %zero : (!S, !S)
  %key_a = nn.child_key %key site 0
  %a = nn.call @first(%key_a) : (!nn.key) -> !A
  nn.return %a : !A
}
nn.func @step(%step: !S, %a: WEIGHTS(a)) -> (WEIGHTS(a), !F, !F, !F) {
  %first = nn.call @first_sample(%step) : (!S) -> !S
  %t = nn.input "x" from %first : (!S) -> !T
  %x = nn.call @embed(%t) : (!T) -> !X
  %y = nn.call @forward(%x, %a) : (!X, !A) -> !X
  pipe.send %y to 1 message 0 order [batch, n] : !X
  %zero_a = nn.call @zeros() : () -> !A
  %d_y = pipe.receive from 1 message 0 order [batch, n] : !X
  pipe.sent to 1 message 0
  %d_x, %d_a = nn.call @backward(%x, %a, %d_y, %zero_a) : (!X, !A, !X, !A) -> (!X, !A)
  %norm_a = nn.call @norm(%d_a) : (!A) -> !F
  pipe.send %norm_a to 1 message 1 order [] : !F
  %norm = pipe.receive from 1 message 1 order [] : !F
  %loss = pipe.receive from 1 message 2 order [] : !F
  %next_a = nn.call @update(%a, %d_a, %norm) : (!A, !A, !F) -> !A
  %next = nn.unpack %next_a : !A
  pipe.sent to 1 message 1
  pipe.send %next to 1 message 2 order [n] : !W
  %rate = nn.map () -> !F {
    %0 = arith.constant 0.5 : f32
    nn.yield %0 : f32
  }
  pipe.sent to 1 message 2
  nn.return %next_a, %loss, %norm, %rate : !A, !F, !F, !F
}
nn.func @eval(%first: !S, %a: WEIGHTS(a)) -> (!F, !F) {
  %t = nn.input "x" from %first : (!S) -> !T
  %x = nn.call @embed(%t) : (!T) -> !X
  %y = nn.call @forward(%x, %a) : (!X, !A) -> !X
  pipe.send %y to 1 message 0 order [batch, n] : !X
  %loss = pipe.receive from 1 message 0 order [] : !F
  %rate = nn.call @rate() : () -> !F
  pipe.sent to 1 message 0
  nn.return %loss, %rate : !F, !F
}
)") + stage(1, R"(
nn.func @init() -> (COPY(a), WEIGHTS(b)) {
  %zero = nn.call @zero() : () -> !S
  %key = nn.key %zero, %zero : (!S, !S)
  %key_a = nn.child_key %key site 0
  %key_b = nn.child_key %key site 1
  %a = nn.call @first(%key_a) : (!nn.key) -> !A
  %b = nn.call @first(%key_b) : (!nn.key) -> !A
  nn.return %a, %b : !A, !A
}
nn.func @step(%step: !S, %a: COPY(a), %b: WEIGHTS(b)) -> (COPY(a), WEIGHTS(b), !F, !F, !F) {
  %y = pipe.receive from 0 message 0 order [batch, n] : !X
  %zero_b = nn.call @zeros() : () -> !A
  %z = nn.call @forward(%y, %b) : (!X, !A) -> !X
  %loss, %d_z = nn.call @loss(%z) : (!X) -> (!F, !X)
  %d_y, %d_b = nn.call @backward(%y, %b, %d_z, %zero_b) : (!X, !A, !X, !A) -> (!X, !A)
  pipe.send %d_y to 0 message 0 order [batch, n] : !X
  %norm_b = nn.call @norm(%d_b) : (!A) -> !F
  %norm_a = pipe.receive from 0 message 1 order [] : !F
  %norm = nn.call @add(%norm_a, %norm_b) : (!F, !F) -> !F
  pipe.send %norm to 0 message 1 order [] : !F
  pipe.send %loss to 0 message 2 order [] : !F
  %next_b = nn.call @update(%b, %d_b, %norm) : (!A, !A, !F) -> !A
  %rate = nn.map () -> !F {
    %0 = arith.constant 0.5 : f32
    nn.yield %0 : f32
  }
  %next = pipe.receive from 0 message 2 order [n] : !W
  pipe.sent to 0 message 0
  pipe.sent to 0 message 1
  pipe.sent to 0 message 2
  %next_a = nn.pack(%next) : !A
  nn.return %next_a, %next_b, %loss, %norm, %rate : !A, !A, !F, !F, !F
}
nn.func @eval(%first: !S, %a: COPY(a), %b: WEIGHTS(b)) -> (!F, !F) {
  %y = pipe.receive from 0 message 0 order [batch, n] : !X
  %z = nn.call @forward(%y, %b) : (!X, !A) -> !X
  %loss, %d_z = nn.call @loss(%z) : (!X) -> (!F, !X)
  pipe.send %loss to 0 message 0 order [] : !F
  %rate = nn.call @rate() : () -> !F
  pipe.sent to 0 message 0
  nn.return %loss, %rate : !F, !F
}
)") + "}\n";

void replaceAll(std::string &text, const std::string &from, const std::string &to) {
  for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
}

class StagedTraining : public testing::Test {
protected:
  StagedTraining() : context(MLIRContext::Threading::DISABLED) {
    static const bool registered = (registerPasses(), true);
    (void)registered;
    context.loadDialect<nn::NnDialect, dist::DistDialect, pipes::PipeDialect, exec::ExecDialect>();
    context.printOpOnDiagnostic(false);
    context.getDiagEngine().registerHandler([this](Diagnostic &diagnostic) {
      errors += diagnostic.str() + "\n";
      return success();
    });
    options.steps = 3;
    options.inputs = [](StringRef, int64_t sample, int64_t index) {
      return double((sample * 5 + index * 3) % 7 + 1);
    };
    global = parse(oneDevice);
  }

  OwningOpRef<ModuleOp> parse(std::string text) {
    for (const char *name : {"a", "b"}) {
      replaceAll(text, std::string("WEIGHTS(") + name + ")", weightsOf(name));
      std::string copy = weightsOf(name);
      copy.insert(copy.size() - 1, ", pipe.copy");
      replaceAll(text, std::string("COPY(") + name + ")", copy);
    }
    OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(text, &context);
    EXPECT_TRUE(module) << errors;
    return module;
  }

  LogicalResult lower(ModuleOp module) {
    PassManager passes(&context);
    if (failed(parsePassPipeline(
            "exec-layout,builtin.module(exec-lower,exec-prefetch,exec-order,exec-plan-memory,"
            "exec-verify),exec-verify-stages",
            passes)))
      return failure();
    return passes.run(module);
  }

  using Edits = std::vector<std::pair<std::string, std::string>>;

  /// How far the stages with these edits (this text, that instead) are off; nothing after an error, which is
  /// in `errors`.
  std::optional<double> worst(const Edits &edits, bool inExec) {
    std::string text = stages;
    for (auto &[from, to] : edits) {
      EXPECT_NE(text.find(from), std::string::npos) << from;
      replaceAll(text, from, to);
    }
    OwningOpRef<ModuleOp> staged = parse(text);
    if (!staged || (inExec && failed(lower(*staged))))
      return std::nullopt;
    FailureOr<Comparison> comparison = inExec ? compareExecWithGlobal(*global, *staged, options)
                                              : compareTraining(*global, *staged, Mesh(), options);
    if (failed(comparison))
      return std::nullopt;
    compared = comparison->all().size();
    return comparison->worst();
  }

  MLIRContext context;
  std::string errors;
  CompareOptions options;
  OwningOpRef<ModuleOp> global;
  size_t compared = 0;
};

/// Weights: three at the start and three at the end, the copy among them; two gradients; of each step three
/// scalars on both stages; the same of the evaluation's two.
TEST_F(StagedTraining, isWhatOneDeviceComputes) {
  std::optional<double> off = worst({}, false);
  ASSERT_TRUE(off) << errors;
  EXPECT_LE(*off, 1e-12);
  EXPECT_EQ(compared, 3u + 3 + 2 + 3 * 3 * 2 + 2 * 2);
}

/// In exec states are also compared after the first step.
TEST_F(StagedTraining, isWhatOneDeviceComputesInExec) {
  std::optional<double> off = worst({}, true);
  ASSERT_TRUE(off) << errors;
  EXPECT_LE(*off, 1e-12);
  EXPECT_EQ(compared, 3u * 3 + 2 + 3 * 3 * 2 + 2 * 2);
}

TEST_F(StagedTraining, faultsAreSeen) {
  const std::pair<const char *, Edits> faults[] = {
      {"norms are not added", {{"pipe.send %norm to 0 message 1", "pipe.send %norm_b to 0 message 1"}}},
      {"two messages of one type change places",
       {{"%norm = pipe.receive from 1 message 1", "%norm = pipe.receive from 1 message 2"},
        {"%loss = pipe.receive from 1 message 2", "%loss = pipe.receive from 1 message 1"}}},
      {"a copy is not told of the update",
       {{"nn.return %next_a, %next_b, %loss, %norm", "nn.return %a, %next_b, %loss, %norm"}}},
  };
  for (auto &[name, edits] : faults)
    for (bool inExec : {false, true}) {
      std::optional<double> off = worst(edits, inExec);
      EXPECT_TRUE(off && *off > 1e-3) << name << (inExec ? " in exec " : " in dist ") << errors;
    }
}

/// A message that is missing stops the run: in dist by a wait that never ends, in exec before it begins.
TEST_F(StagedTraining, aDroppedMessageIsSeen) {
  Edits dropped = {{"pipe.send %loss to 0 message 2 order [] : !F\n", ""},
                   {"pipe.sent to 0 message 2\n", ""}};
  EXPECT_FALSE(worst(dropped, false));
  EXPECT_NE(errors.find("no stage can go on: stage 0 waits for message 2 from stage 1"), std::string::npos)
      << errors;
  EXPECT_FALSE(worst(dropped, true));
  EXPECT_NE(errors.find("message 2 from stage 1 to stage 0 in @step is never sent"), std::string::npos)
      << errors;
}

} // namespace
