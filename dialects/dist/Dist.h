//===- Dist.h - the dist dialect ------------------------------------------===//
#pragma once

#include "dialects/nn/Nn.h"

#include "dialects/dist/DistDialect.h.inc"

namespace dist {
class RuleAttr;
/// A rule and the number of its level in the order in which levels are read, those at rest included.
using NumberedRule = std::pair<unsigned, RuleAttr>;
struct PlaceRequest;
/// Hears of each mesh axis that a matching rule asks for.
using PlaceListener = llvm::function_ref<void(const PlaceRequest &)>;
} // namespace dist

#define GET_ATTRDEF_CLASSES
#include "dialects/dist/DistAttrs.h.inc"

namespace dist {

/// `rule` asks for `meshAxis` for `axis`.
struct PlaceRequest {
  mlir::StringAttr axis, meshAxis;
  NumberedRule rule;
  /// The rule that has the mesh axis: this one, or one that was read before. A null rule: the value is
  /// partial over the mesh axis.
  NumberedRule owner;
  bool isGranted() const { return owner == rule; }
};

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
