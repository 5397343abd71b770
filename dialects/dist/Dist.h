//===- Dist.h - the dist dialect ------------------------------------------===//
#pragma once

#include "dialects/nn/Nn.h"

#include "dialects/dist/DistDialect.h.inc"

namespace dist {
class RuleAttr;
/// Hears that `rule` asks for `meshAxis` for `axis`, and which rule has it: this one, an earlier one, or none
/// that the plan knows of (the value is partial over it).
using PlaceListener =
    llvm::function_ref<void(mlir::StringAttr axis, RuleAttr rule, mlir::StringAttr meshAxis, RuleAttr owner)>;
} // namespace dist

#define GET_ATTRDEF_CLASSES
#include "dialects/dist/DistAttrs.h.inc"

namespace dist {

/// Marks a function that lowering made of a reshard of a bundle: it computes nothing.
inline constexpr llvm::StringLiteral reshardAttrName = "dist.moves";

/// The plan of the module that `op` stands in (or is); null where there is none.
PlanAttr planOf(mlir::Operation *op);

/// Fails, with the degrees that would divide, where a mesh axis is unknown or does not divide its axis.
mlir::LogicalResult checkPlacement(mlir::Type type, PlanAttr plan, nn::EmitError error);

/// What one rank holds of an axis.
inline int64_t localSize(nn::AxisAttr axis, PlanAttr plan) {
  return axis.getSize() / plan.sizeOf(axis.getMesh());
}

} // namespace dist

#define GET_OP_CLASSES
#include "dialects/dist/DistOps.h.inc"
