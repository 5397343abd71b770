//===- Dialect.cpp - registration, and what the plan says of every type ----===//
//
// The plan is a module attribute: verifying it verifies that every type of the module names mesh axes that
// exist and that divide, at every pass boundary.
//
//===----------------------------------------------------------------------===//

#include "dialects/dist/Dist.h"

using namespace mlir;
using namespace dist;

#include "dialects/dist/DistDialect.cpp.inc"

void DistDialect::initialize() {
  registerAttrs();
  addOperations<
#define GET_OP_LIST
#include "dialects/dist/DistOps.cpp.inc"
      >();
}

//===-- types against the plan ---------------------------------------------===//

/// "1, 2, 3 or 6": the sizes of a mesh axis that divide `size`, given that the other mesh axes of the axis
/// stay.
static std::string divisorsOf(int64_t size) {
  SmallVector<int64_t> divisors;
  for (int64_t d = 1; d <= std::min<int64_t>(size, 1024); ++d)
    if (size % d == 0)
      divisors.push_back(d);
  std::string text;
  for (auto [index, d] : llvm::enumerate(divisors))
    text += (index == 0 ? "" : index + 1 == divisors.size() ? " or " : ", ") + std::to_string(d);
  return text;
}

static LogicalResult checkAxis(nn::AxisAttr axis, PlanAttr plan, nn::EmitError error) {
  int64_t rest = axis.getSize();
  for (StringAttr meshAxis : axis.getMesh()) {
    int64_t parts = plan.sizeOf(meshAxis);
    if (parts == 0)
      return nn::fail(error, [&](InFlightDiagnostic &diagnostic) {
        diagnostic << "axis " << nn::toString(axis) << " is placed by mesh axis '" << meshAxis.getValue()
                   << "', which the mesh lacks";
      });
    if (rest % parts != 0)
      return nn::fail(error, [&](InFlightDiagnostic &diagnostic) {
        diagnostic << "axis '" << axis.getName().getValue() << "' has size " << axis.getSize()
                   << ", which mesh axis '" << meshAxis.getValue() << "' (" << parts << ") does not divide";
        diagnostic.attachNote() << "'" << meshAxis.getValue() << "' can be " << divisorsOf(rest) << " here";
      });
    rest /= parts;
  }
  return success();
}

LogicalResult dist::checkPlacement(Type type, PlanAttr plan, nn::EmitError error) {
  if (auto bundle = dyn_cast<nn::BundleType>(type)) {
    for (Type field : bundle.getTypes())
      if (failed(checkPlacement(field, plan, error)))
        return failure();
    return success();
  }
  auto tensor = dyn_cast<nn::NamedTensorType>(type);
  if (!tensor)
    return success();
  for (nn::AxisAttr axis : tensor.getAxes())
    if (failed(checkAxis(axis, plan, error)))
      return failure();
  if (nn::PartialAttr partial = tensor.getPartial())
    for (StringAttr meshAxis : partial.getMesh())
      if (plan.sizeOf(meshAxis) == 0)
        return nn::fail(error, [&](InFlightDiagnostic &diagnostic) {
          diagnostic << nn::toString(tensor) << " is partial over mesh axis '" << meshAxis.getValue()
                     << "', which the mesh lacks";
        });
  return success();
}

LogicalResult DistDialect::verifyOperationAttribute(Operation *op, NamedAttribute attribute) {
  if (attribute.getName() == reshardAttrName)
    return success();
  if (attribute.getName() != planAttrName)
    return op->emitError() << "unknown attribute '" << attribute.getName().getValue() << "'";
  auto plan = dyn_cast<PlanAttr>(attribute.getValue());
  if (!plan || !isa<ModuleOp>(op))
    return op->emitError() << "'" << planAttrName << "' must be a #dist.plan of a module";
  llvm::DenseSet<Type> checked; // types are few and shared
  auto check = [&](Operation *user, Type type) {
    if (!checked.insert(type).second)
      return success();
    return checkPlacement(type, plan, [&] { return user->emitError(); });
  };
  WalkResult walk = op->walk([&](Operation *inner) {
    for (Type type : inner->getResultTypes())
      if (failed(check(inner, type)))
        return WalkResult::interrupt();
    for (Region &region : inner->getRegions())
      for (Block &block : region)
        for (Type type : block.getArgumentTypes())
          if (failed(check(inner, type)))
            return WalkResult::interrupt();
    return WalkResult::advance();
  });
  return failure(walk.wasInterrupted());
}
