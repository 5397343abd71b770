//===- Dialect.cpp - registration, attributes of modules and functions ------===//

#include "dialects/pipe/Pipe.h"

#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace pipes;

#include "dialects/pipe/PipeDialect.cpp.inc"
#include "dialects/pipe/PipeEnums.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "dialects/pipe/PipeAttrs.cpp.inc"

void PipeDialect::initialize() {
  registerAttrs();
  addOperations<
#define GET_OP_LIST
#include "dialects/pipe/PipeOps.cpp.inc"
      >();
}

void PipeDialect::registerAttrs() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/pipe/PipeAttrs.cpp.inc"
      >();
}

LogicalResult StageAttr::verify(llvm::function_ref<InFlightDiagnostic()> error, int64_t index, int64_t count,
                                StringAttr axis, ArrayRef<dist::MeshAxisAttr> mesh) {
  for (dist::MeshAxisAttr meshAxis : mesh)
    if (meshAxis.getName() == axis) {
      if (meshAxis.getSize() != count)
        return error() << "there are " << count << " stages, mesh axis '" << axis.getValue() << "' has size "
                       << meshAxis.getSize();
      if (index < 0 || index >= count)
        return error() << "stage " << index << " is none of the " << count;
      return success();
    }
  return error() << "mesh axis '" << axis.getValue() << "' is not in the mesh";
}

LogicalResult PipeDialect::verifyOperationAttribute(Operation *op, NamedAttribute attribute) {
  StringRef name = attribute.getName();
  if (name == stageAttrName) {
    if (!isa<ModuleOp>(op) || !isa<StageAttr>(attribute.getValue()))
      return op->emitError() << "'" << name << "' must be a #pipe.stage of a module";
    return success();
  }
  if (name == scheduleAttrName || name == timetableAttrName || name == wholeAttrName ||
      name == taskAttrName || name == copyAttrName)
    return success();
  return op->emitError() << "unknown attribute '" << name << "'";
}

StageAttr pipes::stageOf(Operation *op) {
  for (; op; op = op->getParentOp())
    if (isa<ModuleOp>(op))
      if (auto stage = op->getAttrOfType<StageAttr>(stageAttrName))
        return stage;
  return {};
}

SmallVector<ModuleOp> pipes::stagesOf(ModuleOp module) {
  SmallVector<ModuleOp> stages(module.getOps<ModuleOp>());
  if (stages.empty())
    stages.push_back(module);
  return stages;
}
