//===- StageTest.cpp - messages between the stages of a pipeline ----------===//

#include "tests/unit/interpreter/Support.h"

#include "compiler/interpreter/DistHandlers.h"

#include "dialects/pipe/Pipe.h"

using namespace mlir;
using namespace shardc::interpreter;
using namespace shardc::interpreter::test;

using Numbers = std::vector<double>;

namespace {

/// Two stages on dp=2 each, with @main: the ops of each, and what it returns.
std::string stages(const std::string &first, const std::string &second) {
  auto module = [](int number, const std::string &main) {
    return "module @stage_" + std::to_string(number) +
           " attributes {dist.plan = #dist.plan<mesh = [dp = 2], rules = [[batch@dp]]>, "
           "pipe.stage = #pipe.stage<" +
           std::to_string(number) + " of 2 over \"pp\", mesh = [dp = 2, pp = 2]>} {\n" + main + "\n}\n";
  };
  return "!X = !nn.tensor<f32[batch=4@dp, n=2]>\n!Y = !nn.tensor<f32[n=2, batch=4@dp]>\nmodule {\n" +
         module(0, first) + module(1, second) + "}\n";
}

/// Doubles its operand.
std::string doubled(const std::string &result, const std::string &operand) {
  return "%" + result + " = nn.map (%a = %" + operand + " : !X) -> !X {\n%0 = arith.addf %a, %a : f32\n" +
         "nn.yield %0 : f32\n}\n";
}

class StagePrograms {
public:
  explicit StagePrograms(const std::string &text) : program(text) {
    for (ModuleOp stage : pipes::stagesOf(program.module()))
      interpreters.push_back(std::make_unique<Interpreter>(stage, meshOf(dist::planOf(stage)), Options()));
  }

  /// What the stages' @main return, whole; null after an error.
  std::optional<std::vector<Data>> run(const std::vector<Data> &arguments) {
    Messages<Datum> messages;
    for (auto [interpreter, own] : llvm::zip(interpreters, arguments)) {
      Data placed;
      for (auto [datum, type] : llvm::zip(own, main(*interpreter).getArgumentTypes()))
        placed.push_back(scatter(interpreter->getMesh(), datum, type));
      EXPECT_TRUE(succeeded(interpreter->begin("main", placed, messages))) << program.errors;
    }
    if (failed(runInTurn(interpreters.size(), [&](size_t stage) { return interpreters[stage]->resume(); })))
      return std::nullopt;
    std::vector<Data> results;
    for (auto &interpreter : interpreters) {
      Data &own = results.emplace_back(interpreter->results());
      for (auto [datum, type] : llvm::zip(own, main(*interpreter).getResultTypes()))
        datum = gather(interpreter->getMesh(), datum, type);
    }
    return results;
  }

  std::string errors() { return program.errors; }
  mlir::Type typeOfX() { return main(*interpreters[0]).getArgumentTypes()[0]; }

private:
  static nn::FuncOp main(Interpreter &interpreter) {
    return interpreter.getModule().lookupSymbol<nn::FuncOp>("main");
  }

  Program program;
  std::vector<std::unique_ptr<Interpreter>> interpreters;
};

/// What the stages return of x = {1, .. 8}, or the errors.
std::string outcome(const std::string &first, const std::string &second) {
  StagePrograms programs(stages(first, second));
  Data x = {tensor(programs.typeOfX(), {1, 2, 3, 4, 5, 6, 7, 8})};
  auto results = programs.run({x, {}});
  if (!results)
    return programs.errors();
  std::string text;
  for (const Data &own : *results)
    for (const Datum &datum : own) {
      for (double value : valuesOf(datum))
        text += std::to_string(int(value)) + " ";
      text += "| ";
    }
  return text;
}

/// There and back: the other stage has its axes in another order.
TEST(Stages, eachRankSendsItsShard) {
  EXPECT_EQ(
      outcome(
          "nn.func @main(%x: !X) -> !X {\npipe.send %x to 1 message 0 order [n, batch] : !X\n"
          "%y = pipe.receive from 1 message 0 order [batch, n] : !X\npipe.sent to 1 message 0\n" +
              doubled("z", "y") + "nn.return %z : !X }",
          "nn.func @main() -> !Y {\n%y = pipe.receive from 0 message 0 order [n, batch] : !Y\n"
          "pipe.send %y to 0 message 0 order [batch, n] : !Y\npipe.sent to 0 message 0\nnn.return %y : !Y }"),
      "2 4 6 8 10 12 14 16 | 1 3 5 7 2 4 6 8 | ");
}

/// What is received is waited for where it is used: before that a stage may send what the other waits for.
TEST(Stages, receivesArePostedEarly) {
  EXPECT_EQ(outcome("nn.func @main(%x: !X) -> !X {\n"
                    "%y = pipe.receive from 1 message 0 order [batch, n] : !X\n"
                    "pipe.send %x to 1 message 0 order [batch, n] : !X\n" +
                        doubled("z", "y") + "nn.return %z : !X }",
                    "nn.func @main() {\n%y = pipe.receive from 0 message 0 order [batch, n] : !X\n" +
                        doubled("z", "y") + "pipe.send %z to 0 message 0 order [batch, n] : !X\nnn.return }"),
            "4 8 12 16 20 24 28 32 | ");
}

TEST(Stages, aCircleOfWaitsIsAnError) {
  EXPECT_EQ(outcome("nn.func @main(%x: !X) -> !X {\n"
                    "%y = pipe.receive from 1 message 0 order [batch, n] : !X\n" +
                        doubled("z", "y") +
                        "pipe.send %z to 1 message 0 order [batch, n] : !X\nnn.return %z : !X }",
                    "nn.func @main() {\n%y = pipe.receive from 0 message 0 order [batch, n] : !X\n" +
                        doubled("z", "y") + "pipe.send %z to 0 message 0 order [batch, n] : !X\nnn.return }"),
            "'pipe.receive' op no stage can go on: stage 0 waits for message 0 from stage 1\n");
}

/// A send that nobody takes: the sender waits for it for ever.
TEST(Stages, aMessageThatNobodyTakesIsAnError) {
  EXPECT_EQ(outcome("nn.func @main(%x: !X) -> !X {\npipe.send %x to 1 message 5 order [batch, n] : !X\n"
                    "pipe.sent to 1 message 5\nnn.return %x : !X }",
                    "nn.func @main() {\nnn.return }"),
            "'pipe.sent' op no stage can go on: stage 0 waits for stage 1 to take message 5\n");
}

TEST(Stages, aMessageIsSentOnce) {
  EXPECT_EQ(outcome("nn.func @main(%x: !X) -> !X {\npipe.send %x to 1 message 0 order [batch, n] : !X\n"
                    "pipe.send %x to 1 message 0 order [batch, n] : !X\nnn.return %x : !X }",
                    "nn.func @main() {\nnn.return }"),
            "'pipe.send' op sends message 0 to stage 1 again\n");
}

TEST(Stages, whatIsReceivedMustBeThePart) {
  EXPECT_EQ(outcome("nn.func @main(%x: !X) -> !X {\npipe.send %x to 1 message 0 order [batch, n] : !X\n"
                    "nn.return %x : !X }",
                    "nn.func @main() {\n"
                    "%y = pipe.receive from 0 message 0 order [batch, n] : !nn.tensor<f32[batch=4, n=2]>\n"
                    "nn.return }"),
            "'pipe.receive' op receives on rank 0 what is no part of f32[batch=4, n=2] there\n");
}

} // namespace
