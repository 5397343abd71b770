//===- Programs.h - the sound programs that are broken --------------------===//
#pragma once

#include "compiler/interpreter/OneDevice.h"
#include "tests/unit/interpreter/JobSupport.h"

#include <memory>

namespace shardc::mutants {

/// A job, shrunk as `shardc verify` does, at each level.
struct Program {
  std::string name;
  std::shared_ptr<interpreter::test::JobUnderTest> job;
  mlir::OwningOpRef<mlir::ModuleOp> global, dist, exec; // one device's step; placed; planned
  interpreter::OneDevice one;                           // what `global` computes in one step
};

/// The models under plans of one and of two mesh axes. Nothing after an error, which has been printed.
std::optional<std::vector<Program>> soundPrograms();

/// Takes what the frontend made of a job down to each level; nothing after an error, which is in the job's
/// `errors`.
std::optional<Program> compile(const std::string &name, std::shared_ptr<interpreter::test::JobUnderTest> job,
                               mlir::OwningOpRef<mlir::ModuleOp> built);

} // namespace shardc::mutants
