//===- SmallJob.h - a job of the starting models, up to its training step ---===//
//
// Through the frontend and the passes of nn; run in the interpreter.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/frontend/build/BuildModule.h"
#include "compiler/interpreter/Training.h"
#include "compiler/transforms/nn/Passes.h"

#include "mlir/Pass/PassManager.h"

#include <gtest/gtest.h>

class SmallJob {
public:
  /// jobs/small_NAME.yaml with these overrides.
  SmallJob(const std::string &name, shardc::interpreter::Inputs inputs, std::vector<std::string> sets = {})
      : inputs(std::move(inputs)) {
    using namespace shardc;
    frontend::Diagnostics diags;
    frontend::LoadOptions options{.sets = std::move(sets), .searchDirs = {PLANS_DIR}};
    std::optional<frontend::Job> job =
        frontend::loadJob(std::string(JOBS_DIR) + "/small_" + name + ".yaml", options, diags);
    if (job)
      module = frontend::buildModule(context, *job, diags);
    EXPECT_TRUE(module) << diags.str();
    mlir::PassManager passes(&context);
    passes.addPass(nn::createNnOutline());
    passes.addPass(nn::createNnDifferentiate());
    passes.addPass(nn::createNnStep());
    EXPECT_TRUE(succeeded(passes.run(*module)));
  }
  shardc::interpreter::Training training() {
    return shardc::interpreter::Training(*module, shardc::interpreter::Mesh(), {.seed = 7, .inputs = inputs});
  }
  mlir::DictionaryAttr recipe() { return (*module)->getAttrOfType<mlir::DictionaryAttr>("nn.recipe"); }

private:
  mlir::MLIRContext context{mlir::MLIRContext::Threading::DISABLED};
  mlir::OwningOpRef<mlir::ModuleOp> module;
  shardc::interpreter::Inputs inputs;
};

/// Weights away from their first values, where zeros and ones hide mistakes.
inline shardc::interpreter::Data startState(shardc::interpreter::Training &training) {
  llvm::FailureOr<shardc::interpreter::Data> state = training.init();
  EXPECT_TRUE(succeeded(state));
  return training.perturbed(*state, 3);
}
