//===- Why.h - which rules place a weight, and where they are written -----===//
//
// Asks the plan (`PlanAttr::place`) and listens: so what is said here is what dist-place does.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "compiler/driver/Commands.h"
#include "compiler/frontend/build/Mesh.h"
#include "compiler/frontend/build/Weights.h"

namespace shardc {

/// A rule that named the axis asked for mesh axes, by the names of the program.
struct Asked {
  const frontend::AxisRule *rule;
  std::vector<std::string> meshAxes;
  int64_t size = 1;                ///< of the mesh axes: 1 places nothing
  const frontend::AxisRule *owner; ///< the rule that has them: this one, or one that was read before
};

struct AxisWhy {
  std::string name;
  int64_t size = 1;
  std::vector<std::string> mesh; ///< empty: the axis is whole
  std::vector<Asked> asked;
  /// Rules of a product that the axis is a part of, which place other parts.
  std::vector<const frontend::AxisRule *> ofProduct;
};

struct WeightWhy {
  std::string name;
  std::vector<std::string> ties; ///< other names of the same weight
  frontend::Position at;
  std::vector<AxisWhy> axes;
};

/// `heads: tp`, `batch: [dp, ep]`; `mlp: tp, in layers.*.mlp`
std::string textOf(const frontend::AxisRule &rule, const frontend::Plan &plan);

/// Of the weight called `path` (`.weight` may be left out), or of all weights of the module there. Reports an
/// unknown path, with what is there.
std::vector<WeightWhy> whyOf(const std::vector<frontend::build::Field> &weights, const std::string &path,
                             const frontend::Job &job, dist::PlanAttr plan,
                             const frontend::build::WrittenRules &written, frontend::Diagnostics &diags);

} // namespace shardc
