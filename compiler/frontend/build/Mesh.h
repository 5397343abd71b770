//===- Mesh.h - the plan of a job, checked against its program ------------===//
//
// In:  the rules as written, and the program they are for.
// Out: `dist.plan`: products replaced by the parts that the mesh can split.
// Not here: placing (dist-place); this asks the plan about every set of axes
//           first, so that errors point into the user's YAML.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "compiler/frontend/JobSpec.h"
#include "compiler/frontend/build/Dependencies.h"

#include "dialects/dist/Dist.h"

#include "mlir/IR/BuiltinOps.h"

namespace shardc::frontend::build {

/// The rule of the job that a rule of the plan comes from.
using WrittenRules = llvm::MapVector<dist::NumberedRule, const AxisRule *>;

/// The plan of a finished program; null after reporting errors. Notes in `written` where its rules come from.
dist::PlanAttr buildPlan(mlir::ModuleOp module, const Job &job, Diagnostics &diags,
                         WrittenRules *written = nullptr);

} // namespace shardc::frontend::build
