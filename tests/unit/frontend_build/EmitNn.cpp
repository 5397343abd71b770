// emit-nn JOB [--set a=b]...: the job's nn program, with locations left out. What lit tests of the frontend
// run.
#include "compiler/frontend/build/BuildModule.h"

#include "llvm/Support/raw_ostream.h"

using namespace shardc::frontend;

int main(int argc, char **argv) {
  LoadOptions options{.searchDirs = {PLANS_DIR}};
  std::string path;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--set" && i + 1 < argc)
      options.sets.push_back(argv[++i]);
    else
      path = argument;
  }
  Diagnostics diags;
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  mlir::OwningOpRef<mlir::ModuleOp> module;
  if (std::optional<Job> job = loadJob(path, options, diags))
    module = buildModule(context, *job, diags);
  if (!module) {
    llvm::errs() << diags.str();
    return 1;
  }
  module->print(llvm::outs());
  llvm::outs() << "\n";
}
