//===- Support.cpp - small exec programs, run ----------------------------===//

#include "tests/unit/exec_interpreter/Support.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/Parser/Parser.h"

using namespace mlir;
using namespace shardc::interpreter;

test::ExecProgram::ExecProgram(const std::string &text, uint64_t seed) {
  context.loadDialect<nn::NnDialect, exec::ExecDialect, arith::ArithDialect, math::MathDialect>();
  context.printOpOnDiagnostic(false);
  context.getDiagEngine().registerHandler([this](Diagnostic &diagnostic) {
    llvm::raw_string_ostream stream(errors);
    auto print = [&](Diagnostic &each) {
      if (auto place = each.getLocation()->findInstanceOf<FileLineColLoc>())
        stream << place.getLine() << ": ";
      stream << each << "\n";
    };
    print(diagnostic);
    for (Diagnostic &note : diagnostic.getNotes())
      print(note);
    return success();
  });
  parsed = parseSourceString<ModuleOp>(text, &context);
  EXPECT_TRUE(parsed) << errors;
  if (parsed)
    machine = std::make_unique<ExecInterpreter>(*parsed, seed);
}

std::string test::ExecProgram::step(const std::string &globals, const std::string &body,
                                    const std::string &mesh) {
  return "module attributes {exec.mesh = #exec.mesh<" + mesh + ">} {\n" + globals +
         "\nexec.func @step() entry {\n" + body + "\n}}";
}

void test::ExecProgram::set(StringRef global, const std::vector<double> &values, int64_t rank) {
  EXPECT_TRUE(succeeded(machine->setElements(global, rank, values))) << errors;
}

std::vector<double> test::ExecProgram::get(StringRef global, int64_t rank) {
  FailureOr<Image> image = machine->elements(global, rank);
  EXPECT_TRUE(succeeded(image)) << errors;
  return succeeded(image) ? *image : Image();
}

bool test::ExecProgram::run(StringRef entry, int64_t step) {
  return succeeded(machine->run(entry, step));
}

std::string test::errorsOf(const std::string &text) {
  ExecProgram program(text);
  EXPECT_FALSE(program.run());
  return program.errors;
}
