//===- EmitPackage.cpp - an exec program from a file, as a package ---------===//
//
// What the lit tests run: shardc-emit program.mlir FOLDER [--target cuda] [--batch 8 ...]. `shardc build` is
// for users.
//
//===----------------------------------------------------------------------===//

#include "compiler/codegen/Package.h"
#include "dialects/dist/Dist.h"
#include "dialects/exec/Exec.h"
#include "dialects/pipe/Pipe.h"

#include "mlir/Parser/Parser.h"
#include "mlir/Support/FileUtilities.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/SourceMgr.h"

using namespace mlir;

namespace {

namespace cl = llvm::cl;
cl::opt<std::string> input(cl::Positional, cl::desc("program.mlir"), cl::Required);
cl::opt<std::string> folder(cl::Positional, cl::desc("FOLDER"), cl::Required);
cl::opt<bool> cuda("cuda", cl::desc("emit for CUDA"));
cl::opt<int64_t> batch("batch", cl::desc("sequences of a step"), cl::init(8));
cl::opt<int64_t> microbatches("microbatches", cl::init(2));
cl::opt<int64_t> seqLen("seq", cl::init(4));
cl::opt<int64_t> vocab("vocab", cl::init(256));

} // namespace

int main(int argc, char **argv) {
  cl::ParseCommandLineOptions(argc, argv, "exec program to package\n");
  DialectRegistry registry;
  registry.insert<dist::DistDialect, exec::ExecDialect, nn::NnDialect, pipes::PipeDialect,
                  arith::ArithDialect, math::MathDialect>();
  MLIRContext context(registry);
  std::string error;
  auto file = openInputFile(input, &error);
  if (!file) {
    llvm::errs() << "error: " << error << "\n";
    return 1;
  }
  llvm::SourceMgr sources;
  sources.AddNewSourceBuffer(std::move(file), llvm::SMLoc());
  SourceMgrDiagnosticHandler handler(sources, &context);
  OwningOpRef<ModuleOp> module = parseSourceFile<ModuleOp>(sources, &context);
  if (!module)
    return 1;
  shardc::codegen::Recipe recipe{.name = "tiny",
                                 .target =
                                     cuda ? shardc::codegen::Target::cuda : shardc::codegen::Target::cpu,
                                 .steps = 2,
                                 .globalBatch = batch,
                                 .microbatches = microbatches,
                                 .seqLen = seqLen,
                                 .vocab = vocab,
                                 .seed = 42};
  return succeeded(shardc::codegen::writePackage(*module, recipe, folder.getValue())) ? 0 : 1;
}
